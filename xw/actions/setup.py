"""Making and describing: init, who, peers, sync, prompt."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from xw import config, layout, post
from xw.config import Config
from xw.errors import Refused, Usage, XwError
from xw.files.local import LocalFiles
from xw.hub import directory
from xw.hub.contract import Peer
from xw.instance import Instance, Options, open_hub, open_instance, update_config

_PROJECT_HUB = ".xw/hub"
_PROMPT = "prompt.md"
_README = "README.md"


class Made(NamedTuple):
    """What `init` made: the instance, whether hub, mailbox and entry in the configuration are new."""

    instance: Instance
    new_hub: bool
    new_mailbox: bool
    new_entry: bool


class Who(NamedTuple):
    """Name, hub, configuration in force (None without a file), pending messages."""

    name: str
    hub: str
    config: str | None
    pending: int


class Synced(NamedTuple):
    """What `sync` did: the outbox, and the peers it found."""

    flushed: post.Flushed
    peers: list[Peer]


def init(
    options: Options,
    name: str | None,
    card: Mapping[str, object],
    group: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Made:
    """Make hub and mailbox where they are missing, and the entry in `xw.json`; harmless when repeated.

    Without `name`: the environment's, else made from the directory's name.
    """
    path, found = _configuration(options, environ)
    chosen = _name(options, name, found, environ)
    hub_given = options.hub or environ.get("XW_HUB")
    in_project = not (hub_given or found.hub)
    hub_text = hub_given or found.hub or _PROJECT_HUB
    folder = os.path.dirname(path)
    url = config.absolute(hub_text, os.getcwd() if hub_given else folder)
    new_hub = _make_hub(url, group)
    _keep_out_of_git(folder)
    hub = open_hub(url)[1]
    known = chosen in found.instances
    if not known and not name and hub.knows(chosen):
        raise Refused(
            f"{url} has an instance {chosen!r} already: `xw init --name {chosen}` shares its mailbox, "
            f"another --name makes your own"
        )
    entry = {**found.instances.get(chosen, {}), **{key: value for key, value in card.items() if value}}
    written = hub_text if found.hub is None or in_project else found.hub
    if hub_given and found.hub is None:
        written = hub_given if layout.is_name(hub_given) or "://" in hub_given else url
    update_config(path, {"hub": written}, {chosen: entry})
    new_mailbox = hub.register(chosen, {"name": chosen, "kind": "agent", **_card(entry)})
    opened = open_instance(Options(chosen, url, path, options.offline), {})
    return Made(opened, new_hub, new_mailbox, not known)


def who(instance: Instance) -> Who:
    """Who one is, and where."""
    return Who(instance.name, instance.hub.url, instance.config.path, len(instance.mailbox.pending()))


def peers(instance: Instance) -> list[Peer]:
    """Every other instance on the hub."""
    return [instance.hub.peer(name) for name in instance.hub.instances() if name != instance.name]


def sync(instance: Instance) -> Synced:
    """Deliver what waits in the outbox, and write the peers into `xw.json`."""
    flushed = post.flush(instance.mailbox, instance.hub)
    seen = peers(instance)
    if instance.config.path and instance.config.hub:
        listed = {peer.name: _peer_entry(peer) for peer in seen}
        if listed != instance.config.peers:
            update_config(instance.config.path, {"peers": listed})
    return Synced(flushed, seen)


def prompt(instance: Instance) -> str:
    """The instructions for this instance's system prompt, filled in."""
    names = [name for name in instance.hub.instances() if name != instance.name]
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    text = template(_PROMPT)
    for key, value in (("NAME", instance.name), ("HUB", instance.hub.url), ("PEERS", shown or "none yet")):
        text = text.replace(f"<{key}>", value)
    return text


def template(name: str) -> str:
    """A text of `hub_template/`, which lies in the installed package, or beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (package, os.path.dirname(package)):
        path = os.path.join(folder, "hub_template", name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise XwError(f"hub_template/{name} is missing from this installation: install xw again")


def _configuration(options: Options, environ: Mapping[str, str]) -> tuple[str, Config]:
    """The path of the configuration to write, and what it says now. `init` never writes above the project."""
    given = options.config or environ.get("XW_CONFIG")
    if given:
        path = os.path.abspath(os.path.expanduser(given))
    else:
        found = config.locate(None, environ, os.getcwd())
        path = found if found and found != config.user_file() else os.path.join(os.getcwd(), config.FILE)
    return path, config.load(path) if os.path.exists(path) else config.NONE


def _name(options: Options, name: str | None, found: Config, environ: Mapping[str, str]) -> str:
    given = name or options.name or environ.get("XW_NAME")
    if given:
        return layout.check_name(given)
    if len(found.instances) == 1:
        return next(iter(found.instances))
    if found.instances:
        raise Usage(
            f"{found.path} has {', '.join(sorted(found.instances))} already: give --name to add another"
        )
    made = layout.name_from(os.path.basename(os.getcwd()))
    if not made or made in layout.RESERVED:
        raise Usage("the directory's name gives no instance name: give --name")
    return made


def _make_hub(url: str, group: bool) -> bool:
    """Make the hub at `url` unless it is there; True if it is new."""
    files = LocalFiles(url, group=group)
    try:
        directory.facts(files, url)
    except XwError:
        if os.path.exists(f"{url}/{layout.HUB_FILE}"):
            raise  # damaged, or of a later format
    else:
        return False
    if os.path.isdir(url) and os.listdir(url):
        raise Refused(f"{url} is not empty and no hub: name an empty or a new directory")
    files.make_folder("")
    name = os.path.basename(os.path.dirname(os.path.dirname(url))) if url.endswith(_PROJECT_HUB) else ""
    directory.found(
        files, name or os.path.basename(url), template(_README), group=group, links=_has_links(files)
    )
    return True


def _has_links(files: LocalFiles) -> bool:
    try:
        files.publish(b"a test of hard links\n", "", ["link-test"])
    except OSError:
        return False
    files.remove("link-test")
    return True


def _keep_out_of_git(folder: str) -> None:
    files = LocalFiles(folder)
    files.make_folder(".xw")
    files.replace(b"*\n", ".xw", ".xw/.gitignore")


def _card(entry: Mapping[str, object]) -> dict[str, object]:
    return {key: entry[key] for key in ("kind", "description", "capabilities", "model") if entry.get(key)}


def _peer_entry(peer: Peer) -> dict[str, object]:
    entry = {"kind": peer.kind, "description": peer.description, "model": peer.model}
    return {key: value for key, value in entry.items() if value}
