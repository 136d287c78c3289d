"""Log in with one key after the other, and explain why none was accepted. Used by `link` alone."""

import os

import paramiko

from xw.errors import Refused, Unreachable
from xw.files.ssh.keys import Key, Signer, Unusable, agent_keys, first_line, keys
from xw.files.ssh.program import Budget
from xw.files.ssh.reach import Transport
from xw.files.ssh.route import Route
from xw.files.ssh.target import PORT

_ANSWER = 15.0  # seconds; sshd may look up the user in a remote directory


def log_in(transport: Transport, route: Route, budget: Budget) -> None:
    """Log in. Raise Refused, with what to do, or Unreachable."""
    unusable = Unusable([], [])
    tried: list[str] = []
    with agent_keys(route, unusable, budget) as held:
        for key in keys(route, unusable, held):
            transport.auth_timeout = budget(_ANSWER)
            if key.name not in tried:  # a key may come twice: with its certificate and without
                tried.append(key.name)
            if _accepted(transport, route, key, unusable):
                return
            if not transport.is_active():
                raise Refused(_why_not(route, tried, unusable, "it ended the connection"))
    raise Refused(_why_not(route, tried, unusable, "the server accepts none of them"))


def _accepted(transport: Transport, route: Route, key: Key, unusable: Unusable) -> bool:
    """Return True if the server accepts a key. Raise Refused if it accepts no keys at all, or Unreachable."""
    try:
        missing = transport.auth_publickey(route.user, Signer(key, unusable))
    except paramiko.BadAuthenticationType as error:
        wants = ", ".join(error.allowed_types)
        raise Refused(f"{route}: it accepts no keys for this user, only {wants}") from None
    except paramiko.AuthenticationException as error:
        if "timeout" in str(error).lower():
            raise Unreachable(f"{route}: it does not answer the login; try again") from None
    except Exception as error:  # noqa: BLE001  # paramiko passes on any error of its own thread
        if not transport.is_active():
            why = first_line(error)
            raise Unreachable(f"{route}: the connection was lost while logging in ({why})") from None
        unusable.wrong.append(f"{key.name} ({first_line(error)})")
    else:
        if missing:
            raise Refused(f"{route}: it wants more than a key (a second factor): xw cannot give that")
        return True
    return False


def _why_not(route: Route, tried: list[str], unusable: Unusable, outcome: str) -> str:
    if unusable.locked:
        path = unusable.locked[0]
        held = f", and {outcome} of {', '.join(tried)}" if tried else ""
        return f"{route}: the key {path} has a passphrase and no agent holds it{held}: `ssh-add {path}` first"
    wrong = f"; not usable: {', '.join(unusable.wrong)}" if unusable.wrong else ""
    if not tried:
        copy = f"`ssh-keygen -t ed25519`, then `ssh-copy-id {_login(route)}`"
        return f"{route}: there is no key to log in with (checked {_files(route)}){wrong}: {copy}"
    return (
        f"{route}: login refused: tried {', '.join(tried)}; {outcome}{wrong}: "
        f"is the user {route.user!r} right? `ssh-copy-id {_login(route)}` installs a key"
    )


def _files(route: Route) -> str:
    agent = "the agent and " if route.agent and not route.identities_only else ""
    home = os.path.expanduser("~")
    return agent + ", ".join(path.replace(home, "~", 1) for path in route.keys)


def _login(route: Route) -> str:
    port = f"-p {route.port} " if route.port != PORT else ""
    return f"{port}{route.user}@{route.host}"
