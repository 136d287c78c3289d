"""An instance's key, made by `init` and published on the hub: others tell its mail from a stranger's."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from xw import clock, keyring
from xw.errors import Copied, NotFound, Refused, Usage, XwError
from xw.files.access import DENIED
from xw.hub.contract import Hub
from xw.instance import Instance
from xw.keyring import Keyring
from xw.mirror.recognise import recognise
from xw.signing.keys import PrivateKey, PublicKey
from xw.trust import former, published
from xw.trust.pins import OWN, Pin, pin

if TYPE_CHECKING:
    from xw.shapes import keys as shapes


def ensure(
    instance: Instance, hub: Hub, fresh: bool = False, tell: Callable[[str], None] = lambda text: None
) -> None:
    """Make a key for an instance that has none here, and publish it on the hub; repeating it is harmless.

    Nothing is published on a hub that cannot be written from here. A hub that is not `fresh` and has another
    id than before takes its keys here along. `tell` gets a sentence if the name publishes a key that is not
    here. Raise Refused if the key cannot be used.
    """
    mirror = instance.carrier.mirror
    before = mirror.notes.about().id or "" if mirror else keyring.known_hub(instance.root)
    if mirror:
        with suppress(Copied):  # the next sync reports it; without the hub's id, mail goes unsigned
            recognise(mirror, hub, [], None, again=bool(before))
    ring = instance.credentials.keyring if mirror or hub.identity() else None
    if ring is None or not ring.hub_id:
        return
    try:
        if before and before != ring.hub_id and not fresh:
            take_along(hub, keyring.of(before, instance.config), ring)
        if not mirror:
            keyring.note_hub(instance.root, ring.hub_id)
        key = ring.find(instance.name)
        if key is None:
            others = published.keys(hub.keys([instance.name])[0])
            _make(instance, hub)
            if others:
                tell(_stranger(instance.name, others))
        else:
            publish(instance, hub, key)
            for line in ring.lines(instance.name).splitlines()[:1]:
                hub.add_key(instance.name, line)  # an older xw's init drops the key from the card
    except OSError as error:  # in a sandbox: the mail goes unsigned, and `doctor` says so
        if error.errno not in DENIED:
            raise


def _stranger(name: str, others: list[PublicKey]) -> str:
    """Return the sentence about a first key made here for a name that others know by another one."""
    known = f"{name} publishes another key, {others[0].fingerprint}, which is not here"
    return f"{known}: others will see NEW KEY at mail from here until they run `xw trust {name}`"


def take_along(hub: Hub, old: Keyring, new: Keyring) -> None:
    """Take the keys here, and what is known of others', from a hub's former id to its new one.

    Keys that were published after others are published as first ones: what leads to them names the former id.
    """
    for name in former.inherit(old, new, clock.now()):
        with suppress(NotFound):
            key, (text,) = new.find(name), hub.keys([name])
            if key and text and key.public not in published.first(text, name, new.hub_id):
                hub.add_key(name, published.line(key.public, name, new.hub_id, lost=True))


def _make(instance: Instance, hub: Hub) -> None:
    """Make an instance's first key here: published before it signs anything."""
    ring, name = instance.credentials.keyring, instance.name
    with ring.changing():
        key = ring.find(name)  # another process may have been faster
        if key is None:
            key = ring.begin(name)
            publish(instance, hub, key)
            ring.finish(name, key)


class Renewed(NamedTuple):
    """An instance's new key: fingerprints of it and of the one before (empty: none here), and its file."""

    name: str
    key: str
    before: str
    file: str
    lost: bool

    def to_json(self) -> "shapes.Renewed":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "key": self.key,
            "before": self.before or None,
            "file": self.file,
            "lost": self.lost,
        }


def renew(instance: Instance, lost: bool = False) -> Renewed:
    """Make an instance a new key, published with the old one's signature over it; a repetition completes it.

    With `lost`, no earlier key counts any more for those who have seen none of them. Raise Refused if there
    is no old key here, or the hub lets the instance in by its key; Usage if XW_KEY names the key.
    """
    ring, name = instance.credentials.keyring, instance.name
    if ring.named:
        raise Usage(f"XW_KEY names the key {ring.named}: unset it, and `xw keys new` makes one of xw's own")
    hub = instance.carrier.remote()
    if not ring.hub_id:
        raise Refused(f"the id of the hub {instance.hub.url} is not known here: `xw init --name {name}` asks")
    if hub.limits().one_owner:
        raise Refused(
            f"{hub.url} lets {name} in by its key: to change it, move {ring.path(name)} away, and ask the "
            f"hub's owner for `xw hub invite {name}`"
        )
    with ring.changing():
        old = ring.find(name)
        if old is None and not lost:
            raise Refused(
                f"no key of {name} is here: `xw keys import FILE` brings it from another machine; "
                "if it is lost, `xw keys new --lost` makes another one"
            )
        if lost:
            ring.drop(name)  # one that was published as following the lost one
        key = ring.begin(name)
        if old and key.public == old.public:  # an earlier call was interrupted just before its end
            ring.drop(name)
            key = ring.begin(name)
        publish(instance, hub, key, None if lost else old, lost)
        path = ring.finish(name, key)
    return Renewed(name, key.public.fingerprint, old.public.fingerprint if old else "", path, lost)


def publish(
    instance: Instance, hub: Hub, key: PrivateKey, earlier: PrivateKey | None = None, lost: bool = False
) -> None:
    """Publish an instance's key on the hub, after the `earlier` one that it replaces, and pin it here."""
    credentials, name = instance.credentials, instance.name
    pin(credentials.keyring.trusted, name, Pin(key.public, OWN, confirmed=True), clock.now())
    (text,) = hub.keys([name])
    if key.public not in published.keys(text):
        hub.add_key(name, published.line(key.public, name, credentials.hub_id, earlier, lost))
        (text,) = hub.keys([name])
    credentials.keyring.note_lines(name, text)


def restore(instance: Instance) -> None:
    """Publish the key again where it is missing, as after a restore of the hub from an older backup."""
    with suppress(XwError, OSError):  # the next such call tries again
        ring, name = instance.credentials.keyring, instance.name
        key = ring.find(name)
        if key is None:
            return
        (seen,) = instance.hub.keys([name])
        if key.public in published.keys(seen):
            ring.note_lines(name, seen)
            return
        hub = instance.carrier.remote()
        for line in ring.lines(name).splitlines():  # with the earlier keys that lead to it
            if line not in seen.splitlines():
                hub.add_key(name, line)
        publish(instance, hub, key)
