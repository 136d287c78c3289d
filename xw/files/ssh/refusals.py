"""Limit how often a host that refuses this user is tried, over all the user's processes on this machine.

Hosts ban an address after a few failed logins (fail2ban after 5), and the person's own ssh with it. Two
kinds of notes are shared. For each host: the logins that are under way or were refused in the last minute,
at most `_TRIES` together. For each host as URLs name it: the last refusal. Commands and `sync --watch` repeat
it without connecting until its pause is over, another process gets in, or something changes that could
matter: a file in `~/.ssh`, a key, the agent's keys. A caller without a deadline is a person's (`xw sync`,
`init`, `doctor`) and tries at once, within the first limit. Notes are optional: if they cannot be read or
written, they limit nothing. Used by `link` alone.
"""

import json
import os
import pwd
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha1
from pathlib import Path
from typing import Any

from xw import clock, config, layout
from xw.errors import Busy, Damaged, Refused, Resting, Unreachable
from xw.files.locks import locked_briefly
from xw.files.ownership import is_root
from xw.files.ssh.keys import Unusable, agent_keys
from xw.files.ssh.program import Budget
from xw.files.ssh.route import Route
from xw.message import parse_object
from xw.text import span

_TRIES = 3
_MINUTE_S = 60.0
_PAUSE_S = (60.0, 900.0)  # after a refusal: at first, and at most; doubled each time
_AGENT_S = 2.0
_WAIT_S = 20.0  # for other logins to end
_LOCK_S = 1.0
_AGAIN_S = 0.05  # between two looks for the end of other logins
_LARGE = 65536


class Gate:
    """The note about the last refusal of a host, as URLs name it."""

    def __init__(self, called: str) -> None:
        self._name = f"last-{_readable(called)}"

    def check(self, budget: Budget, in_background: bool) -> None:
        """Raise Resting if the last refusal would only be repeated."""
        noted = _read(self._name)
        paths = noted.get("paths")
        if not noted or not isinstance(paths, list):
            return
        if noted.get("seen") != _seen(map(str, paths), noted.get("agent"), budget):
            self.passed()
            return
        with _changing(self._name) as about:
            left = _number(about.get("next")) - time.time()
            if not in_background or not about or not 0 < left <= _PAUSE_S[1]:
                if about:
                    about["next"] = time.time() + _PAUSE_S[0]  # others leave it to this process
                return
        why, count = str(noted.get("why")), int(_number(noted.get("count")))
        raise Resting(why, f"refused {_times(count)}: tried again in {span(left)}, or by `xw sync`")

    def refused(self, error: Refused, route: Route, budget: Budget) -> None:
        """Note a refusal."""
        paths, agent = [*_watched(route), *_known_hosts(route)], _agent_of(route)
        seen = _seen(paths, agent, budget)
        with _changing(self._name) as about:
            count = int(_number(about.get("count"))) + 1 if about.get("seen") == seen else 1
            pause = min(_PAUSE_S[0] * 2.0 ** min(count - 1, 9), _PAUSE_S[1])
            about.clear()
            about.update(why=str(error), count=count, next=time.time() + pause)
            about.update(paths=paths, agent=agent, seen=seen)

    def passed(self) -> None:
        """Forget the refusal."""
        if _read(self._name):
            with _changing(self._name) as about:
                about.clear()


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


@contextmanager
def counted(route: Route, budget: Budget) -> Iterator[None]:
    """Hold one of the few places for a login, and keep it for a minute if the login is refused.

    Raise Resting if all are taken by refusals, Unreachable if others do not end.
    """
    name = _places_of(route)
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    _wait_for_place(name, mark, route, budget)
    refused: Refused | None = None
    try:
        yield
    except Refused as error:
        refused = error
        raise
    finally:
        who = _who(route, budget) if refused else ""
        with _changing(name) as about:
            tries = _recent(about)
            if refused:
                tries[mark] = {"at": time.time(), "who": who, "why": str(refused)}
            else:
                tries.pop(mark, None)
            about["tries"] = tries


def check_places(route: Route, budget: Budget) -> None:
    """Raise Resting if a login could not be tried: before connecting, which a host may count as well."""
    refused = _refused(_recent(_read(_places_of(route))))
    if len(refused) >= _TRIES and not _is_new(_who(route, budget), refused):
        raise _resting(refused)


def _wait_for_place(name: str, mark: str, route: Route, budget: Budget) -> None:
    ends = time.monotonic() + budget(_WAIT_S)
    who = ""
    while True:
        with _changing(name) as about:
            tries = about["tries"] = _recent(about)
            refused = _refused(tries)
            changed = bool(who) and len(tries) == len(refused) and _is_new(who, refused)
            if len(tries) < _TRIES or changed:
                tries[mark] = {"at": time.time(), "pid": os.getpid()}
                return
        if len(refused) < _TRIES:  # others are logging in
            if time.monotonic() > ends:
                raise Unreachable(
                    f"{route}: other processes have been logging in there for too long: try again"
                )
            time.sleep(_AGAIN_S)
        elif not who:
            who = _who(route, budget)
        else:
            raise _resting(refused)


def _refused(tries: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in tries.values() if one.get("why")]


def _is_new(who: str, refused: list[dict[str, Any]]) -> bool:
    """Return True for a configuration or keys that were not refused yet, which get one try more."""
    return all(one.get("who") != who for one in refused)


def _resting(refused: list[dict[str, Any]]) -> Resting:
    last = max(refused, key=lambda one: _number(one["at"]))
    oldest = sorted(_number(one["at"]) for one in refused)[-_TRIES]
    left = max(1.0, oldest + _MINUTE_S - time.time())
    return Resting(
        str(last["why"]),
        f"refused {_times(len(refused))} within a minute: not tried again for {span(left)}, "
        "because hosts ban whoever tries too often",
    )


def _recent(about: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the logins of the last minute that were refused, or are under way in a living process."""
    now, found = time.time(), about.get("tries")
    tries = found.items() if isinstance(found, dict) else ()
    return {
        mark: one
        for mark, one in tries
        if isinstance(one, dict)
        and 0 <= now - _number(one.get("at")) < _MINUTE_S
        and (one.get("why") or _lives(int(_number(one.get("pid")))))
    }


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process > 0


# What a person would change


def _who(route: Route, budget: Budget) -> str:
    """Return a word that changes with the route and with what is watched."""
    return _digest(str(route), _seen(_watched(route), _agent_of(route), budget))


def _seen(paths: Iterable[str], agent: object, budget: Budget) -> str:
    """Return a word that changes with the files, and with the keys that the agent holds."""
    path = os.environ.get("SSH_AUTH_SOCK") if agent == "" else agent
    path = path if isinstance(path, str) else None
    with agent_keys(path, Unusable([], []), lambda usual: budget(min(usual, _AGENT_S))) as held:
        keys = sorted(held)
    looks: list[object] = []
    for one in paths:
        try:
            about = os.stat(one)
            looks.append((about.st_mtime_ns, about.st_size, about.st_ino))
        except OSError:
            looks.append(None)
    return _digest(looks, keys)


def _watched(route: Route) -> list[str]:
    """Return the files whose change could end a refusal."""
    found = {"/etc/ssh/ssh_config", *route.certificates}
    for path in route.keys:
        found.update((path, f"{path}.pub", f"{path}-cert.pub"))
    for home in {os.path.expanduser("~"), _home()}:
        for folder in (f"{home}/.ssh", f"{home}/.ssh/config.d", f"{home}/.ssh/conf.d"):
            with suppress(OSError):
                found.update(one.path for one in os.scandir(folder) if _counts(one))
        found.add(f"{home}/.ssh/config")
    via = _watched(route.via) if route.via else []
    return sorted(found.union(via))


def _known_hosts(route: Route) -> list[str]:
    """Return the files whose change could end the refusal of a host's key."""
    return [*route.known_hosts, *route.revoked, *(_known_hosts(route.via) if route.via else ())]


def _counts(entry: "os.DirEntry[str]") -> bool:
    """Return True unless ssh itself may change the file: it notes other hosts' keys, and has sockets."""
    return entry.is_file() and not entry.name.startswith("known_hosts")


def _home() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")


def _agent_of(route: Route) -> str | None:
    """Return the agent's socket; empty for the one in the environment, which is another in each session."""
    return "" if route.agent == os.environ.get("SSH_AUTH_SOCK") else route.agent


# The notes


def _places_of(route: Route) -> str:
    return f"logins-{_readable(f'{route.host}:{route.port}')}"


def _readable(place: str) -> str:
    return f"{layout.name_from(place)[:40]}-{_digest(place)[:8]}.json"


def _digest(*parts: object) -> str:
    return sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()


def _folder() -> str | None:
    """Return the folder of the notes, made if missing; None if this user has no place for them."""
    for path in config.login_notes():
        with suppress(OSError):
            above = next(one for one in (Path(path), *Path(path).parents) if one.exists())
            if is_root() and above.stat().st_uid:
                continue  # root must leave nothing in another user's home
            os.makedirs(path, mode=0o700, exist_ok=True)
            about = os.lstat(path)
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and os.access(path, os.W_OK):
                return path
    return None


def _read(name: str) -> dict[str, Any]:
    try:
        return _parsed(Path(f"{_folder()}/{name}").read_bytes()[:_LARGE])
    except OSError:
        return {}


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        return parse_object(data or b"{}")
    except Damaged:  # killed while writing
        return {}


def _number(value: object) -> float:
    return clock.seconds(value) or 0.0


@contextmanager
def _changing(name: str) -> Iterator[dict[str, Any]]:
    """Yield a note's fields, under its lock; changes are written at the end, if possible."""
    path = f"{_folder()}/{name}"
    handle = None
    with ExitStack() as held:
        with suppress(OSError, Busy):
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            held.enter_context(locked_briefly(opened, path, _LOCK_S))
            handle = opened
        about = _parsed(os.pread(handle, _LARGE, 0)) if handle is not None else {}
        before = json.dumps(about)
        yield about
        if handle is not None and json.dumps(about) != before:
            with suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(about).encode() if about else b"", 0)
