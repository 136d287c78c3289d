"""The word that `xw hub invite` prints and `xw init --invite` takes: all that a new machine needs to come in.

It has the seed of a one-time key, the public key of the hub's host, the hub's id, and the time until which it
is valid. Base64url of: version (1 byte), time in seconds (4), id (16), seed (32), the host's key (2 bytes of
length, then as the protocol sends it), and the first 4 bytes of the SHA-256 of all that, against a slip in
copying. Whoever has it may come in once: it is a secret.
"""

import base64
import binascii
import hashlib
import os
import struct
from typing import NamedTuple

from xw import clock
from xw.errors import Usage

_VERSION = 1
_HEAD = struct.Struct(">BI16s32sH")
_CHECK = 4
_HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("ed25519", "ecdsa", "rsa"))


class Invitation(NamedTuple):
    """The hub's id, the one-time key's seed, the host's key as the protocol sends it, its end."""

    hub_id: str
    seed: bytes
    host_key: bytes
    until: int

    def __str__(self) -> str:
        identity = base64.b32decode(self.hub_id.upper() + "=" * (-len(self.hub_id) % 8))
        head = _HEAD.pack(_VERSION, self.until // clock.SECOND, identity, self.seed, len(self.host_key))
        whole = head + self.host_key
        return base64.urlsafe_b64encode(whole + _checksum(whole)).decode().rstrip("=")

    @property
    def expired(self) -> bool:
        """True if its time is over, by this machine's clock."""
        return clock.now() >= self.until


def create(hub_id: str, host_key: bytes, until: int) -> Invitation:
    """Return a new invitation."""
    return Invitation(hub_id, os.urandom(32), host_key, until // clock.SECOND * clock.SECOND)


def read(text: str) -> Invitation:
    """Return the invitation that a word holds. Raise Usage if it is damaged, or of a later version."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    whole, check = data[:-_CHECK], data[-_CHECK:]
    if len(whole) < _HEAD.size or check != _checksum(whole):
        raise Usage("the invitation is incomplete or has a wrong character: copy the whole line again")
    version, until, identity, seed, length = _HEAD.unpack_from(whole)
    host_key = whole[_HEAD.size :]
    if version != _VERSION or len(host_key) != length:
        raise Usage("the invitation comes from a later version of xw: upgrade xw here")
    hub_id = base64.b32encode(identity).decode().rstrip("=").lower()
    return Invitation(hub_id, seed, host_key, until * clock.SECOND)


def host_key(path: str = "") -> bytes:
    """Return the public key of this host from a file, by default sshd's, as the protocol sends it.

    Raise Usage if there is none.
    """
    for place in [path] if path else _HOST_KEYS:
        try:
            with open(place, encoding="utf-8", errors="replace") as file:
                fields = file.read(1 << 16).split()
            return base64.b64decode(fields[1], validate=True)
        except (OSError, IndexError, binascii.Error):
            continue
    raise Usage(
        f"{path or _HOST_KEYS[0]}: no public key of this host's sshd there: name it with --host-key FILE"
    )


def _checksum(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_CHECK]
