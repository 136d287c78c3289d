"""An instance as a hub shows it: `Peer`; and `Sighting`, which a mirror can store and show later.

A card or a presence is read again only when its time has changed.
"""

from collections.abc import Mapping

from xw import clock, delivery, layout, presence
from xw.errors import Damaged
from xw.message import parse_object
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from typing import Any

    from xw.shapes import upkeep
    from xw.words import BridgeState, Delivery, Shown


class Peer(NamedTuple):
    """An instance as a hub shows it.

    `oldest` is the file name of the oldest pending message, `seen` the time of its last sign of life in
    seconds by the hub's clock, `age` the seconds since then. `status` is `-` if it never gave one. `bridge`
    is the kind of the bridge that runs, or died; `waits_for` is its reason to hold mail back. `needs_help` is
    the error with which it asked for help, `problem` the reason why its card or mailbox cannot be read,
    `memory` what the bridge's program remembers (`presence.NO_MEMORY`: nothing),
    `bridge_note` what its bridge says of its turns today, or of announced mail. `delivery` is when it is
    shown mail by itself, `delivery_why` who decided that; `on_hold` if its owner has stopped it;
    `launched` if it said that `xw launch` started it, `ended` if its program or bridge reported its end.
    """

    name: str
    kind: str
    description: str
    capabilities: tuple[str, ...]
    model: str
    status: "Shown"
    task: str
    progress: str
    pending: int
    oldest: str | None
    seen: float | None
    age: float | None
    bridge: str = ""
    bridge_state: "BridgeState" = "none"
    waits_for: str = ""
    needs_help: str = ""
    groups: tuple[str, ...] = ()
    problem: str = ""
    memory: str = ""
    bridge_note: str = ""
    delivery: "Delivery" = delivery.DEFAULT
    delivery_why: str = ""
    on_hold: bool = False
    launched: bool = False
    ended: bool = False

    @property
    def in_trouble(self) -> bool:
        """True if it is blocked or needs help."""
        return bool(self.needs_help) or self.status == "blocked"

    @property
    def bridge_runs(self) -> bool:
        """True if a bridge takes its mail to a chat, judging by its heartbeats."""
        return self.bridge_state in ("runs", "waits")

    def to_json(self) -> "upkeep.Peer":
        """Return the object that `--json` prints."""
        told = self._asdict()
        del told["launched"], told["ended"]  # `delivery_why` and `status` say it
        told["oldest"] = self.oldest and layout.id_of(self.oldest)
        told["seen"] = None if self.seen is None else clock.rfc3339(int(self.seen * clock.SECOND))
        told["age_s"] = clock.rounded(told.pop("age"))
        return told  # type: ignore[return-value]  # the fields have the shape's names


class Sighting(NamedTuple):
    """An instance at one moment: texts of card, presence, keys, with their times; its mail, its last change.

    `problem` describes for people why it cannot be read.
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
    keys: str = ""
    keys_at: float = 0.0

    @property
    def kind(self) -> str:
        """The instance's kind in its card; empty if it gives none."""
        return _text(fields(self.card), "kind")

    def peer(self, now: float) -> Peer:
        """Return this sighting as a peer, at `now` by the hub's clock."""
        card = fields(self.card)
        shown = presence.judge(self.presence, self.presence_at, self.changed, now)
        return Peer(
            self.name,
            _text(card, "kind"),
            _text(card, "description"),
            _texts(card, "capabilities"),
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
            shown.needs_help,
            tuple(filter(layout.is_name, _texts(card, "groups"))),
            self.problem,
            shown.memory,
            shown.bridge_note,
            *_delivery(card, shown),
            shown.on_hold,
            shown.launched,
            shown.ended,
        )


def recalled(entry: "Mapping[str, Any]") -> Sighting:
    """Return a stored sighting. Raise TypeError if it is damaged."""
    one = Sighting(**entry)
    texts = (one.name, one.card, one.presence, one.problem, one.keys)
    times = (one.card_at, one.presence_at, one.keys_at)
    if (
        not all(isinstance(text, str) for text in texts)
        or None in map(clock.seconds, (*times, one.pending, one.changed or 0))
        or not (one.oldest is None or layout.is_message(one.oldest))
    ):
        raise TypeError(f"{one.name!r} is not a valid sighting")
    return one


def fields(text: str) -> dict[str, object]:
    """Return a card's fields; empty if it is damaged."""
    try:
        return parse_object(text.encode())
    except Damaged:
        return {}


def _delivery(card: Mapping[str, object], shown: presence.Presence) -> delivery.Effective:
    """Return when an instance is shown mail; a bridge knows an xw.json that was edited after `init`.

    A bridge shows `push` also where nothing was chosen: then that is no choice of the owner.
    """
    bridged = shown.bridge_state in ("runs", "waits")
    chosen = _text(card, "delivery")
    if bridged and shown.bridge_delivery:
        served = shown.bridge_delivery == "push" and chosen != "push"
        chosen = "" if served else shown.bridge_delivery
    return delivery.decide(chosen, shown.launched, bridged)


def _text(card: Mapping[str, object], key: str) -> str:
    value = card.get(key)
    return value if isinstance(value, str) else ""


def _texts(card: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = card.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
