"""The closed sets of the format, one Literal each; the type checker verifies every use.

`docs/format.md` explains the words; `codes` has its own. Importing `typing` takes a third of
a bare start, so modules on that path import this one for the type checker only.
"""

from typing import Literal

Type = Literal["task", "question", "reply", "info"]
State = Literal["pending", "processing", "done", "failed"]
Kept = Literal[State, "sent", "outbox"]
"""The folder of a message's copy in its mailbox."""
WorkState = Literal[State, "released"]
"""What became of a message for which `watch --claim --exec` ran a command."""
Where = Literal[State, "outbox", "returned", "unreached", "unknown", "absent", "no-mailbox", "withdrawn"]
"""The state of one recipient's copy of a sent message."""
Resending = Literal["sent", "there", "left"]
"""What became of a message that was to be sent again."""

Delivery = Literal["asked", "start", "turn", "push"]
"""When an instance is shown mail by itself; each value includes those before it."""
SenderPolicy = Literal["show", "warn", "require"]
"""The policy for mail of uncertain senders."""
Moment = Literal["start", "prompt", "end", "idle"]
"""A session starts, a person's turn begins, a turn has ended, nothing happens in the program."""

InstanceKind = Literal["agent", "human", "room"]
Status = Literal["alive", "busy", "idle"]
Shown = Literal[Status, "blocked", "gone", "-"]
"""A status as others see it: `gone` once expired, `-` if there never was one."""
BridgeState = Literal["none", "runs", "waits", "died"]
"""A bridge's state by its heartbeats; one that `waits` runs and holds mail back."""

Policy = Literal["free", "round-robin", "mention", "moderator"]
RoomStatus = Literal["open", "paused", "closed"]
RoomCommand = Literal["join", "leave", "pause", "resume", "set", "close"]
RoomEvent = Literal[
    "opened", "joined", "left", "away", "paused", "resumed", "set", "closed", "refused", "limited", "heard"
]
EntryKind = Literal["line", "event"]

FileKind = Literal["file", "folder", "link", "other"]

FailureKind = Literal[
    "damaged",
    "empty",
    "expired",
    "failed",
    "gone",
    "hops",
    "looped",
    "refused",
    "timeout",
    "unanswerable",
    "uncertain",
]
"""Why a message was not answered; the notes of dead letters have all but `empty` too."""
