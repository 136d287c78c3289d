"""Identify the hub of a mirror's URL by its id. Called by `sync`, before it sends.

A hub known here by another URL is one of three: the same by another name, the same in another place, or a
copy. A mark left by the new URL and looked for by the old one decides.
"""

import os
import time
from contextlib import nullcontext, suppress
from typing import Literal

from xw.errors import Copied, Moved, Unreachable, XwError, explain
from xw.files.contract import Files
from xw.files.local import LocalFiles
from xw.hub.contract import Hub
from xw.hub.opening import open_hub
from xw.mirror.merge import take_over
from xw.mirror.mirror import Mirror
from xw.mirror.notes import MOVES, About
from xw.mirror.siblings import Sibling, siblings

Verdict = Literal["alias", "moved", "away"]


class Untold(XwError):
    """It is unknown at the moment whether two URLs lead to one hub."""


def recognise(
    mirror: Mirror,
    hub: Hub,
    problems: list[str],
    limit: float | None,
    *,
    again: bool = False,
    thorough: bool = False,
) -> None:
    """Note the hub's id and URL; if it is known by another URL, take over that mirror.

    A hub that was asked by this URL before is asked again only with `again`, or with `thorough` if there is
    such a mirror; if it has lost its id, restored from an older backup, it gets the noted one. Raise Copied
    if it is a copy of another; `problems` gets undecided cases and mail that cannot be taken. The old URL is
    asked for at most `limit` seconds; raise Unreachable if that is too short.
    """
    known, root = mirror.notes.about(), mirror.files.root
    place = os.path.dirname(root)
    is_known = known.url == mirror.url and known.id is not None
    if is_known and not again and not (thorough and _relatives(place, root, known.id or "", mirror.url)):
        return
    identity = hub.identity(known.id or "") or known.id or ""
    about = (
        known.at(mirror.url)
        if identity == known.id or not known.id
        else About(urls=(mirror.url,), served=known.served)
    )
    about = about._replace(id=identity)
    relatives = _relatives(place, root, identity, mirror.url)
    gone = [one for one in relatives if _is_told(hub, one, problems, limit)]
    for one in gone:
        about = about._replace(moved=(*one.about.moved, *about.moved)).at(mirror.url, *one.about.urls)
    mirror.notes.note_hub(about)  # first, so that users of the old URL find the mail that was taken
    for one in gone:
        take_over(LocalFiles(one.root), mirror.files, problems, mirror=True)


def take_known(hub: Hub, place: str, files: Files, problems: list[str]) -> None:
    """Take over the mirrors in `place` of a hub that is now a local directory, into `files`.

    Raise Copied if the hub is a copy of theirs.
    """
    if not any(one.about.id for one in siblings(place)):
        return
    for one in _relatives(place, "", hub.identity(), hub.url):
        if _is_told(hub, one, problems, None):
            take_over(LocalFiles(one.root), files, problems, mirror=False)


def copied(hub: Hub, place: str, but: str = "") -> Copied | None:
    """Return the error for a hub that is a copy of one with a mirror in `place`, or None."""
    if any(one.about.id for one in siblings(place, but)):
        for one in _relatives(place, but, hub.identity(), hub.url):
            try:
                judge(hub, one.about.url, None, _key(one))
            except Untold:
                continue
            except Copied as error:
                return error
    return None


def _relatives(place: str, but: str, identity: str, url: str) -> list[Sibling]:
    """Return the mirrors that know the hub with this id only by other URLs."""
    return [
        one
        for one in siblings(place, but)
        if identity and one.about.id == identity and url not in one.about.urls
    ]


def _is_told(hub: Hub, other: Sibling, problems: list[str], limit: float | None) -> bool:
    old = other.about.url
    try:
        verdict = judge(hub, old, limit, _key(other))
    except Untold as error:
        problems.append(f"{error}; if it is: `xw sync --adopt {other.root}`")
        return False
    if verdict == "away":
        problems.append(
            f"{old} does not answer, and {hub.url} has its id: mail goes to {hub.url} from now on"
        )
    return True


def _key(one: Sibling) -> str | None:
    """Return a key with which a mirror's hub is asked, if it is served; any of its instances may ask."""
    return next((key for _, key in one.about.served), None)


def judge(hub: Hub, old_url: str, limit: float | None, key: str | None = None) -> Verdict:
    """Return a hub's relation to `old_url`, where a hub with the same id was. Raise Copied or Untold.

    It is `away` if the old URL does not answer at all, which counts as moved. Raise Unreachable if it does
    not answer within `limit` seconds.
    """
    mark = os.urandom(12).hex()
    whether = f"xw cannot tell whether {hub.url} is the hub at {old_url}"
    try:
        hub.leave_mark(mark)
    except OSError as error:
        raise Untold(f"{whether} ({explain(error)})") from None
    try:
        return _look(hub.url, old_url, mark, limit, whether, key)
    finally:
        with suppress(OSError, XwError):
            hub.remove_mark(mark)


def _look(url: str, old_url: str, mark: str, limit: float | None, whether: str, key: str | None) -> Verdict:
    began, asked = time.monotonic(), old_url
    try:
        for _ in range(MOVES):
            old = open_hub(asked, key)
            try:
                with old.within(limit) if limit else nullcontext():
                    if old.has_mark(mark):
                        return "alias" if asked == old_url else "moved"
                    break
            except Moved as moved:
                if moved.url == url:
                    return "moved"
                asked = moved.url
    except Unreachable:
        if limit and time.monotonic() - began >= limit:
            raise Unreachable(
                f"{whether} within {limit:.1f} s: `xw sync` takes the time that it needs"
            ) from None
        return "away"
    except (XwError, OSError) as error:
        raise Untold(f"{whether} ({explain(error)})") from None
    raise Copied(url, asked)
