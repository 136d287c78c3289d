"""Unsent mail in mirrors that nobody syncs any more, left behind by a hub that moved or got another URL.

A mirror's folder is named after its hub's URL, so another URL means another mirror. `init`, `sync` and
`doctor` name the mirrors that still have unsent mail; `xw sync --adopt` takes it into the mailbox in use.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from shlex import quote
from typing import NamedTuple

from xw import config, layout
from xw.actions import beside
from xw.actions.mirrors import noted, used_by
from xw.config import Config
from xw.errors import Damaged, NotFound, Unreachable, Unreadable, Usage, XwError, explain
from xw.files.local import LocalFiles
from xw.hub.handover import hand_over
from xw.instance import Instance, usual_mirror, where_now
from xw.mailbox import Mailbox
from xw.message import decode
from xw.mirror.notes import about


class Stranded(NamedTuple):
    """An unused mirror: `waiting` unsent messages of `name` for the hub at `url`.

    `url` is empty if an older xw made the mirror and noted none. `problem` is why it cannot be read. `again`
    and `adopt` are the commands that send the mail, by that hub or by the one in use. `project` is the folder
    of another project that uses the mirror; its own `xw sync` sends the mail. `others` is True for mail of an
    instance that only another project has.
    """

    mirror: str
    name: str
    waiting: int
    url: str
    problem: str
    again: str
    adopt: str
    project: str = ""
    others: bool = False

    @property
    def what(self) -> str:
        """The problem, in a line."""
        if self.problem:
            return f"cannot read another mirror, which may hold unsent mail: {self.problem}"
        messages = f"{self.waiting} unsent message{'s' if self.waiting > 1 else ''}"
        return f"{messages} of {self.name} for {self.url or 'another hub'} in the mirror {self.mirror}"

    @property
    def fix(self) -> str:
        """The command to run, or the advice."""
        if self.problem:
            return "check its owner and mode"
        if self.project:
            return f"the project in {self.project} uses it: `cd {quote(self.project)} && xw sync`"
        again = f"; to send by the old URL: `{self.again}`" if self.again else ""
        return f"if that hub is the one in use now, `{self.adopt}` sends them{again}"


def stranded(
    found: Config, hub: str | None, environ: Mapping[str, str] = os.environ, root: str = ""
) -> list[Stranded]:
    """Return this machine's mirrors with unsent mail, and those that cannot be read.

    Leave out `root`, and the mirrors in use: that of `hub` (as in --hub; None: from environment and file),
    and those of the hubs that the project has joined beside its own.
    """
    seen = {os.path.realpath(root) if root else "", *_used(found, hub, environ)}
    listed: list[Stranded] = []
    for place in config.mirror_places(found, environ):
        try:
            names = sorted(os.listdir(place))
        except (FileNotFoundError, NotADirectoryError):
            continue  # no mirror there
        except OSError as error:
            listed.append(_unreadable(place, error))
            continue
        for path in (os.path.join(place, name) for name in names):
            if os.path.realpath(path) not in seen and os.path.isdir(path):
                seen.add(os.path.realpath(path))
                listed += _in_mirror(path, found, environ)
    for mirror, path in noted():
        if os.path.realpath(mirror) not in seen:
            seen.add(os.path.realpath(mirror))
            listed += _of_other(mirror, path, found, environ)
    return listed


def _of_other(mirror: str, path: str, found: Config, environ: Mapping[str, str]) -> Iterator[Stranded]:
    """Yield the mail in a mirror of another configuration or another XW_STATE."""
    exists = bool(path) and path != found.path and os.path.isfile(path)
    try:
        owner = config.load(path) if exists else found
    except (OSError, XwError):
        owner = found
    project = os.path.dirname(path) if exists and used_by(mirror, path, environ) else ""
    for one in _in_mirror(mirror, owner, environ):
        yield one._replace(project=project, others=exists and one.name not in found.instances)


def _used(found: Config, hub: str | None, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the mirrors in use."""
    hubs = beside.joined(found)
    for name in (hub or environ.get("XW_HUB") or None, *hubs, *([found.hub] if hubs and found.hub else [])):
        with suppress(Usage, Unreachable):  # no hub is configured
            own = name == found.hub and name is not None
            url = config.own_hub(name or "", found) if own else config.hub_url(name, {}, found)
            url = where_now(url, found, environ)
            if config.is_remote(url):
                yield os.path.realpath(usual_mirror(url, "", found, environ))


def adopt(instance: Instance, mirror: str, problems: list[str]) -> int:
    """Move another mirror's outbox into this instance's; return the number of messages.

    A message is durable here before it is removed there. A damaged one stays there and is named in
    `problems`; so does an unreadable one, with all messages behind it. Raise NotFound if there is no such
    mirror.
    """
    files = LocalFiles(os.path.abspath(os.path.expanduser(mirror)))
    source, target = Mailbox(files, instance.name, mirror=True), instance.mailbox
    try:
        files.stat(source.at(layout.OUTBOX))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{mirror}: no mirror of {instance.name!r}: `xw doctor` lists the mirrors") from None
    if os.path.realpath(files.root) == os.path.realpath(instance.root):
        return 0
    taken = 0
    with files.locked_briefly(source.at(layout.LOCK)), target.files.locked_briefly(target.at(layout.LOCK)):
        for to in source.waiting_for():
            for name in source.outbox(to):
                try:
                    taken += _take(source, target, to, name)
                except (Unreadable, OSError) as error:
                    problems.append(f"{files.root}: {name}: {explain(error)}")
                    break  # so that none overtakes
                except Damaged as error:
                    problems.append(f"{files.root}: {name}: {error}")
    return taken


def _take(source: Mailbox, target: Mailbox, to: str, name: str) -> bool:
    lies = source.at(f"{layout.OUTBOX}/{to}", name)
    try:
        data = source.files.read(lies, layout.MESSAGE_LIMIT)
    except FileNotFoundError:
        return False  # a sync of that mirror has just delivered it
    message = decode(name, data)
    folder, files = message.files
    for file in files:
        wrong = hand_over(source.reader(folder), target, folder, file, added=bool(message.attached))
        if wrong:
            raise Damaged(wrong)
    outbox = target.at(f"{layout.OUTBOX}/{to}")
    target.files.make_folder(outbox)
    # With the sender's own copy, for `log` and `trace` here.
    target.files.publish(data, target.at(layout.SCRATCH), [f"{outbox}/{name}", target.at(layout.SENT, name)])
    with suppress(FileNotFoundError):  # as above
        source.files.remove(lies)
    return True


def _in_mirror(path: str, found: Config, environ: Mapping[str, str]) -> Iterator[Stranded]:
    files = LocalFiles(path)
    try:
        for name in sorted(files.list_folder("")):
            if not layout.is_name(name) or not os.path.isdir(os.path.join(path, name)):
                continue
            mailbox = Mailbox(files, name, mirror=True)
            try:
                waiting = sum(len(mailbox.outbox(to)) for to in mailbox.outboxes())
            except FileNotFoundError:
                continue  # not a mailbox: another program's folder
            if waiting:
                yield _named(path, name, waiting, found, environ)
    except (OSError, XwError) as error:
        yield _unreadable(path, error)


def _named(path: str, name: str, waiting: int, found: Config, environ: Mapping[str, str]) -> Stranded:
    url = about(LocalFiles(path)).url
    sync = f"xw sync{_by_file(found, environ)} --as {name}"
    adopting = f"{sync} --adopt {quote(path)}"
    if not url:
        return Stranded(path, name, waiting, "", "", "", adopting)
    again = f"{sync} --hub {quote(url)}"
    if os.path.realpath(config.mirror(url, found, environ)) != os.path.realpath(path):
        again = f"XW_STATE={quote(os.path.dirname(os.path.dirname(path)))} {again}"
    return Stranded(path, name, waiting, url, "", again, adopting)


def _by_file(found: Config, environ: Mapping[str, str]) -> str:
    """Return the option for a configuration file that a command would not find by itself, or ""."""
    try:
        usual = config.locate(None, environ, config.here())
    except (OSError, XwError):
        usual = None
    return f" --config {quote(found.path)}" if found.path and found.path != usual else ""


def _unreadable(path: str, error: OSError | XwError) -> Stranded:
    said = str(explain(error)) if isinstance(error, XwError) else f"{error.filename}: {error.strerror}"
    return Stranded(path, "", 0, "", said, "", "")
