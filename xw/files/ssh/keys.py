"""The keys to log in with: those the configuration names, the agent's, the usual files. Never a prompt.

Whatever a file or the agent holds, one key that cannot be used is an entry in
`Unusable`, and the others are tried. Used by `login` alone.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import paramiko
from paramiko.agent import (
    SSH2_AGENT_IDENTITIES_ANSWER,
    AgentKey,
    AgentSSH,
    cSSH2_AGENTC_REQUEST_IDENTITIES,
)
from paramiko.message import Message
from paramiko.pkey import PublicBlob

from xw.files.ssh import certificate
from xw.files.ssh.program import Budget
from xw.files.ssh.route import Route, allowed
from xw.files.ssh.stream import socket_of_agent

_ANSWER = 15.0  # seconds for the agent
_SECURITY_KEY = "sk-"  # how the types begin of keys that live in a token, which somebody has to touch
_CERTIFICATE = "-cert.pub"


class Unusable(NamedTuple):
    """Files that hold keys which cannot be used, and why."""

    locked: list[str]
    wrong: list[str]


class Key(NamedTuple):
    """A key to try, and what messages call it; as itself, or with `certificate` as what that certifies."""

    key: paramiko.PKey
    name: str
    certificate: PublicBlob | None = None


class Signer(paramiko.PKey):
    """A key as paramiko is to use it: one that cannot sign gives a signature that no server takes.

    Paramiko signs in the connection's own thread, where an error would end the
    connection, and with it the chance of every other key.
    """

    def __init__(self, key: Key, unusable: Unusable) -> None:
        self.public_blob = key.certificate
        self._key = key
        self._unusable = unusable

    def get_name(self) -> str:
        """Return the key's type."""
        return self._key.key.get_name()

    def asbytes(self) -> bytes:
        """Return the public key as the protocol sends it."""
        return self._key.key.asbytes()

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Message:
        """Return the signature, or an empty one."""
        try:
            made = self._key.key.sign_ssh_data(data, algorithm)
            return Message(made) if isinstance(made, bytes) else made  # an agent's is bytes
        except Exception as error:  # noqa: BLE001  # an agent, a token or a library: each has its own errors
            self._unusable.wrong.append(f"{self._key.name} ({first_line(error)})")
            return Message()


def keys(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    """Yield the keys to try, each once: named ones first, since sshd counts the tries (MaxAuthTries).

    Those of a security key come last: each try may ask somebody to touch it.
    """
    last: list[Key] = []
    for key in _with_certificates(route, unusable, held):
        if not _is_accepted(key, route.algorithms.user_keys):
            unusable.wrong.append(f"{key.name} (PubkeyAcceptedAlgorithms does not allow it)")
            continue
        if key.key.get_name().startswith(_SECURITY_KEY):
            last.append(key)
        else:
            yield key
    yield from last


def _is_accepted(key: Key, said: str) -> bool:
    """Return whether `PubkeyAcceptedAlgorithms` allows a key, or what certifies it."""
    name = key.certificate.key_type if key.certificate else key.key.get_name()
    signs = name.replace("ssh-rsa", "rsa-sha2-512"), name.replace("ssh-rsa", "rsa-sha2-256")
    return bool(allowed(said, signs))


def _with_certificates(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    """Yield the keys, each with what `CertificateFile` has for it before the key alone."""
    certified: dict[bytes, list[PublicBlob]] = {}
    for path in route.certificates:
        try:
            blob = PublicBlob.from_file(path)
            certified.setdefault(certificate.plain_key(blob.key_blob), []).append(blob)
        except Exception as error:  # noqa: BLE001  # what a library says of a file must not end a command
            unusable.wrong.append(f"{path} ({first_line(error)})")
    for key in _in_order(route, unusable, held):
        if key.certificate is None:
            for blob in certified.get(key.key.asbytes(), []):
                yield Key(key.key, key.name, blob)
        yield key


def _in_order(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    seen: set[bytes] = set()
    for path in route.named:
        for key in _of_file(path, held, unusable):
            seen.add(key.key.asbytes())
            yield key
    if not route.identities_only:
        for blob, agent_key in held.items():
            if blob not in seen:
                yield Key(agent_key, f"the agent's {agent_key.comment or agent_key.get_name()}")
                seen.add(blob)
    for path in route.usual:
        for key in _of_file(path, held, unusable):
            if key.key.asbytes() not in seen:
                yield key


@contextmanager
def agent_keys(route: Route, unusable: Unusable, budget: Budget) -> Iterator[dict[bytes, AgentKey]]:
    """Yield the keys that the agent holds, by their public half; they can be used inside the `with`."""
    stream = socket_of_agent(route.agent, budget(_ANSWER)) if route.agent else None
    if stream is None:
        yield {}
        return
    with stream:
        agent = AgentSSH()
        found: dict[bytes, AgentKey] = {}
        # One that is locked or does not answer has no more keys to offer.
        with suppress(paramiko.SSHException, OSError, TypeError, ValueError):
            agent._conn = stream  # type: ignore[attr-defined]  # the public way in knows one agent only
            kind, listed = agent._send_message(cSSH2_AGENTC_REQUEST_IDENTITIES)  # type: ignore[attr-defined]
            for _ in range(listed.get_int() if kind == SSH2_AGENT_IDENTITIES_ANSWER else 0):
                if not listed.get_remainder():
                    break  # it promised more keys than it sent
                blob, comment = listed.get_binary(), listed.get_binary().decode(errors="replace")
                try:
                    found[blob] = AgentKey(agent, blob, comment)
                except Exception as error:  # noqa: BLE001  # of a type that paramiko reads and cannot use
                    unusable.wrong.append(f"the agent's {comment} ({first_line(error)})")
        yield found


def _of_file(path: str, held: dict[bytes, AgentKey], unusable: Unusable) -> Iterator[Key]:
    """Yield the key in a file: through the agent where that holds it, which saves the passphrase."""
    public = _public(path)
    if public in held:
        yield Key(held[public], path)
        return
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError("not a regular file")  # a FIFO would hang every command
        key = _load(path, unusable)
        if key.public_blob is not None:
            yield Key(key, path, key.public_blob)
        yield Key(key, path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (paramiko.PasswordRequiredException, TypeError):
        unusable.locked.append(path)  # TypeError: cryptography's word for a missing passphrase
    except Exception as error:  # noqa: BLE001  # what a library says of a file must not end a command
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            unusable.locked.append(path)
        else:
            unusable.wrong.append(f"{path} ({first_line(error)})")


def _load(path: str, unusable: Unusable) -> paramiko.PKey:
    """Return the key in a file, with the certificate beside it; without one that cannot be used."""
    try:
        return paramiko.PKey.from_path(path)
    except Exception as error:
        if not os.path.exists(path + _CERTIFICATE):
            raise
        key = _without_certificate(path)
        if key is None:
            raise
        unusable.wrong.append(f"{path}{_CERTIFICATE} ({first_line(error)})")
        return key


def _without_certificate(path: str) -> paramiko.PKey | None:
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read()
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(Exception):  # it is a key of another type, or none: the caller has the reason
            return kind.from_private_key(io.StringIO(text))
    return None


def _public(path: str) -> bytes:
    """Return the public key beside a private one, or none."""
    beside = path if path.endswith(".pub") else path + ".pub"
    try:
        if not os.path.isfile(beside):
            return b""
        with open(beside, encoding="ascii") as file:
            return PublicBlob.from_string(file.read()).key_blob
    except (OSError, ValueError):
        return b""


def first_line(error: BaseException) -> str:
    """Return an error's first line, or its name where it says nothing."""
    return str(error).partition("\n")[0] or type(error).__name__
