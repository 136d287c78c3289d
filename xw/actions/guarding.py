"""Guard the names on a hub: nobody takes an existing name over from elsewhere by accident.

`init`, `unregister` and `room create` ask here (docs/decisions/0070). A served hub guards its names itself. A
directory hub cannot: whoever may write its files can do all of this without xw.
"""

import os
from collections.abc import Mapping

from xw import config, keyring
from xw.config import Config
from xw.errors import Refused, Usage, XwError
from xw.files.ownership import is_root
from xw.hub import admission
from xw.hub.contract import Hub
from xw.hub.directory import DirectoryHub
from xw.instance import Options, load_config, open_hub, usual_mirror, where_now
from xw.layout import INBOX, check_name
from xw.named_tuple import NamedTuple
from xw.trust import published

TYPE_CHECKING = False  # type checkers read it as true
if TYPE_CHECKING:
    from xw.shapes import keys


_OTHERS_WRITE = 0o022


class Admitted(NamedTuple):
    """A name that one more machine may use, on a hub."""

    name: str
    hub: str

    def to_json(self) -> "keys.Admitted":
        """Return the object that `--json` prints."""
        return {"format": 1, "name": self.name, "hub": self.hub}


def check(hub: Hub, name: str, found: Config, environ: Mapping[str, str] = os.environ) -> None:
    """Raise Refused if a name that exists on the hub is in use elsewhere, and nothing here proves it is ours.

    An admission by the hub's owner counts, and is used up.
    """
    if not isinstance(hub, DirectoryHub) or is_ours(hub, name, found, environ):
        return
    if _is_by_owner(hub, name) and admission.use(hub.files, name):
        return
    raise Refused(
        f"{name!r} is in use elsewhere on {hub.url}: `xw keys export FILE` there and `xw keys import FILE` "
        f"here let this machine share it, or the hub's owner runs `xw hub admit {name}` on its host; "
        "another --name makes your own mailbox"
    )


def is_ours(hub: Hub, name: str, found: Config, environ: Mapping[str, str] = os.environ) -> bool:
    """Return True if this user holds a name's mailbox or its mirror here, or a key that it publishes.

    Raise Refused if its key here cannot be used.
    """
    if config.is_remote(hub.url):
        mirror = usual_mirror(hub.url, name, found, environ)
        if os.path.isdir(f"{mirror}/{name}/{INBOX['pending']}"):
            return True
    elif owns(f"{hub.url}/{name}"):
        return True
    key = keyring.of(hub.identity(), found, environ).find(name)
    return key is not None and key.public in published.keys(hub.keys([name])[0])


def owns(path: str) -> bool:
    """Return True if a path belongs to this user, who may be root."""
    return is_root() or os.lstat(path).st_uid == os.geteuid()


def _is_by_owner(hub: Hub, name: str) -> bool:
    """Return True unless, on this machine, another than the hub's owner left the admission or may edit it."""
    if config.is_remote(hub.url):
        return True
    try:
        look = os.lstat(admission.path_in(hub.url, name))
    except FileNotFoundError:
        return False
    return look.st_uid in (os.stat(hub.url).st_uid, 0) and not look.st_mode & _OTHERS_WRITE


def admit(options: Options, name: str, environ: Mapping[str, str] = os.environ) -> Admitted:
    """Let the next `init` of a name from elsewhere use it, within a day.

    Raise Usage for a hub on another host, NotFound for a name that does not exist, Refused for another
    user's hub.
    """
    found = load_config(options, environ)
    url = where_now(config.hub_url(options.hub, environ, found), found, environ)
    check_name(name)
    if config.is_remote(url):
        raise Usage(f"{url} is on another host: run `xw hub admit {name} --hub PATH` there, as its owner")
    files, hub = open_hub(url)
    if not owns(url):
        raise Refused(f"the hub {url} belongs to another user: only that user admits machines")
    hub.peer(name)  # raises NotFound, with the nearest name
    try:
        admission.leave(files, name)
    except PermissionError as error:
        raise XwError(f"{url}/{name} cannot be written: {error.strerror}: its owner must be you") from None
    return Admitted(name, url)
