"""Find faults of keys, own and others', and of the owners of mail on a shared hub: for `doctor`."""

import os
from collections.abc import Iterator
from itertools import islice

from xw import keyring, layout
from xw.actions.git_exclude import is_in_git
from xw.credentials import ALLOWED
from xw.errors import Refused, XwError
from xw.files.groups import user_name
from xw.finding import Finding, of_error
from xw.instance import Instance
from xw.layout import INBOX
from xw.message import Message
from xw.sender_status import FORGED
from xw.signing.keys import PrivateKey
from xw.trust import allowed, pins, published

_LOOKED_AT = 200  # pending messages, and known names
_SHOWN = 5


def findings(instance: Instance) -> Iterator[Finding]:
    """Yield what is wrong with an instance's key, with the keys that it knows, and with its mail's owners."""
    credentials = instance.credentials
    ring = credentials.keyring
    try:
        if not ring.hub_id:
            what = "the hub's id is not known here, so mail goes unsigned"
            yield Finding("note", "no-key", what, f"xw init --name {instance.name}")
            return
        if wrong := credentials.wrong_hub():
            yield Finding("bad", "hub-id", wrong, f"xw init --name {instance.name}")
            return
        yield from _in_git(ring, instance.name)
        key = ring.find(instance.name)
        text = instance.hub.keys([instance.name])[0]
        yield from _own(instance, key, text)
        yield from _others(instance)
    except Refused as error:  # names the key's file, and the command
        yield Finding("bad", "unusable-key", str(error))
    except (XwError, OSError) as error:
        yield of_error(error)
    yield from _owners(instance)


def _own(instance: Instance, key: PrivateKey | None, text: str) -> Iterator[Finding]:
    name, ring = instance.name, instance.credentials.keyring
    if instance.carrier.mirror and (not text or (key and key.public not in published.keys(text))):
        text = ring.lines(name)  # the mirror may be older than the key
    if key is None and published.keys(text):
        what = f"no key of {name} is here, though one is published: mail from here goes unsigned"
        yield Finding("bad", "no-key", what, "xw keys import FILE, or xw keys new --lost")
    elif key is None:
        yield Finding("note", "no-key", "mail goes unsigned", f"xw init --name {name} makes a key")
    elif key.public not in published.keys(text):
        what = f"the key of {name} here is not published on the hub, which may be an older backup"
        yield Finding("bad", "unpublished-key", what, "xw sync")
    elif key.public not in published.first(text, name, ring.hub_id):
        what = f"the key of {name} here counts only for those who have trusted it"
        yield Finding("note", "unpublished-key", what, f"xw trust {name} on each machine that shows NEW KEY")


def _in_git(ring: keyring.Keyring, name: str) -> Iterator[Finding]:
    """Report private keys that git tracks, or would add."""
    paths = {f"{folder}/{one}" for folder in ring.folders for one in keyring.names(ring)}
    paths |= {ring.path(name) or ""} - {""}
    for path in sorted(paths):
        if os.path.isfile(path) and is_in_git(path):
            what = f"git tracks the private key {path}, or would add it"
            fix = "move it out of the work tree; once it was committed, xw keys new --lost"
            yield Finding("bad", "key-in-git", what, fix)


def _others(instance: Instance) -> Iterator[Finding]:
    """Report names whose published keys are none of those that are known here for them."""
    credentials = instance.credentials
    ring = credentials.keyring
    known = {name: {pin.key for pin in some} for name, some in pins.load(ring.trusted).names.items()}
    here = set(instance.hub.instances())
    listed = allowed.load(credentials.allowed) if credentials.allowed else ()
    for name in here:
        lines = [one for one in listed if one.is_for(name)]
        if lines:
            known[name] = {one.key for one in lines if one.key}
        if any(one.key is None for one in lines):
            what = f"{credentials.allowed} has a line for {name} that xw cannot use"
            fix = f"write {name}, options that ssh-keygen knows, and an ssh-ed25519 key"
            yield Finding("bad", "team-file", what, fix, instance=name)
    names = [name for name in sorted(known) if name in here and name != instance.name]
    for name, text in zip(names, instance.hub.keys(names), strict=True):
        keys = published.current(text)
        if keys and not published.led_to(text, known[name], name, ring.hub_id).intersection(keys):
            what = f"the key that {name} publishes, {keys[0].fingerprint}, is not the one known here"
            fix = f"ask {name} by another way, then xw trust {name}, or change {ALLOWED}"
            yield Finding("bad", "key-changed", what, fix, instance=name)


def _owners(instance: Instance) -> Iterator[Finding]:
    """Report another user's mailbox on a group hub, and pending mail that its sender did not send."""
    box = instance.mailbox
    if box.files.group:
        owner = os.lstat(f"{box.files.root}/{box.owner}").st_uid
        if os.geteuid() and owner != os.geteuid():
            what = f"the mailbox of {box.owner} belongs to the user {user_name(owner)}"
            yield Finding("note", "foreign-owner", what, "use a name of your own: xw init --name NAME")
    strange = []
    for message in box.read_each(INBOX["pending"], list(islice(box.pending(), _LOOKED_AT))):
        if isinstance(message, Message):
            status = box.judged(message).status
            if status and status.word == FORGED:
                strange.append(layout.short_id(message.file_name))
    if strange:
        shown = ", ".join(strange[:_SHOWN]) + (", …" if len(strange) > _SHOWN else "")
        what = f"{len(strange)} pending messages are not their senders': {shown}"
        yield Finding("bad", "forged-mail", what, "xw read ID shows why", len(strange))
