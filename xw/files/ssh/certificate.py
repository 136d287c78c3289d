"""Check OpenSSH's host certificates, host keys signed by an authority, as ssh(1) does.

Format: OpenSSH's PROTOCOL.certkeys. Paramiko accepts a certificate as the plain key inside it and checks
nothing else, so code that accepts a certificate must call this module.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

import paramiko
from paramiko.message import Message

_HOST = 2
# The number of fields in the public key inside, by type.
_FIELDS = {"ssh-rsa": 2, "ssh-ed25519": 1, "ecdsa-sha2-nistp256": 2, "ecdsa-sha2-nistp384": 2}
_FIELDS["ecdsa-sha2-nistp521"] = 2
SUFFIX = "-cert-v01@openssh.com"
# The same for keys that xw accepts from no host, but that a list of keys may contain.
_OTHERS = {"ssh-dss": 4, "sk-ssh-ed25519@openssh.com": 2, "sk-ecdsa-sha2-nistp256@openssh.com": 3}


class Certificate(NamedTuple):
    """A certificate's content; `signed` are the bytes that `signature` covers."""

    kind: int
    principals: tuple[str, ...]
    after: int
    before: int
    critical: bytes
    authority: bytes
    signed: bytes
    signature: bytes


def is_certificate(blob: bytes) -> bool:
    """Return True if a key, as the protocol sends it, is a certificate."""
    return Message(blob).get_text().endswith(SUFFIX)


def is_key(blob: bytes) -> bool:
    """Return True if the bytes are a whole public key, or a whole certificate of a known type."""
    message = Message(blob)
    try:
        key_type = message.get_text()
        if key_type.endswith(SUFFIX):
            parse(blob)
            return True
    except ValueError:
        return False
    parts = {**_FIELDS, **_OTHERS}.get(key_type, 0)
    filled = [message.get_binary() for _ in range(parts)]
    # Check the length: paramiko pads truncated fields.
    size = 4 + len(key_type) + sum(4 + len(part) for part in filled)
    return bool(filled) and all(filled) and size == len(blob)


def plain_key(blob: bytes) -> bytes:
    """Return the key that a certificate certifies, as the protocol sends it. ValueError."""
    message, plain = Message(blob), Message()
    name = message.get_text().removesuffix(SUFFIX)
    if name not in _FIELDS:
        raise ValueError(f"a certificate of the unknown type {name}")
    message.get_binary()  # the nonce
    plain.add_string(name)
    for _ in range(_FIELDS[name]):
        plain.add_string(message.get_binary())
    return plain.asbytes()


def plain(blob: bytes) -> bytes:
    """Return a certificate's key; return any other key unchanged."""
    try:
        return plain_key(blob) if is_certificate(blob) else blob
    except ValueError:
        return blob


def parse(blob: bytes) -> Certificate:
    """Return the parts of a certificate. ValueError."""
    message = Message(blob)
    plain = message.get_text().removesuffix(SUFFIX)
    if plain not in _FIELDS:
        raise ValueError(f"a certificate of the unknown type {plain}")
    message.get_binary()  # the nonce
    for _ in range(_FIELDS[plain]):
        message.get_binary()
    message.get_int64()  # the serial number
    kind = message.get_int()
    message.get_binary()  # the key's id, a text for people
    inner = Message(message.get_binary())
    principals = []
    while inner.get_remainder():
        principals.append(inner.get_text())
    after, before = message.get_int64(), message.get_int64()
    critical = message.get_binary()
    message.get_binary()  # extensions, unused for hosts
    message.get_binary()
    authority = message.get_binary()
    signed = message.get_so_far()
    return Certificate(
        kind, tuple(principals), after, before, critical, authority, signed, message.get_binary()
    )


def why_not(
    blob: bytes, host: str, authorities: Iterable[bytes], now: float | None = None, allowed: str = ""
) -> str | None:
    """Return why the certificate does not prove that this is `host`; None if it does.

    `allowed` is the value of `CASignatureAlgorithms`.
    """
    try:
        certificate = parse(blob)
        authority = paramiko.PKey.from_type_string(
            Message(certificate.authority).get_text(), certificate.authority
        )
        good = authority.verify_ssh_sig(certificate.signed, Message(certificate.signature))
    except Exception as error:  # noqa: BLE001  # paramiko's or cryptography's error for an unusable key
        return f"its certificate cannot be read ({error})"
    if certificate.authority not in authorities:
        return "its certificate is signed by an authority that known_hosts does not name for it"
    if not good:
        return "its certificate's signature is false"
    signs = Message(certificate.signature).get_text()
    if allowed and signs not in allowed.split(","):
        return f"its certificate is signed by {signs}, which CASignatureAlgorithms does not allow"
    if certificate.kind != _HOST:
        return "its certificate is a user's, not a host's"
    if not certificate.after <= (time.time() if now is None else now) < certificate.before:
        return "its certificate has expired, or is not valid yet"
    if certificate.principals and host.lower() not in certificate.principals:
        return f"its certificate is for {', '.join(certificate.principals)}"
    if certificate.critical:
        return "its certificate has a condition that xw does not know"
    return None
