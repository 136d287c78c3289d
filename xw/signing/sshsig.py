"""Sign bytes, and verify signatures, as `ssh-keygen -Y sign` and `-Y verify` do.

Source: OpenSSH's PROTOCOL.sshsig. A signature holds for a namespace, so one made for another purpose, or for
another hub, does not count. Only Ed25519 with SHA-512, ssh-keygen's default, is accepted, in one spelling.
"""

try:  # hashlib loads OpenSSL's hashes, which nothing else of a start needs
    from _sha2 import sha512  # Python 3.12 and later
except ImportError:
    try:
        from _sha512 import sha512  # Python 3.11
    except ImportError:
        from hashlib import sha512

from xw.named_tuple import NamedTuple
from xw.signing import ed25519
from xw.signing.keys import KIND, PrivateKey, PublicKey, base64, from_blob
from xw.signing.wire import Reader, string

_MAGIC = b"SSHSIG"
_VERSION = (1).to_bytes(4, "big")
_HASH = b"sha512"
_COLUMNS = 70


class Signature(NamedTuple):
    """A signature: whose key made it, for which namespace, and its 64 bytes."""

    key: PublicKey
    namespace: str
    value: bytes

    @property
    def blob(self) -> bytes:
        """The bytes that a signature's file, or the line of a message, has in base64."""
        head = _MAGIC + _VERSION + string(self.key.blob) + string(self.namespace.encode())
        return head + string(b"") + string(_HASH) + string(string(KIND.encode()) + string(self.value))

    def fits(self, data: bytes) -> bool:
        """Return True if the holder of the key has signed these bytes."""
        return ed25519.fits(self.key.raw, self.value, _signed(self.namespace, data))


def sign(key: PrivateKey, namespace: str, data: bytes) -> Signature:
    """Return a key's signature of some bytes, for a namespace."""
    return Signature(key.public, namespace, ed25519.sign(key.seed, _signed(namespace, data)))


def parse(blob: bytes) -> Signature:
    """Return the signature in `blob`. Raise ValueError if it is not one in its only accepted spelling."""
    reader = Reader(blob)
    if reader.take(len(_MAGIC)) != _MAGIC or reader.take(len(_VERSION)) != _VERSION:
        raise ValueError("it is not an SSH signature")
    key = from_blob(reader.string())
    namespace, reserved, algorithm = reader.string(), reader.string(), reader.string()
    value = Reader(reader.string())
    if reserved or algorithm != _HASH or value.string() != KIND.encode():
        raise ValueError("it is not an Ed25519 signature with SHA-512")
    found = Signature(key, namespace.decode("utf-8", "replace"), value.string())
    if found.blob != blob:
        raise ValueError("it is not spelled as signatures are")
    return found


def armored(blob: bytes) -> str:
    """Return the text of a signature's file, for `ssh-keygen -Y verify -s FILE`."""
    encoded = base64(blob)
    lines = [encoded[at : at + _COLUMNS] for at in range(0, len(encoded), _COLUMNS)]
    return "\n".join(("-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""))


def _signed(namespace: str, data: bytes) -> bytes:
    """Return the bytes that the key signs for `data`."""
    return _MAGIC + string(namespace.encode()) + string(b"") + string(_HASH) + string(sha512(data).digest())
