"""`RevokedHostKeys`: keys that no host may show any more, in files read as ssh(1) does. Used by `reach`.

A file is a list of public keys, one a line without host names, or a binary key revocation list (KRL). A key
is refused if a file names it or cannot be read: a missing list must not let in a key that it revoked.
"""

import base64
import binascii
import os
import stat
import subprocess
from collections.abc import Iterable

from paramiko.message import Message

from xw.files.ssh import certificate

_KRL = b"SSHKRL\n\0"
_LIMIT = 64 << 20  # bytes
_QUERY = 10.0  # seconds for ssh-keygen
# `ssh-keygen -Q` prints this for a revoked key; any other failure is an error.
_SAYS_REVOKED = "REVOKED"


def why_refused(blob: bytes, files: Iterable[str]) -> str | None:
    """Return why a host's key or certificate is refused, with the file's name; None if no file revokes it."""
    for path in files:
        try:
            if _holds(_read(path), path, blob):
                return f"is revoked ({path}): do not trust it; ask its administrator"
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            return f"cannot be checked: RevokedHostKeys {path}: {why}: fix the file or `~/.ssh/config`"
    return None


def _read(path: str) -> bytes:
    # Without O_NONBLOCK, a FIFO would hang every command.
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise ValueError("not a regular file")
        data = file.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ValueError(f"larger than {_LIMIT >> 20} MiB")
    return data


def _holds(data: bytes, path: str, blob: bytes) -> bool:
    """Return True if a file's bytes revoke a key. Raise OSError or ValueError if they cannot be used."""
    if data.startswith(_KRL):
        return _krl_holds(path, blob)
    shown = {certificate.plain(blob)}
    if certificate.is_certificate(blob):
        shown.add(certificate.parse(blob).authority)
    # In order: like ssh(1), stop at the line that decides.
    return any(
        certificate.plain(_key(line, at)) in shown
        for at, line in enumerate(data.split(b"\n"), start=1)
        if line.strip(b" \t") and not line.lstrip(b" \t").startswith(b"#")
    )


def _key(line: bytes, at: int) -> bytes:
    """Return the key of a line. Raise ValueError if ssh(1) cannot read it, and so would refuse every host."""
    fields = line.split()
    try:
        key_type, blob = fields[0].decode("ascii"), base64.b64decode(fields[1], validate=True)
        if certificate.is_key(blob) and Message(blob).get_text() == key_type:
            return blob
    except (IndexError, UnicodeDecodeError, binascii.Error):
        pass  # reported below, like any other invalid line
    raise ValueError(f"line {at} is not a public key")


def _krl_holds(path: str, blob: bytes) -> bool:
    """Ask ssh-keygen, the only reader of the binary format. Raise OSError or ValueError if it fails."""
    key = f"{Message(blob).get_text()} {base64.b64encode(blob).decode()}\n"
    try:
        run = subprocess.run(
            ["ssh-keygen", "-Q", "-f", os.path.abspath(path), "/dev/stdin"],
            input=key,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_QUERY,
        )
    except FileNotFoundError:
        raise ValueError("it is a binary key revocation list, and ssh-keygen is not installed") from None
    except subprocess.TimeoutExpired:
        raise ValueError("ssh-keygen does not answer") from None
    if run.returncode == 0:
        return False
    if _SAYS_REVOKED in run.stdout:
        return True
    said = run.stderr.strip().partition("\n")[0]
    raise ValueError(said or f"ssh-keygen failed (exit {run.returncode})")
