"""Rooms: an instance that passes each member's lines to the others, and decides who speaks next.

`scene` holds the values that policies look at; `free`, `round_robin`, `mention`
and `moderator` are the policies, `policies` their table. `record` reads a
room's history from its files, `state` folds it, `admission` decides about each
message, `coordinator` acts, `transcript` shows the result. `docs/rooms.md` has
the rules.
"""
