"""Ed25519 keys in OpenSSH's formats: the public line, the fingerprint, the private file.

`ssh-keygen` reads what this module writes, and the other way round. Source: OpenSSH's PROTOCOL.key, RFC 8709.
"""

import os
from binascii import Error, a2b_base64, b2a_base64

from xw.layout import new_sha256
from xw.named_tuple import NamedTuple
from xw.signing import ed25519
from xw.signing.wire import Reader, string

KIND = "ssh-ed25519"
_KIND = KIND.encode()
_MAGIC = b"openssh-key-v1\0"
_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_END = "-----END OPENSSH PRIVATE KEY-----"
_BLOCK = 8  # bytes; the private part is padded to a multiple of it
_COLUMNS = 70


class PublicKey(NamedTuple):
    """A public key: its 32 bytes."""

    raw: bytes

    @property
    def blob(self) -> bytes:
        """The key as SSH encodes it."""
        return string(_KIND) + string(self.raw)

    @property
    def fingerprint(self) -> str:
        """The form that `ssh-keygen -l` prints."""
        return fingerprint(self.blob)

    def __str__(self) -> str:
        return f"{KIND} {base64(self.blob)}"


class PrivateKey(NamedTuple):
    """A private key: its 32 bytes, and its comment for people."""

    seed: bytes
    comment: str = ""

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return PublicKey(ed25519.public(self.seed))

    def __repr__(self) -> str:
        return f"PrivateKey({self.comment!r})"  # a traceback or a log must not show the key


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint `SHA256:…` of a key of any kind, given as SSH encodes it."""
    return f"SHA256:{base64(new_sha256(blob).digest()).rstrip('=')}"


def generate(comment: str) -> PrivateKey:
    """Return a new key."""
    return PrivateKey(ed25519.generate(), comment)


def public_key(text: str) -> PublicKey:
    """Return the key in a line `ssh-ed25519 AAAA… [comment]`. Raise ValueError if it is none."""
    kind, _, rest = text.strip().partition(" ")
    if kind != KIND:
        raise ValueError(f"it is not an {KIND} key")
    return from_blob(from_base64(rest.split(None, 1)[0] if rest.split() else ""))


def from_blob(blob: bytes) -> PublicKey:
    """Return the key that SSH encodes as these bytes. Raise ValueError if it is not an Ed25519 key."""
    reader = Reader(blob)
    if reader.string() != _KIND:
        raise ValueError(f"it is not an {KIND} key")
    raw = reader.string()
    if len(raw) != ed25519.SEED or reader.rest():
        raise ValueError(f"it is not a whole {KIND} key")
    return PublicKey(raw)


def private_text(key: PrivateKey) -> str:
    """Return the text of a private key's file, without a passphrase."""
    public = key.public
    check = os.urandom(4) * 2
    inner = check + string(_KIND) + string(public.raw) + string(key.seed + public.raw)
    inner += string(key.comment.encode())
    inner += bytes(range(1, -len(inner) % _BLOCK + 1))
    none = string(b"none")
    whole = _MAGIC + none + none + string(b"") + (1).to_bytes(4, "big") + string(public.blob) + string(inner)
    encoded = base64(whole)
    lines = (encoded[at : at + _COLUMNS] for at in range(0, len(encoded), _COLUMNS))
    return "\n".join((_BEGIN, *lines, _END, ""))


def private_key(text: str) -> PrivateKey:
    """Return the key in the text of a private key's file. Raise ValueError, with the reason, if unusable."""
    head, begun, rest = text.partition(_BEGIN)
    encoded, ended, _ = rest.partition(_END)
    if not begun or not ended or head.strip():
        raise ValueError("it is not an OpenSSH private key")
    reader = Reader(from_base64("".join(encoded.split())))
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is not an OpenSSH private key")
    if reader.string() != b"none":
        raise ValueError("it has a passphrase, which nobody types for an agent: `ssh-keygen -p` removes it")
    reader.string(), reader.string()
    if reader.number() != 1:
        raise ValueError("it has more than one key")
    public = from_blob(reader.string())
    inner = Reader(reader.string())
    if inner.take(4) != inner.take(4) or inner.string() != _KIND or inner.string() != public.raw:
        raise ValueError("it is damaged")
    seed = inner.string()[: ed25519.SEED]
    if len(seed) != ed25519.SEED or ed25519.public(seed) != public.raw:
        raise ValueError("it is damaged")
    return PrivateKey(seed, inner.string().decode("utf-8", "replace"))


def base64(data: bytes) -> str:
    """Return bytes in base64, without line breaks."""
    return b2a_base64(data, newline=False).decode()


def from_base64(text: str) -> bytes:
    """Return the bytes that `base64` gives this text for. Raise ValueError for every other text."""
    try:
        data = a2b_base64(text.encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise ValueError("it is not base64") from None
    if base64(data) != text:  # unused bits of the last letter: a second spelling of the same bytes
        raise ValueError("it is not base64 in its one spelling")
    return data
