"""An instance for a program that acts as it: its mailbox, its hub, its configuration.

`open_instance` finds all three from options, environment and files; the verbs in `actions` take the result.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress

from xw import clock, config, layout
from xw.config import Config
from xw.credentials import Credentials, equip
from xw.errors import Moved, NotFound, Unreachable, XwError
from xw.files.local import LocalFiles
from xw.files.ownership import is_root
from xw.hub.directory import DirectoryHub, facts
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.mirror.carrier import Direct
from xw.named_tuple import NamedTuple
from xw.text import nearest

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from collections.abc import Callable

    from xw.hub.contract import Hub, Outgoing
    from xw.mirror.carrier import Carrier
    from xw.mirror.notes import About


class Options(NamedTuple):
    """The command line's common options; None if not given."""

    name: str | None = None
    hub: str | None = None
    config: str | None = None
    offline: bool = False
    timeout: float | None = None  # of automatic syncs, in seconds


class Instance(NamedTuple):
    """An agent, human or room, with everything needed to act as it.

    `root` contains its files; `carrier` moves its mail to and from `hub` if needed. `given` are the
    `credentials` that `open_instance` has found.
    """

    mailbox: Mailbox
    hub: "Outgoing"
    carrier: "Carrier"
    config: Config
    root: str
    now: clock.Clock = clock.now
    given: Credentials | None = None

    @property
    def credentials(self) -> Credentials:
        """Its key, and what it knows of others' keys."""
        if self.given is None:  # made by hand, as in tests
            return Credentials(self.mailbox, self.hub, self.config, mirrored=bool(self.carrier.mirror))
        return self.given

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.mailbox.owner


def open_instance(options: Options, environ: Mapping[str, str] = os.environ) -> Instance:
    """Return the instance that the options, the environment and `xw.json` name.

    Raise Usage if they name none, Unreachable if the hub does not exist, NotFound if the hub has no mailbox
    for it.
    """
    found = load_config(options, environ)
    name = config.whoami(options.name, environ, found)
    url = config.hub_url(options.hub, environ, found)
    if config.is_remote(url):
        return _open_mirror(name, url, found, options.offline, environ)
    if place := _own_mirror(name, url, url, found, environ):
        from xw.hub import opening
        from xw.mirror.notes import about
        from xw.sandbox import hint

        files = LocalFiles(place.mirror)
        known = about(files)
        url = known.leads(url)
        # A hub on this machine needs no network, so it is never offline.
        offline = options.offline and config.is_remote(url)
        open_it = lambda: opening.open_hub(url, _key(known, name, found, environ))  # noqa: E731
        return _mirrored(name, files, url, open_it, found, environ, offline, hint(place.root))
    try:
        files, hub = open_hub(url)
    except Moved:
        return _follow(options._replace(name=name), url, found, environ)
    except Unreachable as error:
        raise Unreachable(f"{error}{_advice(options, environ, url)}") from None
    mailbox = Mailbox(files, name)
    try:
        files.stat(mailbox.at(INBOX["pending"]))
    except FileNotFoundError:
        if hub.knows(name):
            raise NotFound(
                f"the mailbox of {name!r} on {hub.url} lacks its inbox: `xw init --name {name}` makes one"
            ) from None
        near = nearest(name, list({*found.instances, *hub.instances()} - {name}))
        raise NotFound(
            f"no mailbox for {name!r} on {hub.url}{near}: `xw init --name {name}` makes one"
        ) from None
    files.give_to(name)
    credentials = equip(mailbox, hub, found, environ)
    return Instance(mailbox, hub, Direct(mailbox, hub), found, files.root, given=credentials)


def usual_mirror(url: str, name: str, found: Config, environ: Mapping[str, str]) -> str:
    """Return the folder of a hub's mirror: the one named after its URL, or after one that it had before."""
    usual = config.mirror(url, found, environ)
    if os.path.isdir(f"{usual}/{name}"):
        return usual
    from xw.mirror.siblings import known_by

    return known_by(url, os.path.dirname(usual), name) or usual


def _follow(options: Options, old: str, found: Config, environ: Mapping[str, str]) -> Instance:
    """Open an instance at its hub's present place, and take the mail that it left at those before."""
    from xw.mirror.merge import take_leftovers
    from xw.mirror.notes import Notes

    name, (*places, url) = options.name or "", _places(old, found, environ)
    left = [place for place in places if not config.is_remote(place)]
    if config.is_remote(url):
        mirror = usual_mirror(url, name, found, environ)
        had_mailbox = any(os.path.isdir(f"{place}/{name}") for place in left)
        if had_mailbox and not os.path.isdir(f"{mirror}/{name}"):
            Mailbox(LocalFiles(mirror), name).make()
            Notes(LocalFiles(mirror), url).note_url()
    instance = open_instance(options._replace(hub=url), environ)
    for place in left:
        take_leftovers(Mailbox(LocalFiles(place), name), instance.mailbox)
    return instance


def where_now(url: str, found: Config, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL at which a hub lies that may have moved, as far as this machine knows."""
    return _places(url, found, environ)[-1]


def _places(url: str, found: Config, environ: Mapping[str, str]) -> list[str]:
    """Return the URLs at which a hub was, from `url` on, and last the one at which it is."""
    from xw.mirror.notes import MOVES, about

    places = [url]
    for _ in range(MOVES):
        if config.is_remote(places[-1]):
            now = about(LocalFiles(usual_mirror(places[-1], "", found, environ))).leads(places[-1])
            return places if now == places[-1] else [*places, now]
        try:
            facts(LocalFiles(places[-1]), places[-1])
        except Moved as moved:
            places.append(moved.url)
        except (XwError, OSError):  # whoever opens it reports that
            return places
        else:
            return places
    raise Unreachable(f"the hub {url} has moved in a circle")


def _open_mirror(name: str, url: str, found: Config, offline: bool, environ: Mapping[str, str]) -> Instance:
    from xw.mirror.notes import about

    usual = usual_mirror(url, name, found, environ)
    place = _own_mirror(name, url, usual, found, environ)
    files = LocalFiles(place.mirror if place else usual)
    _check_way(files.root)
    known = about(files)
    url = known.leads(url)

    def open_it() -> "Hub":
        from xw.hub.opening import open_hub

        served = known if known.served or not place else about(LocalFiles(usual))
        return open_hub(url, _key(served, name, found, environ))

    try:
        files.stat(f"{name}/{INBOX['pending']}")
    except (FileNotFoundError, NotADirectoryError):
        open_it()  # raises Usage for an invalid URL, which can have no mirror
        here = f"no mirror of {name!r} on {url} here{nearest(name, list(found.instances))}"
        raise NotFound(f"{here}: `xw init --name {name} --hub {url}` makes one") from None
    files.give_to(name)
    hint = ""
    if place:
        from xw import sandbox

        hint = sandbox.hint(place.root)
    return _mirrored(name, files, url, open_it, found, environ, offline, hint)


def hub_at(url: str, found: Config, name: str = "", environ: Mapping[str, str] = os.environ) -> "Hub":
    """Return the hub at a URL for a step that needs no mailbox, not yet connected.

    A served hub is asked with the key of `name`, or of any instance that has joined it here. Raise Usage.
    """
    from xw.hub.opening import open_hub

    if not config.is_remote(url):
        return open_hub(url)
    from xw.mirror.notes import about

    known = about(LocalFiles(usual_mirror(url, name, found, environ)))
    asker = name if known.key(name) is not None else next((one for one, _ in known.served), "")
    return open_hub(url, _key(known, asker, found, environ))


def _key(known: "About", name: str, found: Config, environ: Mapping[str, str]) -> str | None:
    """Return the path of the key by which a served hub knows an instance, else None; see `open_hub`."""
    noted = known.key(name)
    if noted is None:
        return None
    from xw import keyring

    if noted and not os.path.exists(noted):  # it may have been moved
        return keyring.of(known.id or "", found, environ).path(name) or noted
    return noted


def _mirrored(
    name: str,
    files: LocalFiles,
    url: str,
    open_it: "Callable[[], Hub]",
    found: Config,
    environ: Mapping[str, str],
    offline: bool = False,
    hint: str = "",
) -> Instance:
    from xw.mirror.policy import MirrorCarrier

    mailbox = Mailbox(files, name, mirror=True)
    mirror = MirrorCarrier(mailbox, url, open_it, offline, found.offline_s, hint)
    credentials = equip(mailbox, mirror, found, environ, mirrored=True)
    return Instance(mailbox, mirror, mirror, found, files.root, given=credentials)


class _Place(NamedTuple):
    """The mirror in the worktree `root`, used for an instance's mail instead of the usual mailbox."""

    mirror: str
    root: str


def _own_mirror(name: str, url: str, usual: str, found: Config, environ: Mapping[str, str]) -> _Place | None:
    """Return the worktree's own mirror if it is used instead of `usual`, else None."""
    if environ.get("XW_STATE"):
        return None
    place = config.worktree(config.here(needed=False)) or (
        config.worktree(found.folder) if found.path else None
    )
    root = place.root if place else found.folder if config.in_project(found) else None
    if root is None or f"{usual}/".startswith(f"{root}/"):
        return None
    from xw.sandbox import carries

    mirror = f"{root}/.xw/{config.mirror_folder(url)}"
    return _Place(mirror, root) if carries(mirror, name, usual, root) else None


def _advice(options: Options, environ: Mapping[str, str], url: str) -> str:
    """Return how to get a hub if there is none; never a command that makes a second one."""
    from xw import places

    with suppress(OSError):
        there = [name for name in os.listdir(url) if not layout.is_hidden(name)]
        if layout.HUB_FILE in there:
            return ""  # the hub is there, and is being moved
        if there:  # perhaps mailboxes without their hub.json, which `init` cannot use
            return f" `xw init --hub {url}` explains what it lacks"
    cwd = config.here(needed=False)
    given = options.hub or environ.get("XW_HUB") or ""
    if layout.is_name(given) and os.path.isdir(os.path.join(cwd, given)):
        return f" {given} is the name of a hub; ./{given} is the folder here"
    near = places.hub_near(cwd, config.worktree(cwd))
    if near:
        return f" Another hub is at {near}/{places.PROJECT_HUB}"
    if options.name or environ.get("XW_NAME"):
        return ""
    return f" `xw init --hub {url}` makes one"


def load_config(options: Options, environ: Mapping[str, str] = os.environ) -> Config:
    """Return the configuration in force."""
    found = config.load(config.in_force(options.config, environ))
    return found if options.timeout is None else found._replace(offline_s=options.timeout)


def open_hub(url: str) -> tuple[LocalFiles, DirectoryHub]:
    """Return the files and the hub at an absolute URL. Raise Unreachable if there is none, or Refused."""
    _check_way(url)
    about = facts(LocalFiles(url), url)
    files = LocalFiles(url, group=about.group, links=about.links)
    return files, DirectoryHub(files, url)


def _check_way(path: str) -> None:
    if is_root():  # for other users it would only slow the start
        from xw.files.own_folder import check_way

        check_way(path)


def update_config(
    path: str, change: dict[str, object], instances: Mapping[str, object] | None = None, without: str = ""
) -> None:
    """Change keys of a configuration file, made if missing; replaces the whole file, under a lock.

    `instances` are added, and the instance `without` is removed.
    """
    from xw.files.own_folder import own_folder

    folder, _, name = path.rpartition("/")
    files = LocalFiles(folder)
    with own_folder(folder).locked("config.lock"):
        data: dict[str, object] = {"format": layout.FORMAT}
        if os.path.exists(path):
            data = config.read(path)
        data |= change
        if instances:
            known = data.get("instances", {})
            data["instances"] = {**(known if isinstance(known, dict) else {}), **instances}
        left = data.get("instances")
        if without and isinstance(left, dict):
            left.pop(without, None)
        config.check(data, path)
        files.rewrite((json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode(), "", name)
