"""The keys that an instance publishes on its hub: the lines of `<instance>/key`.

    ssh-ed25519 AAAA…                 the first key, which counts for whoever has seen none before
    ssh-ed25519 AAAA… U1NIU0lH…       a later key; the signature of an earlier one over it leads to it
    ssh-ed25519 AAAA… first           a first key again: those above were lost, and count no more

The signature is over `<name> ssh-ed25519 AAAA…` and a line break, in the namespace `xw-key@1:<hub id>`.
"""

from collections.abc import Collection, Iterator

from xw.signing import sshsig
from xw.signing.keys import PrivateKey, PublicKey, base64, from_base64, public_key

RESTART = "first"
_MOST = 64  # lines that are read: the last ones


def line(
    key: PublicKey, name: str, hub_id: str, earlier: PrivateKey | None = None, lost: bool = False
) -> str:
    """Return the line for a key; `earlier` is a key of the same instance that leads to it.

    With `lost`, all earlier keys of the instance are lost.
    """
    if earlier is None:
        return f"{key} {RESTART}" if lost else str(key)
    made = sshsig.sign(earlier, _namespace(hub_id), _signed(name, key))
    return f"{key} {base64(made.blob)}"


def keys(text: str) -> list[PublicKey]:
    """Return all keys in a text; damaged lines are left out."""
    return [key for key, _ in _lines(text)]


def current(text: str) -> list[PublicKey]:
    """Return the keys in a text that were not lost."""
    return [key for key, _ in _current(text)]


def first(text: str, name: str, hub_id: str) -> set[PublicKey]:
    """Return the keys that count for who has seen none of this instance: the first, and those it leads to."""
    return led_to(text, current(text)[:1], name, hub_id)


def led_to(text: str, known: Collection[PublicKey], name: str, hub_id: str) -> set[PublicKey]:
    """Return the known keys, and those in the text to which one of them leads, over several steps."""
    found = set(known)
    for key, proof in _lines(text):
        if key in found or not proof:
            continue
        try:
            signature = sshsig.parse(from_base64(proof))
        except ValueError:
            continue
        right = signature.namespace == _namespace(hub_id) and signature.key in found
        if right and signature.fits(_signed(name, key)):
            found.add(key)
    return found


def _current(text: str) -> list[tuple[PublicKey, str]]:
    lines = list(_lines(text))
    begins = max((number for number, (_, proof) in enumerate(lines) if proof == RESTART), default=0)
    return lines[begins:]


def _lines(text: str) -> Iterator[tuple[PublicKey, str]]:
    for one in text.splitlines()[-_MOST:]:
        words = one.split()
        try:
            yield public_key(" ".join(words[:2])), words[2] if len(words) > 2 else ""
        except ValueError:
            continue


def _namespace(hub_id: str) -> str:
    return f"xw-key@1:{hub_id}"


def _signed(name: str, key: PublicKey) -> bytes:
    return f"{name} {key}\n".encode()
