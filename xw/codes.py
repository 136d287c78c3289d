"""The stable codes of errors and findings, for programs; docs/commands.md lists them."""

from typing import Literal

# The `word` of each class in errors.py, and `bug` for a bug in xw.
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
    "moved",
    "refused",
    "copied",
    "bug",
    "interrupted",
]

Level = Literal["ok", "note", "bad"]

# The code names a finding's subject, the level its seriousness; docs/commands.md lists them.
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
    "stale-install",
    "hub-moved",
    "hub-copy",
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
    "peer-mailbox",
    "cut-uploads",
    # keys
    "no-key",
    "unpublished-key",
    "unusable-key",
    "key-in-git",
    "key-changed",
    "team-file",
    "hub-id",
    "foreign-owner",
    "forged-mail",
    # mail
    "pending",
    "claimed",
    "outbox",
    "outbox-blocked",
    "dead-letters",
    "refused-mail",
    "ids-ahead",
    # the bridge and other readers of the mail
    "bridge",
    "bridge-down",
    "ended",
    "bridge-waits",
    "bridge-unseen",
    "on-hold",
    "shared-name",
    "room-down",
    "launched",
    "launch-left",
    ErrorCode,  # of an error that ended a check
]
