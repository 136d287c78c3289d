"""A FIDO key's file, made by hand in OpenSSH's format: no token is needed to have one in the way."""

import base64
import os
import struct
from pathlib import Path

_TYPE = b"sk-ssh-ed25519@openssh.com"


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def make_fido_key(path: Path) -> Path:
    """Write a private key `sk-ssh-ed25519@openssh.com` and its public half; the private key's path."""
    point, check = os.urandom(32), os.urandom(4)
    public = _string(_TYPE) + _string(point) + _string(b"ssh:")
    private = check + check + public + b"\x01" + _string(os.urandom(64)) + _string(b"") + _string(b"token")
    private += bytes(range(1, 1 + -len(private) % 8))
    whole = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"")
    whole += struct.pack(">I", 1) + _string(public) + _string(private)
    text = base64.encodebytes(whole).decode()
    path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
    path.chmod(0o600)
    Path(f"{path}.pub").write_text(f"{_TYPE.decode()} {base64.b64encode(public).decode()} token\n")
    return path
