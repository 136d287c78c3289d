"""See instances by their files in a directory hub: cards, presences, waiting mail, last activity."""

from collections.abc import Mapping, Sequence

from xw import layout, presence
from xw.errors import Damaged, Unreachable, XwError, explain, unforeseen
from xw.hub.sighting import Peer, Sighting, fields
from xw.layout import INBOX, INSTANCE

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from xw.files import Stat
    from xw.files.contract import Files
    from xw.hub.contract import Outgoing

_LIMIT = 64 * 1024  # bytes of a card or a presence
_REPAIR = "its owner runs `xw init` in its own project"
_READ = (layout.CARD, layout.PRESENCE, layout.KEY)


def pending_folders(names: Sequence[str]) -> list[str]:
    """Return the folders whose listings `see` needs."""
    return [f"{name}/{INBOX['pending']}" for name in names]


def see(
    files: "Files",
    names: Sequence[str],
    before: Mapping[str, Sighting],
    listed: Sequence[list[str] | OSError] | None = None,
) -> list[Sighting]:
    """Return sightings of instances on the hub in `files`; parts known from `before` are not read again.

    `listed` are the listings of their `pending_folders`, if the caller has them. Names that are not
    instances, or no longer, are left out.
    """
    folders = files.list_folders(pending_folders(names)) if listed is None else listed
    paths = [f"{name}/{part}" for name in names for part in (*_READ, *presence.MARKS)]
    paths += names
    looks = dict(zip(paths, files.stat_all(paths), strict=True))
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
            card = looks[f"{name}/{layout.CARD}"]
            if isinstance(card, OSError) and not isinstance(card, (FileNotFoundError, NotADirectoryError)):
                # Closed to this user, or on a disk with an error; but the instance may exist.
                problem = f"its mailbox cannot be read: {card.strerror}"
                seen.append(before.get(name, Sighting(name))._replace(problem=problem, card_at=0.0))
            continue
        seen.append(_sighting(before.get(name, Sighting(name)), waiting, looks, texts))
    return seen


def _sighting(
    old: Sighting,
    waiting: list[str] | OSError,
    looks: "Mapping[str, Stat | OSError]",
    texts: Mapping[str, bytes | OSError | Damaged],
) -> Sighting:
    """Return an instance's present sighting; `old` is the earlier one, with its name."""
    name = old.name
    mail = [] if isinstance(waiting, OSError) else sorted(filter(layout.is_message, waiting))
    changed = [_mtime(looks[f"{name}/{mark}"]) for mark in presence.MARKS]
    card = _newer(texts, f"{name}/{layout.CARD}", old.card)
    card_at = _mtime(looks[f"{name}/{layout.CARD}"]) or 0.0
    problem = "" if fields(card) else f"{layout.CARD} is damaged: {_REPAIR}"
    unread = texts.get(f"{name}/{layout.CARD}")
    if isinstance(unread, OSError):  # the card's content is unknown: read it again next time
        problem, card_at = f"{layout.CARD} cannot be read: {unread.strerror}", 0.0
    if isinstance(waiting, OSError):  # one broken mailbox must not hide the other peers
        problem = f"its mailbox cannot be read: {waiting.strerror}"
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
        _newer(texts, f"{name}/{layout.KEY}", old.keys),
        _mtime(looks[f"{name}/{layout.KEY}"]) or 0.0,
    )


def _times(before: Sighting | None) -> tuple[float, float, float]:
    return (before.card_at, before.presence_at, before.keys_at) if before else (0.0, 0.0, 0.0)


def _mtime(look: "Stat | Exception") -> float | None:
    return None if isinstance(look, Exception) else look.mtime


def _kind(look: "Stat | Exception") -> str:
    return "" if isinstance(look, Exception) else look.kind


def _newer(texts: Mapping[str, bytes | Exception], path: str, old: str) -> str:
    """Return the text that was read, else the known one; empty if the file is damaged."""
    text = texts.get(path)
    if text is None or isinstance(text, OSError):
        return old
    return "" if isinstance(text, Exception) else text.decode("utf-8", "replace")


def peer_or_problem(hub: "Outgoing", name: str) -> Peer:
    """Return an instance as a hub shows it, or a peer with the reason why it cannot."""
    try:
        return hub.peer(name)
    except Unreachable:
        raise
    except (XwError, OSError) as error:
        problem = str(explain(error))
    except Exception as bug:  # noqa: BLE001  # an instance that triggers a bug must not hide others
        problem = unforeseen(bug)
    return Sighting(name, problem=problem).peer(0.0)
