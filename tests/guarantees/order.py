"""The order of system calls that durability rests on, read from a trace. Each finding is one breach.

1. A file gets its name in a mailbox by `link` (or a rename within the mailboxes): never by being
   written there, and never over another.
2. It was made with O_EXCL and O_NOFOLLOW, and fsynced after its last write, before it got the name.
3. Each folder in which a name changed is fsynced before the next acknowledgement.
4. An outbox copy is removed only after the message was put into its recipient's mailbox, and the fsync of
   that folder.
"""

import re
from collections.abc import Sequence

from tests.guarantees.traced import Call

_STATES = re.compile(r".*/(?:inbox/(?:pending|processing|done|failed)|outbox/[^/]+|sent|attachments/[^/]+)")
_REQUIRED = ("O_EXCL", "O_NOFOLLOW")


class _Written:
    """The state of a file that this run has made."""

    def __init__(self) -> None:
        self.synced = True  # empty: nothing to lose


def breaches(calls: Sequence[Call]) -> list[str]:
    """Return where a run breaks the order. Reads only calls that succeeded."""
    wrong: list[str] = []
    made: dict[str, _Written] = {}
    unsynced: dict[str, str] = {}
    safe: set[str] = set()
    named: set[str] = set()
    for call in calls:
        if call.result is None or call.result < 0:
            continue
        folders = [path.rpartition("/")[0] for path in call.paths]
        in_state = [bool(_STATES.fullmatch(folder)) for folder in folders]
        if call.name == "openat" and "O_CREAT" in call.arguments:
            if in_state[0]:
                wrong.append(f"written in place: {call.paths[0]}")
            elif "/inbox/tmp/" in call.paths[0]:
                wrong += [
                    f"opened without {flag}: {call.paths[0]}"
                    for flag in _REQUIRED
                    if flag not in call.arguments
                ]
            made[call.paths[0]] = _Written()
        elif call.name == "write" and call.paths[0] in made:
            made[call.paths[0]].synced = False
        elif call.name in ("fsync", "fdatasync"):
            if call.paths[0] in made:
                made[call.paths[0]].synced = True
            unsynced.pop(call.paths[0], None)
            safe |= {path for path in named if path.rpartition("/")[0] == call.paths[0]}
        elif call.act in ("link", "rename"):
            source, target = call.paths
            if source in made and not made[source].synced:
                wrong.append(f"named before its fsync: {target}")
            if (
                call.act == "rename"
                and "/inbox/tmp/" in source
                and re.search(r"/inbox/(?!tmp|failed|\.)|/outbox/", target)
            ):
                wrong.append(f"published by a rename that overwrites: {target}")
            if source in made:
                made[target] = made[source]
            unsynced[folders[1]] = target
            named.add(target)
            if call.act == "rename" and in_state[0]:
                unsynced[folders[0]] = source
        elif call.act == "unlink" and in_state[0]:
            to, name = call.paths[0].split("/")[-2:]
            if "/outbox/" in folders[0] and not any(p.endswith(f"/{to}/inbox/pending/{name}") for p in safe):
                wrong.append(f"removed before the fsync of the delivery: {call.paths[0]}")
            unsynced[folders[0]] = call.paths[0]
        elif call.act == "mkdir":
            unsynced[folders[0]] = call.paths[0]
        elif call.acknowledges:
            wrong += [
                f"acknowledged before the fsync of {folder}, for {name}" for folder, name in unsynced.items()
            ]
    return wrong
