"""A line for each delivery over a served hub: `<hub>/.served/audit-<year>-<month>.jsonl`, mode 0600.

A line is written before the delivery is acknowledged, so every acknowledged one has a line; after a power cut
the last lines may be missing. Used by `delivering`.
"""

import json
import os

from xw import clock
from xw.errors import XwError
from xw.files.local import LocalFiles
from xw.hub.served.limits import FOLDER
from xw.message import Attachment
from xw.named_tuple import NamedTuple

_SAID = 300  # characters of an error


class Who(NamedTuple):
    """The connected member, with its key's fingerprint and its client's address, if known."""

    member: str
    key: str = ""
    address: str = ""


def note(
    files: LocalFiles,
    who: Who,
    to: str,
    name: str,
    size: int,
    attached: tuple[Attachment, ...],
    error: XwError | None,
) -> None:
    """Add a line about a delivery, or about one that failed. Raise OSError if it cannot be written."""
    now = clock.rfc3339(clock.now())
    message_id, kind, *_ = [*name.split("."), ""]
    line = {
        "time": now,
        "from": who.member,
        "to": to,
        "id": message_id,
        "type": kind,
        "bytes": size + sum(file.size for file in attached),
        "files": len(attached),
        "key": who.key,
        "address": who.address,
        "outcome": str(error)[:_SAID] if error else "delivered",
    }
    path = files.path(f"{FOLDER}/audit-{now[:7]}.jsonl")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        # In one call, so that lines of several servers do not mix.
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)
