"""What was seen of an instance's files on a hub, and the `Peer` that it makes.

A sync keeps sightings in the mirror, so that `xw peers` can show them, aged by
the time since; it reads a card or a presence again only when its mtime changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from xw import clock, layout, presence
from xw.errors import Damaged
from xw.files import Look
from xw.files.contract import Files
from xw.hub.contract import Peer
from xw.hub.directory import INSTANCE
from xw.layout import INBOX
from xw.message import parse_object

_LIMIT = 64 * 1024  # bytes of a card or a presence
_REPAIR = "its owner runs `xw init` in its own project"
_READ = (layout.CARD, layout.PRESENCE)


class Sighting(NamedTuple):
    """An instance's files: texts of card and presence with their mtimes, its mail, its last change.

    `problem` is what is wrong with them, for people.
    """

    name: str
    card: str = ""
    card_at: float = 0.0
    presence: str = ""
    presence_at: float = 0.0
    pending: int = 0
    oldest: str | None = None
    changed: float | None = None
    problem: str = ""

    @property
    def kind(self) -> str:
        """Return the instance's kind according to its card; empty if it gives none."""
        return _text(_object(self.card), "kind")

    def peer(self, now: float) -> Peer:
        """The peer that this shows, at `now` by the hub's clock."""
        card = _object(self.card)
        shown = presence.judge(self.presence, self.presence_at, self.changed, now)
        can = card.get("capabilities")
        return Peer(
            self.name,
            _text(card, "kind"),
            self.problem or _text(card, "description"),
            tuple(item for item in can if isinstance(item, str)) if isinstance(can, list) else (),
            _text(card, "model"),
            shown.status,
            shown.task,
            shown.progress,
            self.pending,
            self.oldest,
            shown.seen,
            None if shown.seen is None else max(0.0, now - shown.seen),
            shown.bridge,
            shown.bridge_state,
            shown.waits_for,
        )


def recalled(entry: Mapping[str, Any]) -> Sighting:
    """A sighting as it was written down. TypeError where that is damaged."""
    one = Sighting(**entry)
    texts, times = (one.name, one.card, one.presence, one.problem), (one.card_at, one.presence_at)
    if (
        not all(isinstance(text, str) for text in texts)
        or None in map(clock.seconds, (*times, one.pending, one.changed or 0))
        or not (one.oldest is None or layout.is_message(one.oldest))
    ):
        raise TypeError(f"{one.name!r} was never seen like this")
    return one


def pending_folders(names: Sequence[str]) -> list[str]:
    """The folders whose listing `see` wants."""
    return [f"{name}/{INBOX['pending']}" for name in names]


def see(
    files: Files,
    names: Sequence[str],
    before: Mapping[str, Sighting],
    listed: Sequence[list[str] | OSError] | None = None,
) -> list[Sighting]:
    """Sightings of instances on the hub in `files`; what `before` has of them is not read again.

    `listed` are the listings of their `pending_folders`, if one has them already.
    What is no instance, or none any more, is left out.
    """
    folders = files.names_of(pending_folders(names)) if listed is None else listed
    paths = [f"{name}/{part}" for name in names for part in (*_READ, *presence.MARKS)]
    paths += names
    looks = dict(zip(paths, files.look_all(paths), strict=True))
    wanted = [
        f"{name}/{part}"
        for name in names
        for part, at in zip(_READ, _times(before.get(name)), strict=True)
        if _mtime(looks[f"{name}/{part}"]) not in (None, at)
    ]
    texts = dict(zip(wanted, files.read_all(wanted, _LIMIT), strict=True))
    seen = []
    for name, waiting in zip(names, folders, strict=True):
        if (_kind(looks[name]), _kind(looks[f"{name}/{layout.CARD}"])) != INSTANCE:
            closed = looks[f"{name}/{layout.CARD}"]
            if isinstance(closed, PermissionError):  # to this user: the instance is there all the same
                problem = f"(its mailbox cannot be read: {closed.strerror})"
                seen.append(Sighting(name, before.get(name, Sighting(name)).card, problem=problem))
            continue
        seen.append(_sighting(before.get(name, Sighting(name)), waiting, looks, texts))
    return seen


def _sighting(
    old: Sighting,
    waiting: list[str] | OSError,
    looks: Mapping[str, Look | OSError],
    texts: Mapping[str, bytes | OSError | Damaged],
) -> Sighting:
    """Return what is seen of an instance now; `old` is what was seen before, with its name."""
    name = old.name
    mail = [] if isinstance(waiting, OSError) else sorted(filter(layout.is_message, waiting))
    changed = [_mtime(looks[f"{name}/{mark}"]) for mark in presence.MARKS]
    card = _newer(texts, f"{name}/{layout.CARD}", old.card)
    card_at = _mtime(looks[f"{name}/{layout.CARD}"]) or 0.0
    problem = "" if _object(card) else f"({layout.CARD} is damaged: {_REPAIR})"
    unread = texts.get(f"{name}/{layout.CARD}")
    if isinstance(unread, OSError):  # which says nothing of what the card holds: look again next time
        problem, card_at = f"({layout.CARD} cannot be read: {unread.strerror})", 0.0
    if isinstance(waiting, OSError):  # one broken mailbox must not hide the other peers
        problem = f"(its mailbox cannot be read: {waiting.strerror})"
    return Sighting(
        name,
        card,
        card_at,
        _newer(texts, f"{name}/{layout.PRESENCE}", old.presence),
        _mtime(looks[f"{name}/{layout.PRESENCE}"]) or 0.0,
        len(mail),
        mail[0] if mail else None,
        max((at for at in changed if at is not None), default=None),
        problem,
    )


def _times(before: Sighting | None) -> tuple[float, float]:
    return (before.card_at, before.presence_at) if before else (0.0, 0.0)


def _mtime(look: Look | Exception) -> float | None:
    return None if isinstance(look, Exception) else look.mtime


def _kind(look: Look | Exception) -> str:
    return "" if isinstance(look, Exception) else look.kind


def _newer(texts: Mapping[str, bytes | Exception], path: str, old: str) -> str:
    """The text that was read, else the one known; nothing where it could not be read."""
    if path not in texts:
        return old
    text = texts[path]
    return "" if isinstance(text, Exception) else text.decode("utf-8", "replace")


def _object(text: str) -> dict[str, object]:
    try:
        return parse_object(text.encode())
    except Damaged:
        return {}


def _text(card: Mapping[str, object], key: str) -> str:
    value = card.get(key)
    return value if isinstance(value, str) else ""
