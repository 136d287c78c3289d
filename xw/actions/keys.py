"""An instance's key, made by `init` and published on the hub: others tell its mail from a stranger's."""

from contextlib import suppress

from xw import clock, keyring
from xw.errors import Copied, XwError
from xw.files.access import DENIED
from xw.hub.contract import Hub
from xw.instance import Instance
from xw.mirror.recognise import recognise
from xw.signing.keys import PrivateKey, generate
from xw.trust import published
from xw.trust.pins import OWN, Pin, pin


def ensure(instance: Instance, hub: Hub) -> None:
    """Make a key for an instance that has none here, and publish it on the hub; repeating it is harmless.

    Nothing is published on a hub that cannot be written from here. Raise Refused if the key cannot be used.
    """
    mirror = instance.carrier.mirror
    if mirror:
        with suppress(Copied):  # the next sync reports it; without the hub's id, mail goes unsigned
            recognise(mirror, hub, [], None)
    else:
        keyring.note_hub(instance.root, hub.identity())
    ring = instance.credentials.keyring
    if not ring.hub_id:
        return
    key = ring.find(instance.name)
    if key is None:
        key = generate(f"{instance.name}@xw")
        try:
            ring.keep(instance.name, key)
        except FileExistsError:  # another process was faster
            key = ring.find(instance.name)
        except OSError as error:
            if error.errno not in DENIED:
                raise
            return  # in a sandbox: the mail goes unsigned, and `doctor` says so
    if key is None:
        return
    try:
        publish(instance, hub, key)
    except OSError as error:
        if error.errno not in DENIED:
            raise


def publish(instance: Instance, hub: Hub, key: PrivateKey, earlier: PrivateKey | None = None) -> None:
    """Publish an instance's key on the hub, after the `earlier` one that it replaces, and pin it here."""
    credentials = instance.credentials
    pin(credentials.keyring.trusted, instance.name, Pin(key.public, OWN, confirmed=True), clock.now())
    (text,) = hub.keys([instance.name])
    if key.public in published.keys(text):
        return
    hub.add_key(instance.name, published.line(key.public, instance.name, credentials.hub_id, earlier))


def restore(instance: Instance) -> None:
    """Publish the key again where it is missing, as after a restore of the hub from an older backup."""
    with suppress(XwError, OSError):  # the next such call tries again
        key = instance.credentials.keyring.find(instance.name)
        if key is None:
            return
        (seen,) = instance.hub.keys([instance.name])
        if key.public not in published.keys(seen):
            publish(instance, instance.carrier.remote(), key)
