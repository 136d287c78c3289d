"""Use an invitation on the new machine: `xw init --invite`. `setup.init` calls it before it joins the hub."""

from collections.abc import Callable, Mapping

from xw import keyring, schemes
from xw.config import Config
from xw.errors import Refused, Usage
from xw.hub.served import invitation
from xw.keyring import Keyring
from xw.signing.keys import generate


def use(
    url: str,
    name: str,
    word: str,
    found: Config,
    tell: Callable[[str], None],
    environ: Mapping[str, str],
) -> str:
    """Make this machine's own key that of member `name` of a served hub; return its file. Repeatable.

    Raise Usage if the invitation is damaged, Refused if it is not valid any more.
    """
    given = invitation.read(word)
    if schemes.of(url) != "ssh":
        raise Usage(f"--invite is for a hub at ssh://…, not for {url}: copy the whole line")
    from xw.hub.served.joining import hand_over

    key = own_key(keyring.of(given.hub_id, found, environ), name)
    hand_over(url, name, given, key, tell)
    return key


def own_key(ring: Keyring, name: str) -> str:
    """Return the file of an instance's key, made if missing. Raise Refused if it cannot be used."""
    key = ring.find(name)
    if key is None:
        try:
            return ring.keep(name, generate(f"{name}@xw"))
        except FileExistsError:  # another process was faster
            ring.find(name)
    path = ring.path(name)
    if path is None:
        raise Refused(f"the key of {name} disappeared while it was made: try again")
    return path
