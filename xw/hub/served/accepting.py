"""Exchange an invitation for a member's own key: the half on the hub's host, which sshd starts.

The one-time key of an invitation starts `xw hub serve --invited`, and that does only this. One line of JSON
comes in and one goes out: so a host and a machine whose served protocols differ can still meet. `joining` is
the other half.
"""

import json
import os
import select
import time
from collections.abc import Callable
from typing import NamedTuple

from xw import clock
from xw.errors import Damaged, Refused, XwError, explain
from xw.hub.served import authorized
from xw.hub.served.authorized import KeysFile
from xw.message import parse_object

_LONGEST = 16 << 10  # bytes of a request or an answer
_TIMEOUT_S = 30.0
COMMAND = "xw accept"
"""The command that the other half asks for: sshd runs the forced one instead."""


class Invited(NamedTuple):
    """The arguments of `xw hub serve --invited`: the name, the one-time key's fingerprint, and the hub."""

    name: str
    key: str
    hub: str
    file: str = ""


def answer_one(invited: Invited, handles: tuple[int, int] = (0, 1)) -> int:
    """Read a request from the first handle, and answer on the second; return the exit code."""
    try:
        answer = _answer(invited, _line(handles[0]))
    except (XwError, OSError) as error:
        told = explain(error)
        answer = {"format": 1, "refused": str(told), "code": told.code}
    data = json.dumps(answer).encode() + b"\n"
    while data:
        data = data[os.write(handles[1], data) :]
    return int(str(answer.get("code", 0)))


def _answer(invited: Invited, request: bytes, now: Callable[[], int] = clock.now) -> dict[str, object]:
    try:
        asked = parse_object(request)
    except Damaged:
        asked = {}
    name, key = asked.get("accept"), asked.get("key")
    if not (isinstance(name, str) and isinstance(key, str)):
        raise Refused(
            f"this key is an invitation for {invited.name}: use it with the `xw init` line it came in"
        )
    entry = authorized.accept(KeysFile(invited.file), invited.key, invited.hub, name, key, now())
    return {"format": 1, "accepted": entry.name, "key": entry.fingerprint}


def _line(handle: int) -> bytes:
    """Return the first line, or what came instead. Raise Refused if nothing comes."""
    data = b""
    ends = time.monotonic() + _TIMEOUT_S
    while b"\n" not in data and len(data) < _LONGEST:
        if not select.select([handle], [], [], max(0.0, ends - time.monotonic()))[0]:
            raise Refused("no request came: use the invitation with the `xw init` line it came in")
        piece = os.read(handle, _LONGEST)
        if not piece or (not data and piece[:1] == b"\0"):  # the end, or an SFTP client's greeting
            break
        data += piece
    return data.partition(b"\n")[0][:_LONGEST]
