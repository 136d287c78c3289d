"""A finding of `doctor`: what is right or wrong, with a stable code and numbers for programs.

The doctor's own checks yield findings, and so may every hub. Sentences may change from version to
version; levels and codes may not.
"""

from typing import Literal, NamedTuple, cast

from xw.errors import XwError, explain

# The `word` of each class in errors.py, and `bug` for a fault in xw itself.
ErrorCode = Literal[
    "failed",
    "busy",
    "damaged",
    "unreadable",
    "newer-format",
    "no-answer",
    "usage",
    "not-found",
    "timed-out",
    "unreachable",
    "refused",
    "bug",
]
Level = Literal["ok", "note", "bad"]

# A code says what the finding is about, the level whether it is in order; docs/commands.md lists them.
Code = Literal[
    # configuration and files of the project
    "config",
    "hub",
    "wrong-owner",
    "wrong-group",
    "planted-link",
    "other-hub",
    "unsent-elsewhere",
    "unreadable-mirror",
    # the mailbox, and the way to the hub
    "mirror-age",
    "mirror-watched",
    "mirror-in-worktree",
    "not-looked-at",
    "connected",
    "not-durable",
    "no-mailbox",
    "clock-skew",
    "folders",
    "missing-folders",
    "unreadable-folders",
    "open-permissions",
    "writable",
    "not-writable",
    # mail
    "stray-file",
    "pending",
    "claimed",
    "outbox",
    "outbox-blocked",
    "dead-letters",
    "refused-mail",
    "ids-ahead",
    # who serves it
    "bridge",
    "bridge-down",
    "bridge-waits",
    "bridge-unseen",
    "room-down",
    ErrorCode,  # of an error that ended a check
]


class Finding(NamedTuple):
    """One thing that `doctor` looked at, and how to fix it where it is not in order.

    `number` is how many messages, folders or files it is about, `age_s` the age of the oldest in
    seconds, `skew_s` how far a clock is ahead in seconds; None where that says nothing. `instance`
    is the one that it is about; `doctor` puts in its own where that is empty.
    """

    level: Level
    code: Code
    what: str
    fix: str = ""
    number: int | None = None
    age_s: float | None = None
    skew_s: float | None = None
    instance: str = ""


def of_error(error: XwError | OSError) -> Finding:
    """Return the finding for an error that ended a check."""
    told = explain(error)
    return Finding("bad", cast("Code", told.word), str(told))
