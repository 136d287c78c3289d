"""Find the hub and the name: from `xw.json`, the environment and the command line's options.

Reading needs the standard library alone. A file that looks wrong in any way goes to `config_schema`, whose
pydantic models name the problem, and which checks everything that is written.
"""

import os
import stat
from collections.abc import Mapping

from xw import layout, schemes
from xw.errors import Damaged, Unnamed, Usage
from xw.message import parse_object
from xw.named_tuple import NamedTuple
from xw.sender_status import POLICIES, SHOW

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.places import Linked

FILE = "xw.json"
_LIMIT = 1024 * 1024
# Without their colon, these name a folder.
_SCHEMES = (*schemes.SCHEMES, "sftp", "file", "http", "https", "nats")
OFFLINE_S = 5.0
RETENTION_DAYS = 30
AWAY_DAYS = 14

_KINDS: dict[str, type | tuple[type, ...]] = {
    "$schema": str,
    "format": int,
    "hub": str,
    "instances": dict,
    "peers": dict,
    "offline_s": (int, float),
    "retention_days": int,
    "away_days": int,
    "senders": str,
}
_INSTANCE_KINDS: dict[str, type] = {
    "description": str,
    "capabilities": list,
    "model": str,
    "kind": str,
    "bridge": dict,
    "delivery": str,
    "senders": str,
}
_BRIDGE_KINDS: dict[str, type] = {"kind": str, "target": str, "notify": bool, "options": dict}


class Config(NamedTuple):
    """The configuration in force. `path` is None if there is no file; `hub` is as written there."""

    path: str | None
    hub: str | None
    instances: dict[str, dict[str, object]]
    peers: dict[str, object]
    offline_s: float
    retention_days: int
    away_days: int = AWAY_DAYS
    senders: str = SHOW

    @property
    def folder(self) -> str:
        """The file's folder; the working directory if there is no file."""
        return os.path.dirname(self.path) if self.path else here()


NONE = Config(None, None, {}, {}, OFFLINE_S, RETENTION_DAYS)


def here(needed: bool = True) -> str:
    """Return the working directory. Raise Usage if it was removed, as an agent's worktree may be.

    If no path is relative to it, it is not `needed`: then return `/` for a removed one.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        if not needed:
            return "/"
        raise Usage(
            "the working directory is gone: cd to another one, or name xw.json by its whole "
            "path with --config or XW_CONFIG"
        ) from None


def in_force(option: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the path of the configuration for this process, found by `locate` from its working directory."""
    named = option or environ.get("XW_CONFIG") or ""
    return locate(option, environ, here(needed=not os.path.isabs(os.path.expanduser(named))))


def locate(option: str | None, environ: Mapping[str, str], cwd: str) -> str | None:
    """Return the path of the configuration in force, or None.

    The order is: --config, XW_CONFIG, the nearest xw.json upward, a linked worktree's main one, the user's.
    """
    named = option or environ.get("XW_CONFIG")
    if named:
        path = os.path.join(cwd, os.path.expanduser(named))
        if not os.path.isfile(path):
            raise Usage(f"{path}: no such configuration file (from {'--config' if option else 'XW_CONFIG'})")
        return path
    return of_project(cwd) or user_file()


def of_project(cwd: str) -> str | None:
    """Return the xw.json of the project around a folder, or None."""
    return nearest(cwd) or _main_file(cwd)


def nearest(folder: str) -> str | None:
    """Return the nearest xw.json from a folder upward, or None."""
    while True:
        path = os.path.join(folder, FILE)
        if os.path.exists(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def worktree(folder: str) -> "Linked | None":
    """Return the linked git worktree that contains a folder; None in any other checkout or outside."""
    folder = os.path.normpath(folder)
    while True:
        try:
            mode = os.stat(f"{folder}/.git").st_mode
        except OSError:
            parent = os.path.dirname(folder)
            if parent == folder:
                return None
            folder = parent
            continue
        if not stat.S_ISREG(mode):
            return None
        from xw import places  # a file is rare: only worktrees and submodules have one

        return places.linked(folder)


def _main_file(cwd: str) -> str | None:
    """Return the main worktree's xw.json, for a command run in a linked one; None if it must not be used."""
    place = worktree(cwd)
    if place is None or not place.home:
        return None
    from xw.places import foreign

    folder = place.beside(cwd)
    while not os.path.exists(os.path.join(folder, FILE)):
        if folder == place.home:
            return None
        folder = os.path.dirname(folder)
    path = os.path.join(folder, FILE)
    return None if foreign(path) else path


def not_followed(place: "Linked | None") -> str:
    """Return why a linked worktree does not use the main one's xw.json; empty if it may."""
    if place is None:
        return ""
    from xw.places import foreign

    return place.why or foreign(os.path.join(place.home, FILE))


def user_file() -> str | None:
    """Return the user's own xw.json, for commands outside any project, or None."""
    path = os.path.join(user_folder(os.environ), FILE)
    return path if os.path.isfile(path) else None


def user_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of this user's configuration and keys."""
    # On Linux by hand, as a test compares: every signed message asks, and platformdirs costs 15 ms.
    if os.uname().sysname == "Linux":
        given = environ.get("XDG_CONFIG_HOME", "").strip()
        return os.path.join(given or os.path.expanduser("~/.config"), "xw")
    from platformdirs import user_config_dir

    return user_config_dir("xw", appauthor=False)


def load(path: str | None) -> Config:
    """Return the configuration in a file. Raise Usage with file, key and expected value if it is invalid."""
    if path is None:
        return NONE
    data = read(path)
    return Config(
        path,
        data["hub"],  # type: ignore[arg-type]  # checked by _looks_right
        data.get("instances", {}),  # type: ignore[arg-type]
        data.get("peers", {}),  # type: ignore[arg-type]
        float(data.get("offline_s", OFFLINE_S)),  # type: ignore[arg-type]
        data.get("retention_days", RETENTION_DAYS),  # type: ignore[arg-type]
        data.get("away_days", AWAY_DAYS),  # type: ignore[arg-type]
        data.get("senders", SHOW),  # type: ignore[arg-type]
    )


def read(path: str) -> dict[str, object]:
    """Return the valid object in a configuration file. Raise Usage."""
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise Usage(f"{path}: not a regular file")  # to open a FIFO would wait for ever
    try:
        with open(path, "rb") as file:
            data = parse_object(file.read(_LIMIT))
    except PermissionError as error:
        mend = "check its owner and mode; `xw doctor` prints the command"
        raise Usage(f"{path}: {error.strerror}: {mend}") from None
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from None
    except Damaged as error:
        raise Usage(f"{path}: {error}") from None
    check(data, path)
    return data


def check(data: object, path: str) -> None:
    """Raise Usage with the file, the key and the expected value unless `data` is a valid configuration."""
    if not _looks_right(data):
        from xw import config_schema

        config_schema.check(data, path)


def whoami(option: str | None, environ: Mapping[str, str], config: Config) -> str:
    """Return the instance's name: from --as, XW_NAME, or the configuration's only instance. Raise Usage."""
    name = option or environ.get("XW_NAME")
    if name:
        return layout.check_name(name)
    if len(config.instances) == 1:
        return next(iter(config.instances))
    if config.instances:
        error = Unnamed(f"which of {', '.join(sorted(config.instances))} are you? Set XW_NAME or give --as")
        error.first = min(config.instances)
        raise error
    if config.path:
        raise Usage(f"{config.path} names no instance: `xw init` makes a mailbox, XW_NAME or --as names one")
    raise Usage(without_file(environ, "`xw init` makes a mailbox, XW_NAME or --as names one"))


def hub_url(option: str | None, environ: Mapping[str, str], config: Config) -> str:
    """Return the hub's absolute URL: from --hub, XW_HUB, or the configuration. Raise Usage."""
    given = option or environ.get("XW_HUB")
    if given:
        return chosen(given, here(needed=_is_relative(given)))
    if config.hub is None:
        raise Usage(f"no hub: {without_file(environ, '`xw init` makes one, XW_HUB or --hub names one')}")
    return own_hub(config.hub, config)


def chosen(hub: str, folder: str) -> str:
    """Return the absolute URL of a hub given in `folder`. Raise Usage if it may mean two."""
    if layout.is_name(hub) and _is_hub(os.path.join(folder, hub)):
        raise Usage(
            f"{hub!r} may mean two hubs: write {named_hub(hub)} for the one of this name, "
            f"or ./{hub} for the folder here"
        )
    return absolute(hub, folder)


def without_file(environ: Mapping[str, str], otherwise: str) -> str:
    """Return the error text if there is no xw.json; `otherwise` is the advice if no hub is near."""
    from xw import places

    cwd = here()
    place = worktree(cwd)
    return places.advice(cwd, place, not_followed(place), environ.get("XW_NAME"), otherwise)


def sender_policy(config: Config, name: str) -> str:
    """Return what an instance does about mail whose sender is not certain: show, warn or require."""
    return str(config.instances.get(name, {}).get("senders") or config.senders)


def own_hub(hub: str, config: Config) -> str:
    """Return the absolute URL of the hub that a configuration names. Raise Usage with file and key."""
    folder = config.folder
    try:
        if _is_relative(hub) and (place := worktree(folder)):
            # A hub in a linked worktree disappears with it, and other agents use the main one's hub.
            url = absolute(hub, place.beside(folder))
            own = absolute(hub, folder)
            # Use a hub that an older xw made in the worktree alone, rather than lose its mail.
            return url if _is_hub(url) or not _is_hub(own) else own
        return absolute(hub, folder)
    except Usage as error:
        raise Usage(f"{config.path}: hub: {error}") from None


def absolute(hub: str, folder: str) -> str:
    """Return the absolute URL of a path (from `folder`), file://… or a bare word; a remote URL unchanged."""
    if is_remote(hub):
        return hub
    if hub.startswith("file://"):
        hub = hub[len("file://") :]
    elif "://" in hub:
        raise Usage(f"{hub!r}: unknown kind of hub; use a path, file://…, {schemes.forms()}")
    elif layout.is_name(hub):
        return named_hub(hub)
    elif _is_typo(hub) and not os.path.isdir(os.path.join(folder, hub)):
        raise Usage(
            f"{hub!r} looks like a hub on another host: write {schemes.forms()}; or ./{hub} for a folder"
        )
    if not hub or "\0" in hub:
        raise Usage(f"the hub {hub!r} is not a path: give one")
    return os.path.normpath(os.path.join(folder, os.path.expanduser(hub)))


def _is_typo(hub: str) -> bool:
    """Return True if a relative path is more likely a URL of another host with a missing character."""
    first, slash, rest = hub.partition("/")
    return (slash and rest.startswith("/") and first in _SCHEMES) or "@" in first


def _is_relative(hub: str) -> bool:
    return not (is_remote(hub) or "://" in hub or layout.is_name(hub) or hub.startswith(("/", "~")))


def _is_hub(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, layout.HUB_FILE))


def is_remote(hub: str) -> bool:
    """Return True if a hub is remote: its URL has a scheme of `schemes`, or the form of scp."""
    return bool(schemes.of(hub))


def mirror(url: str, config: Config, environ: Mapping[str, str]) -> str:
    """Return the folder of a remote hub's mirror: in XW_STATE, beside xw.json, or the user's."""
    folder = mirror_folder(url)
    if environ.get("XW_STATE"):
        return os.path.join(os.path.abspath(os.path.expanduser(environ["XW_STATE"])), folder)
    if in_project(config):
        place = worktree(config.folder)
        kept = place.beside(config.folder) if place and place.home else config.folder
        return os.path.join(kept, ".xw", folder)
    from platformdirs import user_state_dir

    return os.path.join(user_state_dir("xw", appauthor=False), folder)


def mirror_places(config: Config, environ: Mapping[str, str]) -> list[str]:
    """Return the folders that may contain mirrors: the one in use, and others."""
    from platformdirs import user_state_dir

    state = environ.get("XW_STATE")
    above = [os.path.abspath(os.path.expanduser(state))] if state else []
    if config.path:
        above.append(os.path.join(config.folder, ".xw"))
        place = worktree(config.folder)
        if place and place.home:
            above.append(os.path.join(place.beside(config.folder), ".xw"))
    if around := worktree(here(needed=False)):  # it may have its own mirror, for a sandbox
        above.append(os.path.join(around.root, ".xw"))
    above.append(user_state_dir("xw", appauthor=False))
    return [os.path.join(folder, "mirror") for folder in above]


def login_notes() -> list[str]:
    """Return the folders that may have the notes about refused logins, in order: `~` may not be writable."""
    from tempfile import gettempdir

    from platformdirs import user_state_dir

    return [
        os.path.join(user_state_dir("xw", appauthor=False), "logins"),
        os.path.join(gettempdir(), f"xw-{os.getuid()}"),
    ]


def noted_mirrors() -> str:
    """Return the folder with a note about each mirror of this user, wherever it is."""
    from platformdirs import user_state_dir

    return os.path.join(user_state_dir("xw", appauthor=False), "mirrors")


def pane_locks() -> str:
    """Return this user's folder for locks of terminal panes."""
    from platformdirs import user_state_dir

    return os.path.join(user_state_dir("xw", appauthor=False), "panes")


def receipts() -> str:
    """Return this user's folder for the receipts of `xw install`."""
    from platformdirs import user_state_dir

    return os.path.join(user_state_dir("xw", appauthor=False), "installed")


def runs_folder(environ: Mapping[str, str]) -> str:
    """Return the folder of this user's run directories; if the system has such a place, lost at a restart."""
    given = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(given) and _is_private(given):
        return os.path.join(given, "xw", "runs")
    from platformdirs import user_state_dir

    return os.path.join(user_state_dir("xw", appauthor=False), "runs")


def _is_private(folder: str) -> bool:
    """Return True for a directory that only this user can write, and can: `sudo` keeps another user's."""
    try:
        about = os.stat(folder)
    except OSError:
        return False
    ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & 0o022
    return ours and os.access(folder, os.W_OK | os.X_OK)


def mirror_folder(url: str) -> str:
    """Return the path of a hub's mirror in `.xw/` or in the user's folder of mirrors."""
    readable = layout.name_from(url.removeprefix("ssh://"))[:40]
    return f"mirror/{readable}-{layout.digest(url.encode())[:4]}"


def in_project(config: Config) -> bool:
    """Return True if a configuration is a project's file, not the user's own or none."""
    # `user_file` costs an import: call it only for a folder named like the user's own.
    return bool(config.path) and (os.path.basename(config.folder) != "xw" or config.path != user_file())


def named_hub(word: str) -> str:
    """Return the directory of a hub that all projects of this user can name by a bare word."""
    from platformdirs import user_data_dir

    return os.path.join(user_data_dir("xw", appauthor=False), "hubs", word)


def _looks_right(data: object) -> bool:
    """Return True if a file needs no second look: `config_schema` would accept it too, as a test shows."""
    if not (isinstance(data, dict) and data.get("format") == layout.FORMAT and data.get("hub")):
        return False
    if not all(key in _KINDS and _is(value, _KINDS[key]) for key, value in data.items()):
        return False
    if not 0 < data.get("offline_s", 1) < 1e9 or data.get("retention_days", 1) < 1:
        return False
    if data.get("away_days", 1) < 1 or data.get("senders", SHOW) not in POLICIES:
        return False
    return all(_instance_looks_right(name, entry) for name, entry in data.get("instances", {}).items())


def _instance_looks_right(name: str, entry: object) -> bool:
    return (
        layout.is_name(name)
        and name not in layout.RESERVED
        and isinstance(entry, dict)
        and all(key in _INSTANCE_KINDS and _is(value, _INSTANCE_KINDS[key]) for key, value in entry.items())
        and entry.get("kind", "agent") in ("agent", "human", "room")
        and entry.get("delivery", "start") in layout.DELIVERIES
        and entry.get("senders", SHOW) in POLICIES
        and all(isinstance(item, str) for item in entry.get("capabilities", []))
        and ("bridge" not in entry or _bridge_looks_right(entry["bridge"]))
    )


def _bridge_looks_right(bridge: dict[str, object]) -> bool:
    options = bridge.get("options", {})
    return (
        bool(bridge.get("kind"))
        and all(key in _BRIDGE_KINDS and isinstance(bridge[key], _BRIDGE_KINDS[key]) for key in bridge)
        and isinstance(options, dict)
        and all(isinstance(value, str) for value in options.values())
    )


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
