r"""The line of a message's file that has its signature: always the second, and nothing but that.

    {
      "signature": "U1NIU0lHAAAAAQ…",
      "format": 1,

Signed is the file without that line, so `sed 2d FILE` prints what `ssh-keygen -Y verify` checks.
"""

from xw.signing import sshsig
from xw.signing.keys import PrivateKey, PublicKey, base64, from_base64
from xw.signing.sshsig import Signature

_OPEN = b"{\n"
_HEAD = b'{\n  "signature": "'
_TAIL = b'",\n'


def namespace(hub_id: str) -> str:
    """Return the namespace of the messages on a hub."""
    return f"xw@1:{hub_id}"


def signed(data: bytes, key: PrivateKey, hub_id: str) -> bytes:
    """Return a message's file with its signature added."""
    made = sshsig.sign(key, namespace(hub_id), data)
    return _HEAD + base64(made.blob).encode() + _TAIL + data.removeprefix(_OPEN)


def split(data: bytes) -> tuple[Signature, bytes]:
    """Return a file's signature and the bytes it is for. Raise ValueError if `signed` makes no such line."""
    if not data.startswith(_HEAD):
        raise ValueError("its signature is not in its second line")
    end = data.find(_TAIL, len(_HEAD))
    if end < 0:
        raise ValueError("the line of its signature is incomplete")
    try:
        text = data[len(_HEAD) : end].decode("ascii")
    except UnicodeDecodeError:
        raise ValueError("its signature is not base64") from None
    try:
        found = sshsig.parse(from_base64(text))
    except ValueError as error:
        raise ValueError(f"its signature is damaged: {error}") from None
    return found, _OPEN + data[end + len(_TAIL) :]


def signer_of(data: bytes) -> PublicKey | None:
    """Return the key that a file's signature names, unchecked; None without a signature."""
    if not data.startswith(_HEAD):
        return None
    try:
        return split(data)[0].key
    except ValueError:
        return None
