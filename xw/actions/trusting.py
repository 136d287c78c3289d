"""Show the keys that are known here, and confirm or forget them: `xw keys`, `xw keys show`, `xw trust`.

`trust.pins` keeps what a person has confirmed; `trust.senders` judges mail by it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from xw import clock, keyring, layout
from xw.actions.unsigned import why_unsigned
from xw.credentials import ALLOWED
from xw.errors import NotFound, Refused, Usage
from xw.instance import Instance
from xw.signing.keys import PrivateKey, PublicKey
from xw.trust import allowed, pins, published
from xw.trust.pins import OWN, TRUSTED, Pin

if TYPE_CHECKING:
    from xw.shapes import keys as shapes


class KnownKey(NamedTuple):
    """A key known for a name: why (`how`), since when, and the file if it is the private one in use here."""

    name: str
    key: PublicKey
    how: str
    since: str = ""
    confirmed: bool = False
    here: str = ""

    def to_json(self) -> "shapes.Known":
        """Return the object that `--json` prints."""
        return {
            "name": self.name,
            "key": self.key.fingerprint,
            "public": str(self.key),
            "how": self.how,
            "since": self.since or None,
            "confirmed": self.confirmed,
            "here": self.here or None,
        }


class Keys(NamedTuple):
    """The keys known here for a hub, and the team's file, empty if there is none.

    `hint` is what to do if the acting instance has no key here; else it is empty.
    """

    name: str
    hub: str
    hub_id: str
    allowed_signers: str
    keys: tuple[KnownKey, ...]
    hint: str = ""

    def to_json(self) -> "shapes.Keys":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "hub": self.hub,
            "hub_id": self.hub_id,
            "allowed_signers": self.allowed_signers or None,
            "keys": [one.to_json() for one in self.keys],
        }


class Signer(NamedTuple):
    """An instance's keys, and the lines for them in a team's file."""

    name: str
    keys: tuple[PublicKey, ...]
    lines: tuple[str, ...]

    def to_json(self) -> "shapes.Signer":
        """Return the object that `--json` prints."""
        keys = [str(key) for key in self.keys]
        return {"format": 1, "name": self.name, "keys": keys, "allowed_signers": list(self.lines)}


class Trusted(NamedTuple):
    """The result of `trust`: the keys that count now, those known before, and those that count no more."""

    name: str
    trusted: tuple[PublicKey, ...]
    before: tuple[Pin, ...]
    forgotten: tuple[PublicKey, ...]

    @property
    def others(self) -> tuple[PublicKey, ...]:
        """The keys that were known before, and count as well."""
        left = (*self.trusted, *self.forgotten)
        return tuple(pin.key for pin in self.before if pin.key not in left)

    def to_json(self) -> "shapes.Trusted":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "name": self.name,
            "trusted": [key.fingerprint for key in self.trusted],
            "before": [pin.key.fingerprint for pin in self.before],
            "forgotten": [key.fingerprint for key in self.forgotten],
        }


def listed(instance: Instance) -> Keys:
    """Return all keys that are known here for the hub, by name. Raise Damaged or Refused."""
    credentials = instance.credentials
    ring = credentials.keyring
    found = pins.load(ring.trusted)
    here = {name: key for name in keyring.names(ring) if (key := ring.find(name))}
    own = ring.find(instance.name)
    if own is not None:
        here[instance.name] = own
    known = [
        KnownKey(name, pin.key, pin.how, pin.at, pin.confirmed, _file(ring, name, pin.key, here.get(name)))
        for name, some in found.names.items()
        for pin in some
    ]
    pinned = {(one.name, one.key) for one in known}
    for name, key in here.items():
        if (name, key.public) not in pinned:
            known.append(KnownKey(name, key.public, OWN, confirmed=True, here=ring.path(name) or ""))
    signers = allowed.load(credentials.allowed) if credentials.allowed else ()
    known += [KnownKey(one.principals, one.key, ALLOWED, confirmed=True) for one in signers if one.key]
    ordered = sorted(known, key=lambda one: (one.name, not one.here, one.since))
    return Keys(
        instance.name,
        instance.hub.url,
        credentials.hub_id,
        credentials.allowed if signers else "",
        tuple(ordered),
        "" if own else _hint(instance),
    )


def _hint(instance: Instance) -> str:
    name = instance.name
    none = f"no key of {name} is here for {instance.hub.url}: `xw init --name {name}` makes one"
    return why_unsigned(instance) or none


def _file(ring: keyring.Keyring, name: str, key: PublicKey, own: PrivateKey | None) -> str:
    return (ring.path(name) or "") if own is not None and own.public == key else ""


def shown(instance: Instance, name: str | None) -> Signer:
    """Return the keys of an instance, by default the acting one: its own here, or those it publishes.

    Raise NotFound if it publishes none.
    """
    name = layout.check_name(name or instance.name)
    own = instance.credentials.keyring.find(name)
    keys = (own.public,) if own else tuple(_published(instance, name))
    if not keys:
        what = f"{name} publishes no key on {instance.hub.url}"
        raise NotFound(f"{what}: `xw init --name {name}` of a current xw makes one")
    return Signer(name, keys, tuple(f'{name} namespaces="xw@1:*" {key} {name}' for key in keys))


def _published(instance: Instance, name: str) -> list[PublicKey]:
    hub = instance.carrier.remote()
    hub.peer(name)  # raises NotFound, with the nearest name
    return published.current(hub.keys([name])[0])


def trust(instance: Instance, name: str, fingerprint: str | None) -> Trusted:
    """Confirm the key that an instance publishes, or the one of its keys that has a fingerprint.

    Its other keys that are known here count no more, unless it publishes them and they were confirmed. Raise
    NotFound if there is no such key, Usage if there are several that do not lead to each other.
    """
    ring = instance.credentials.keyring
    hub_id, folders = ring.hub_id, ring.trusted
    before = pins.load(folders).of(layout.check_name(name))
    hub = instance.carrier.remote()
    hub.peer(name)  # raises NotFound, with the nearest name
    text = hub.keys([name])[0]
    current = published.current(text)
    chosen = _chosen(name, current, fingerprint, lambda key: published.led_to(text, [key], name, hub_id))
    # A second machine's key stays confirmed; one that was only seen, and perhaps planted, does not.
    others = (pin.key for pin in before if pin.how == OWN or (pin.confirmed and pin.key in current))
    kept = {*chosen, *others}
    gone = tuple(pin.key for pin in before if pin.key not in kept)
    for key in chosen:
        _must(pins.pin(folders, name, Pin(key, TRUSTED, confirmed=True), clock.now()), folders)
    for key in gone:
        _must(pins.unpin(folders, name, key), folders)
    return Trusted(name, tuple(chosen), before, gone)


def _chosen(
    name: str,
    current: list[PublicKey],
    fingerprint: str | None,
    led_to: Callable[[PublicKey], set[PublicKey]],
) -> list[PublicKey]:
    """Return the published keys to trust: all that the chosen one leads to, itself first."""
    wanted = [key for key in current if fingerprint in (None, key.fingerprint)]
    if not wanted:
        what = f"no key {fingerprint}" if fingerprint else "no key"
        raise NotFound(f"{name} publishes {what}{_list(current)}")
    together = led_to(wanted[0])
    if fingerprint is None and not together.issuperset(current):
        raise Usage(
            f"{name} publishes keys that do not lead to each other{_list(current)}: ask {name} for the right "
            f"one, then `xw trust {name} --key FINGERPRINT`"
        )
    return [key for key in current if key in together]


def _list(keys: Iterable[PublicKey]) -> str:
    listed = ", ".join(key.fingerprint for key in keys)
    return f" ({listed})" if listed else ""


def forget(instance: Instance, name: str, fingerprint: str | None) -> Trusted:
    """Forget the keys known for an instance, or one of them. Raise NotFound if there is none.

    Its next message counts as the first one.
    """
    folders = instance.credentials.keyring.trusted
    before = pins.load(folders).of(layout.check_name(name))
    gone = [pin.key for pin in before if fingerprint in (None, pin.key.fingerprint)]
    if not gone:
        what = f"no key {fingerprint}" if fingerprint else "no key"
        raise NotFound(f"{what} of {name} is known here{_list(pin.key for pin in before)}")
    for key in gone:
        _must(pins.unpin(folders, name, key), folders)
    return Trusted(name, tuple(pin.key for pin in before if pin.key not in gone), before, tuple(gone))


def _must(done: bool, folders: tuple[str, ...]) -> None:
    if not done:
        raise Refused(f"{folders[0]}/{pins.FILE} cannot be written: nothing was confirmed or forgotten")
