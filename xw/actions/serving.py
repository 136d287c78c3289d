"""Serve one member of a hub on this connection: `xw hub serve`, which sshd's forced command runs."""

import os
from collections.abc import Callable, Mapping, Sequence

from xw.errors import Usage
from xw.hub.served.audit import Who
from xw.hub.served.frames import Broken, Channel
from xw.hub.served.server import Server, Watch
from xw.hub.served.uploads import Cut

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_RESCAN_S = 60.0  # between two looks at the folders that no event has asked for


def serve(
    path: str, member: str, key: str, allowed: Callable[[], bool], environ: Mapping[str, str] = os.environ
) -> str:
    """Serve until the connection ends; return why the server ended it, or "".

    `key` is the fingerprint of the key that sshd has accepted. Raise Usage for a relative path.
    """
    if not path.startswith("/"):
        raise Usage(f"{path!r} is not an absolute path: name the hub's directory so in authorized_keys")
    address = environ.get("SSH_CONNECTION", "").partition(" ")[0]
    channel = Channel(0, 1)
    try:
        Server(channel, path, Who(member, key, address), _watch, allowed).run()
    except (Broken, Cut) as error:
        return str(error)
    return ""


def _watch(folders: Sequence[str]) -> "AbstractContextManager[Watch]":
    from xw.watch import Arrivals  # 40 ms, which a connection without pushes saves

    return Arrivals(folders, rescan=_RESCAN_S)
