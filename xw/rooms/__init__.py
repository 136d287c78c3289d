"""Rooms: an instance that passes what one member says to the others, and decides who speaks next.

`scene` holds the values that policies look at; `free`, `round_robin`, `mention`
and `moderator` are the policies, `policies` their table. `record` reads a
room's history from its files, `state` folds it, `coordinator` acts on it,
`transcript` shows it. `docs/rooms.md` says what holds.
"""
