"""Ed25519 (RFC 8032), by the compiled part of `cryptography`: its Python part takes twice as long to import.

Keys are 32 bytes, signatures 64. OpenSSL rejects the other spellings of a signature that RFC 8032 forbids, so
nobody but the key's holder can make a second valid signature from a first one.
"""

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from typing import Any

SEED = 32
"""Bytes of a private key."""


def generate() -> bytes:
    """Return a new private key, from the system's random numbers."""
    import os

    return os.urandom(SEED)


def public(seed: bytes) -> bytes:
    """Return the public key of a private key."""
    raw: bytes = _private(seed).public_key().public_bytes_raw()
    return raw


def sign(seed: bytes, data: bytes) -> bytes:
    """Return the signature of some bytes."""
    made: bytes = _private(seed).sign(data)
    return made


def fits(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Return True if the holder of a public key made this signature of these bytes."""
    try:
        _library().from_public_bytes(public_key).verify(signature, data)
    except Exception:  # noqa: BLE001  # not a point of the curve, or no fitting signature: its classes cost an import
        return False
    return True


def _private(seed: bytes) -> "Any":
    return _library().from_private_bytes(seed)


def _library() -> "Any":
    from cryptography.hazmat.bindings._rust import openssl  # 12 ms, so only when there is something to check

    return openssl.ed25519
