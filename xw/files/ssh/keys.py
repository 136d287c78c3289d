"""The keys to log in with: those in the configuration, the agent's, the usual files. Never a prompt.

Each unusable key in a file or the agent becomes an entry in `Unusable`, and the others are tried. Used by
`login` alone.
"""

import base64
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import paramiko
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
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
_SECURITY_KEY = "sk-"  # prefix of the types of keys in a token that a person must touch
_CERTIFICATE = "-cert.pub"
_PKCS8 = "-----BEGIN PRIVATE KEY-----"
_BEGIN, _MAGIC = "-----BEGIN OPENSSH PRIVATE KEY-----", b"openssh-key-v1\0"
_LARGE = 65536  # bytes of a file; no key is larger


class Unusable(NamedTuple):
    """Files whose keys cannot be used, and why."""

    locked: list[str]
    wrong: list[str]


class Key(NamedTuple):
    """A key to try, its name in error texts, and the `certificate` to show with it, if any."""

    key: paramiko.PKey
    name: str
    certificate: PublicBlob | None = None


class Signer(paramiko.PKey):
    """A key for paramiko; if it cannot sign, it returns a signature that no server accepts.

    Paramiko signs in the connection's own thread, where an error would end the connection before the other
    keys are tried.
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
        """Return the signature, or an empty one on failure."""
        try:
            made = self._key.key.sign_ssh_data(data, algorithm)
            return Message(made) if isinstance(made, bytes) else made  # an agent returns bytes
        except Exception as error:  # noqa: BLE001  # agents, tokens and libraries each have their own errors
            why = first_line(error)
            if isinstance(self._key.key, AgentKey):
                why = _silent_agent(error) or (
                    f"{why}: the agent refused to sign; does it ask for a confirmation (`ssh-add -c`)?"
                )
            self._unusable.wrong.append(f"{self._key.name} ({why})")
            return Message()


def _silent_agent(error: Exception) -> str:
    waits = isinstance(error, TimeoutError)
    return "the agent did not sign in time: does it wait for a confirmation or a touch?" if waits else ""


def keys(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    """Yield the keys to try, each once: configured ones first, because sshd limits the tries (MaxAuthTries).

    Keys in a security token come last: each try may ask a person to touch it.
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
    """Return True if `PubkeyAcceptedAlgorithms` allows a key, or its certificate."""
    name = key.certificate.key_type if key.certificate else key.key.get_name()
    signs = name.replace("ssh-rsa", "rsa-sha2-512"), name.replace("ssh-rsa", "rsa-sha2-256")
    return bool(allowed(said, signs))


def _with_certificates(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    """Yield the keys, each first with its certificate in `CertificateFile`, if any, then alone."""
    certified: dict[bytes, list[PublicBlob]] = {}
    for path in route.certificates:
        try:
            blob = PublicBlob.from_file(path)
            certified.setdefault(certificate.plain_key(blob.key_blob), []).append(blob)
        except Exception as error:  # noqa: BLE001  # no library error about a file may end a command
            unusable.wrong.append(f"{path} ({first_line(error)})")
    for key in _in_order(route, unusable, held):
        if key.certificate is None:
            for blob in certified.get(key.key.asbytes(), []):
                yield Key(key.key, key.name, blob)
        yield key


def _in_order(route: Route, unusable: Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    rest = dict(held)  # what no file names
    seen: set[bytes] = set()
    for path in route.named:
        yield from _of_agent(path, held, rest)
        for key in () if _held(path, held) else _of_file(path, unusable):
            seen.add(key.key.asbytes())
            yield key
    # Like ssh, try the usual files' keys in the agent first: it may hold more keys than sshd lets one try.
    for path in route.usual:
        yield from _of_agent(path, held, rest)
    if not route.identities_only:
        for blob, agent_key in rest.items():
            if blob not in seen:
                yield _agents(agent_key, f"the agent's {agent_key.comment or agent_key.get_name()}")
    for path in route.usual:
        if not _held(path, held):
            yield from (key for key in _of_file(path, unusable) if key.key.asbytes() not in seen)


def _of_agent(path: str, held: dict[bytes, AgentKey], rest: dict[bytes, AgentKey]) -> Iterator[Key]:
    """Take the agent's copies of the key in a file from `rest`; yield first those with a certificate."""
    for blob in _held(path, held):
        if rest.pop(blob, None):
            yield _agents(held[blob], path)


def _held(path: str, held: dict[bytes, AgentKey]) -> list[bytes]:
    """Return which of the agent's keys are the one in a file, first those with a certificate."""
    public = _public(path) if held else b""
    return sorted((blob for blob in held if public and certificate.plain(blob) == public), key=public.__eq__)


def _agents(key: AgentKey, name: str) -> Key:
    certified = certificate.is_certificate(key.blob)
    return Key(key, name, PublicBlob(key.name, key.blob) if certified else None)


@contextmanager
def agent_keys(path: str | None, unusable: Unusable, budget: Budget) -> Iterator[dict[bytes, AgentKey]]:
    """Yield the keys of the agent at `path`, by their public half; they are usable inside the `with`."""
    stream = socket_of_agent(path, budget(_ANSWER)) if path else None
    if stream is None:
        yield {}
        return
    with stream:
        agent = AgentSSH()
        found: dict[bytes, AgentKey] = {}
        # A locked or silent agent offers no more keys.
        with suppress(paramiko.SSHException, OSError, TypeError, ValueError):
            agent._conn = stream  # type: ignore[attr-defined]  # paramiko's constructor takes no stream
            kind, listed = agent._send_message(cSSH2_AGENTC_REQUEST_IDENTITIES)  # type: ignore[attr-defined]
            for _ in range(listed.get_int() if kind == SSH2_AGENT_IDENTITIES_ANSWER else 0):
                if not listed.get_remainder():
                    break  # it sent fewer keys than it announced
                blob, comment = listed.get_binary(), listed.get_binary().decode(errors="replace")
                try:
                    found[blob] = AgentKey(agent, blob, comment)
                except Exception as error:  # noqa: BLE001  # a type that paramiko reads but cannot use
                    unusable.wrong.append(f"the agent's {comment} ({first_line(error)})")
        yield found


def _of_file(path: str, unusable: Unusable) -> Iterator[Key]:
    """Yield the key in a file, first with the certificate beside it."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError("not a regular file")  # reading a FIFO would hang every command
        key = _load(path, unusable)
        if key.public_blob is not None:
            yield Key(key, path, key.public_blob)
        yield Key(key, path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (paramiko.PasswordRequiredException, TypeError):
        unusable.locked.append(path)  # cryptography raises TypeError if a passphrase is missing
    except Exception as error:  # noqa: BLE001  # no library error about a file may end a command
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            unusable.locked.append(path)
        else:
            unusable.wrong.append(f"{path} ({first_line(error)})")


def _load(path: str, unusable: Unusable) -> paramiko.PKey:
    """Return the key in a file, with the certificate beside it if that is usable."""
    try:
        return paramiko.PKey.from_path(path)
    except Exception:
        key, beside = _without_certificate(path), path + _CERTIFICATE
        if key is None:
            raise
        if os.path.exists(beside):
            try:
                key.load_certificate(beside)
            except Exception as wrong:  # noqa: BLE001  # no library error about a file may end a command
                unusable.wrong.append(f"{beside} ({first_line(wrong)})")
        return key


def _without_certificate(path: str) -> paramiko.PKey | None:
    """Return the key in a file without the certificate beside it, or in PKCS8; None if there is no key."""
    with open(path, encoding="ascii", errors="replace") as file:
        text = file.read()
    if _PKCS8 in text:  # of which paramiko reads only some
        with suppress(Exception):  # it stays as it is
            key = load_pem_private_key(text.encode(), None)
            text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(Exception):  # another type of key, or none: the caller has the reason
            return kind.from_private_key(io.StringIO(text))
    return None


def _public(path: str) -> bytes:
    """Return the public half of the key in a file: from the file beside it, or its own head; else nothing."""
    beside = path if path.endswith(".pub") else path + ".pub"
    try:
        if os.path.isfile(beside):
            with open(beside, encoding="ascii") as file:
                return PublicBlob.from_string(file.read()).key_blob
        return _public_in(path) if os.path.isfile(path) else b""
    except (OSError, ValueError):
        return b""


def _public_in(path: str) -> bytes:
    """Return the public key in a private one of OpenSSH's format, which encrypts only the rest.

    Format: OpenSSH's PROTOCOL.key.
    """
    with open(path, encoding="ascii") as file:
        text = file.read(_LARGE).partition(_BEGIN)[2].partition("-----")[0]
    data = base64.b64decode("".join(text.split()))
    message = Message(data.removeprefix(_MAGIC))
    for _ in range(3):  # cipher, key derivation and its options
        message.get_binary()
    return message.get_binary() if data.startswith(_MAGIC) and message.get_int() == 1 else b""


def first_line(error: BaseException) -> str:
    """Return an error's first line, or its class name if it has no text."""
    return str(error).partition("\n")[0] or type(error).__name__
