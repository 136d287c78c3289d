"""The closed sets of the format, one Literal each, which the type checker holds every use against.

`docs/format.md` says what the words mean; `failure` and `codes` have those of their own subjects.
Importing `typing` takes a third of a bare start-up, so modules on that path import this
for the type checker alone.
"""

from typing import Literal

Type = Literal["task", "question", "reply", "info"]
State = Literal["pending", "processing", "done", "failed"]
Kept = Literal[State, "sent", "outbox"]
"""Where a copy of a message lies in its mailbox."""
Where = Literal[State, "outbox", "returned", "unreached", "unknown"]
"""Where one recipient's copy of a sent message is."""

InstanceKind = Literal["agent", "human", "room"]
Status = Literal["alive", "busy", "idle"]
Shown = Literal[Status, "gone", "-"]
"""A status as others see it: `gone` past its time, `-` where none was ever given."""
BridgeState = Literal["none", "runs", "waits", "died"]
"""Of a bridge, as far as its heartbeats tell; one that `waits` runs, and holds mail back."""

Policy = Literal["free", "round-robin", "mention", "moderator"]
RoomStatus = Literal["open", "paused", "closed"]
RoomCommand = Literal["join", "leave", "pause", "resume", "close"]
RoomEvent = Literal[
    "opened", "joined", "left", "away", "paused", "resumed", "closed", "refused", "limited", "heard"
]
EntryKind = Literal["line", "event"]

FileKind = Literal["file", "folder", "link", "other"]
