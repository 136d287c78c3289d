"""Logging in with keys: those the configuration names, the agent's, the usual files. Never a prompt.

Used by `link` alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import paramiko
from paramiko.agent import AgentKey, AgentSSH

from xw.errors import Refused, Unreachable
from xw.files.ssh.reach import Budget, Transport, socket_of_agent
from xw.files.ssh.route import Route

_ANSWER = 15.0  # seconds; sshd may look up the user in a directory far away


class Key(NamedTuple):
    """A key to try, and what messages call it."""

    key: paramiko.PKey
    name: str


class _Unusable(NamedTuple):
    """Files that hold keys which cannot be used, and why."""

    locked: list[str]
    wrong: list[str]


def log_in(transport: Transport, route: Route, budget: Budget) -> None:
    """Prove who we are. Refused, with what to do; Unreachable."""
    unusable = _Unusable([], [])
    tried: list[str] = []
    with _agent_keys(route, budget) as held:
        for key in _keys(route, unusable, held):
            transport.auth_timeout = budget(_ANSWER)
            tried.append(key.name)
            if _accepted(transport, route, key, unusable):
                return
            if not transport.is_active():
                raise Refused(_why_not(route, tried, unusable, "it ended the connection"))
    raise Refused(_why_not(route, tried, unusable, "the server accepts none of them"))


def _accepted(transport: Transport, route: Route, key: Key, unusable: _Unusable) -> bool:
    """Whether the server takes a key. Refused where it takes none; Unreachable."""
    try:
        if not transport.auth_publickey(route.user, key.key):
            return True
        raise Refused(f"{route}: it wants more than a key (a second factor): xw cannot give that")
    except paramiko.BadAuthenticationType as error:
        wants = ", ".join(error.allowed_types)
        raise Refused(f"{route}: it takes no keys for this user, only {wants}") from None
    except paramiko.AuthenticationException as error:
        if "timeout" in str(error).lower():
            raise Unreachable(f"{route}: it does not answer the login; try again") from None
    except (paramiko.SSHException, OSError, EOFError) as error:
        if not transport.is_active():
            raise Unreachable(f"{route}: the connection was lost while logging in ({error})") from None
        unusable.wrong.append(f"{key.name} ({error})")
    return False


def _keys(route: Route, unusable: _Unusable, held: dict[bytes, AgentKey]) -> Iterator[Key]:
    """The keys to try, each once: named ones first, since sshd counts the tries (MaxAuthTries)."""
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
    if not route.named:
        for path in route.keys:
            for key in _of_file(path, held, unusable):
                if key.key.asbytes() not in seen:
                    yield key


@contextmanager
def _agent_keys(route: Route, budget: Budget) -> Iterator[dict[bytes, AgentKey]]:
    """The keys that the agent holds, by their public half; they can be used while this lasts."""
    stream = socket_of_agent(route.agent, budget(_ANSWER)) if route.agent else None
    if stream is None:
        yield {}
        return
    with stream:
        agent = AgentSSH()
        # One that is locked or does not answer has no keys to offer. The public way in knows one agent only.
        with suppress(paramiko.SSHException, OSError):
            agent._connect(stream)  # type: ignore[attr-defined]
        yield {key.blob: key for key in agent.get_keys()}


def _of_file(path: str, held: dict[bytes, AgentKey], unusable: _Unusable) -> Iterator[Key]:
    """The key in a file: through the agent where that holds it, which saves the passphrase."""
    public = _public(path)
    if public in held:
        yield Key(held[public], path)
        return
    try:
        yield Key(paramiko.PKey.from_path(path), path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (paramiko.PasswordRequiredException, TypeError):
        unusable.locked.append(path)  # TypeError: cryptography's word for a missing passphrase
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        if "password" in str(error).lower() or "encrypted" in str(error).lower():
            unusable.locked.append(path)
        else:
            unusable.wrong.append(f"{path} ({str(error).partition(chr(10))[0] or type(error).__name__})")


def _public(path: str) -> bytes:
    """The public key beside a private one, or none."""
    try:
        with open(path if path.endswith(".pub") else path + ".pub", encoding="ascii") as file:
            return paramiko.pkey.PublicBlob.from_string(file.read()).key_blob
    except (OSError, ValueError, UnicodeError):
        return b""


def _why_not(route: Route, tried: list[str], unusable: _Unusable, outcome: str) -> str:
    if unusable.locked:
        path = unusable.locked[0]
        held = f", and {outcome} of {', '.join(tried)}" if tried else ""
        return f"{route}: the key {path} has a passphrase and no agent holds it{held}: `ssh-add {path}` first"
    wrong = f"; not usable: {', '.join(unusable.wrong)}" if unusable.wrong else ""
    if not tried:
        copy = f"`ssh-keygen -t ed25519`, then `ssh-copy-id {_login(route)}`"
        return f"{route}: there is no key to log in with (looked at {_files(route)}){wrong}: {copy}"
    return (
        f"{route}: login refused: tried {', '.join(tried)}; {outcome}{wrong}: "
        f"is the user {route.user!r} right? `ssh-copy-id {_login(route)}` installs a key"
    )


def _files(route: Route) -> str:
    agent = "the agent and " if route.agent and not route.identities_only else ""
    home = os.path.expanduser("~")
    return agent + ", ".join(path.replace(home, "~", 1) for path in route.keys)


def _login(route: Route) -> str:
    port = f"-p {route.port} " if route.port != 22 else ""
    return f"{port}{route.user}@{route.host}"
