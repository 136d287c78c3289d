"""Log in with one key after the other, and explain why none was accepted. Used by `link` alone."""

import os

import paramiko

from xw.errors import Refused, Unreachable, XwError
from xw.files.ssh import certificate
from xw.files.ssh.keys import Key, Signer, Unusable, agent_keys, first_line, keys
from xw.files.ssh.program import Budget
from xw.files.ssh.reach import Transport, shown
from xw.files.ssh.route import Route
from xw.files.ssh.target import PORT
from xw.text import visible

_ANSWER = 15.0  # seconds; sshd may look up the user in a remote directory
_MEMBERS = "; if its owner serves the hub to members, ask for `xw hub invite NAME` there"


class NotAccepted(Refused):
    """The server accepts none of the keys."""


def log_in(transport: Transport, route: Route, budget: Budget) -> str:
    """Log in; return the accepted key's name. Raise Refused, with what to do, or Unreachable."""
    unusable = Unusable([], [])
    tried: dict[str, set[bytes]] = {}  # a key may come twice: with its certificate and without
    with agent_keys(route.agent, unusable, budget) as held:
        for key in keys(route, unusable, held):
            transport.auth_timeout = budget(_ANSWER)
            tried.setdefault(key.name, set()).add(certificate.plain(key.key.asbytes()))
            if _accepted(transport, route, key, unusable):
                return key.name
            if not transport.is_active():
                raise _why_ended(transport, route, tried, unusable)
    raise NotAccepted(
        _why_not(route, tried, unusable, f"the server accepts none of them{_banner(transport)}")
    )


def _accepted(transport: Transport, route: Route, key: Key, unusable: Unusable) -> bool:
    """Return True if the server accepts a key and wants no more.

    Raise Refused if it accepts no keys at all, or wants more than keys; or Unreachable.
    """
    try:
        missing = transport.auth_publickey(route.user, Signer(key, unusable))
    except paramiko.BadAuthenticationType as error:
        wants = ", ".join(error.allowed_types)
        raise Refused(f"{route}: it accepts no keys for this user, only {wants}") from None
    except paramiko.AuthenticationException as error:
        if _was_accepted(transport):
            return True
        if "timeout" in str(error).lower():
            raise Unreachable(f"{route}: it does not answer the login; try again") from None
    except Exception as error:  # noqa: BLE001  # paramiko passes on any error of its own thread
        if _was_accepted(transport):
            return True
        if not transport.is_active():
            why = transport.farewell or first_line(error)
            raise Unreachable(f"{route}: the connection was lost while logging in ({why})") from None
        unusable.wrong.append(f"{key.name} ({first_line(error)})")
    else:
        if missing and "publickey" not in missing:
            raise Refused(f"{route}: it wants more than a key (a second factor): xw cannot give that")
        return not missing  # else it wants another key as well
    return False


def _was_accepted(transport: Transport) -> bool:
    """Return True if the server accepted the login, even if it has ended the connection since."""
    return transport.auth_handler is not None and transport.auth_handler.authenticated


def _why_ended(
    transport: Transport, route: Route, tried: dict[str, set[bytes]], unusable: Unusable
) -> XwError:
    """Return why the server ended the connection before all keys were tried."""
    count = sum(map(len, tried.values()))
    farewell = visible(transport.farewell, "")
    if count > 1 or "Too many" in farewell:
        return Refused(
            f"{route}: too many keys: the server ended the connection after {count} ({_names(tried)}): name "
            f"the right one for this host in ~/.ssh/config: `IdentityFile FILE` with `IdentitiesOnly yes`"
            f"{_wrong(unusable)}"
        )
    if not farewell:  # as after any cut
        return Unreachable(f"{route}: the connection was lost while logging in: try again")
    return Refused(_why_not(route, tried, unusable, f"it ended the connection and said '{farewell}'"))


def _banner(transport: Transport) -> str:
    said = shown(transport.get_banner() or b"")
    return f", and says {said}" if said else ""


def _names(tried: dict[str, set[bytes]]) -> str:
    """Return the names of the keys that were tried; an agent may give several keys one comment."""
    return ", ".join(f"{name} ({len(keys)} keys)" if len(keys) > 1 else name for name, keys in tried.items())


def _wrong(unusable: Unusable) -> str:
    return f"; not usable: {', '.join(unusable.wrong)}" if unusable.wrong else ""


def _why_not(route: Route, tried: dict[str, set[bytes]], unusable: Unusable, outcome: str) -> str:
    if unusable.locked:
        path = unusable.locked[0]
        held = f", and {outcome} of {_names(tried)}" if tried else ""
        return f"{route}: the key {path} has a passphrase and no agent holds it{held}: `ssh-add {path}` first"
    if not tried:
        copy = f"`ssh-keygen -t ed25519`, then `ssh-copy-id {_login(route)}`{_MEMBERS}"
        return f"{route}: there is no key to log in with (checked {_files(route)}){_wrong(unusable)}: {copy}"
    if route.served:
        return (
            f"{route}: login refused: the host does not accept the key {_names(tried)}{_wrong(unusable)}: "
            "ask the hub's owner whether it was removed; `xw hub invite NAME` there lets this machine in"
        )
    return (
        f"{route}: login refused: tried {_names(tried)}; {outcome}{_wrong(unusable)}: "
        f"is the user {route.user!r} right? `ssh-copy-id {_login(route)}` installs a key; "
        f"if it is there, its sshd log names the reason (`from=` before the key, account expired or locked)"
        f"{_MEMBERS}"
    )


def _files(route: Route) -> str:
    agent = "the agent and " if route.agent and not route.identities_only else ""
    home = os.path.expanduser("~")
    return agent + ", ".join(path.replace(home, "~", 1) for path in route.keys)


def _login(route: Route) -> str:
    port = f"-p {route.port} " if route.port != PORT else ""
    return f"{port}{route.user}@{route.host}"
