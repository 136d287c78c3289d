"""A host key signed by an authority: OpenSSH's host certificates, checked as ssh(1) checks them.

Format: OpenSSH's PROTOCOL.certkeys. Paramiko takes a certificate for the plain
key inside it and looks no further, so whoever accepts one must come here.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

import paramiko
from paramiko.message import Message

_HOST = 2
# How many numbers or strings the public key inside takes, by its type.
_FIELDS = {"ssh-rsa": 2, "ssh-ed25519": 1, "ecdsa-sha2-nistp256": 2, "ecdsa-sha2-nistp384": 2}
_FIELDS["ecdsa-sha2-nistp521"] = 2
SUFFIX = "-cert-v01@openssh.com"


class Certificate(NamedTuple):
    """What a certificate says; `key` is the host's own key, `signed` what `signature` covers."""

    kind: int
    principals: tuple[str, ...]
    after: int
    before: int
    critical: bytes
    authority: bytes
    signed: bytes
    signature: bytes


def is_certificate(blob: bytes) -> bool:
    """Whether a key, as the protocol sends it, is a certificate."""
    return Message(blob).get_text().endswith(SUFFIX)


def parse(blob: bytes) -> Certificate:
    """The parts of a certificate. ValueError."""
    message = Message(blob)
    plain = message.get_text().removesuffix(SUFFIX)
    if plain not in _FIELDS:
        raise ValueError(f"a certificate of the unknown type {plain}")
    message.get_binary()  # the nonce
    for _ in range(_FIELDS[plain]):
        message.get_binary()
    message.get_int64()  # the serial number
    kind = message.get_int()
    message.get_binary()  # the key's id, for people
    inner = Message(message.get_binary())
    principals = []
    while inner.get_remainder():
        principals.append(inner.get_text())
    after, before = message.get_int64(), message.get_int64()
    critical = message.get_binary()
    message.get_binary()  # extensions, of which a host's has none
    message.get_binary()
    authority = message.get_binary()
    signed = message.get_so_far()
    return Certificate(
        kind, tuple(principals), after, before, critical, authority, signed, message.get_binary()
    )


def why_not(blob: bytes, host: str, authorities: Iterable[bytes], now: float | None = None) -> str | None:
    """Why the certificate does not prove that this is `host`; None where it does."""
    try:
        certificate = parse(blob)
        authority = paramiko.PKey.from_type_string(
            Message(certificate.authority).get_text(), certificate.authority
        )
        good = authority.verify_ssh_sig(certificate.signed, Message(certificate.signature))
    except (ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        return f"its certificate cannot be read ({error})"
    if certificate.authority not in authorities:
        return "its certificate is signed by an authority that known_hosts does not name for it"
    if not good:
        return "its certificate's signature is false"
    if certificate.kind != _HOST:
        return "its certificate is a user's, not a host's"
    if not certificate.after <= (time.time() if now is None else now) < certificate.before:
        return "its certificate has expired, or is not valid yet"
    if certificate.principals and host.lower() not in certificate.principals:
        return f"its certificate is for {', '.join(certificate.principals)}"
    if certificate.critical:
        return "its certificate has a condition that xw does not know"
    return None
