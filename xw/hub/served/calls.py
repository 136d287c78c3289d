"""Do each call of a member, over the hub's directory: the second half of `server`.

`guard` checks every argument first; the work is `DirectoryHub`'s own, so a served hub keeps its promises. An
answer to a list is sent in parts, so that no frame and no memory grows with a mailbox.
"""

import os
from collections.abc import Callable, Mapping, Sequence

from xw import clock, layout
from xw.errors import NotFound, Refused, Unreachable, XwError, explain, unforeseen
from xw.hub.contract import Move
from xw.hub.directory import DirectoryHub
from xw.hub.identity import identity_of
from xw.hub.seeing import see
from xw.hub.served import frames, guard
from xw.hub.served import protocol as words
from xw.hub.served.frames import Channel, Frame
from xw.hub.served.guard import Asked
from xw.hub.served.limits import Used, until
from xw.hub.sighting import Sighting

_MOST = 2000  # names in one frame
_TOGETHER = 4 * 1024 * 1024  # bytes of messages in one answer
_SEEN_AT_ONCE = 10  # instances, each with a card and a presence of at most 64 KiB
_DAYS = 40_000
_TIMES = 3  # of card, presence and keys
_KEYS_BYTES = 32 * 1024  # of the keys that an instance publishes


class Calls:
    """A member's calls on a hub; `answer` does one. `deliver` is `delivering.Deliveries`'s."""

    def __init__(self, hub: DirectoryHub, member: str, channel: Channel, used: Used) -> None:
        self._hub = hub
        self._used = used
        self._member = member
        self._channel = channel
        self._sentinel = f'{{"{os.urandom(8).hex()}": 1}}'  # stands for a text that the client has
        self.table: dict[str, Callable[[Asked, Frame], object]] = {
            "ping": self._ping,
            "instances": self._instances,
            "knows": self._knows,
            "peer": self._peer,
            "peers": self._peers,
            "groups": self._groups,
            "keys": self._keys,
            "add_key": self._add_key,
            "identity": self._identity,
            "group": self._group,
            "locate": self._locate,
            "held": self._held,
            "withdraw": self._withdraw,
            "why": self._why,
            "register": self._register,
            "unregister": self._unregister,
            "set_groups": self._set_groups,
            "survey": self._survey,
            "fetch": self._fetch,
            "attachment": self._attachment,
            "settle": self._settle,
            "claim": self._claim,
            "release": self._release,
            "set_aside": self._set_aside,
            "show": self._show,
            "sweep": self._sweep,
            "findings": self._findings,
            "leave_mark": self._leave_mark,
            "has_mark": self._has_mark,
            "remove_mark": self._remove_mark,
        }

    def _ping(self, asked: Asked, frame: Frame) -> object:
        self._hub.ping()
        return None

    # What all members see

    def _instances(self, asked: Asked, frame: Frame) -> object:
        return self._hub.instances()

    def _knows(self, asked: Asked, frame: Frame) -> object:
        return self._hub.knows(asked.text("name", 255))

    def _peer(self, asked: Asked, frame: Frame) -> object:
        name = asked.text("name", 255)
        seen = see(self._hub.files, [name], {}) if layout.is_name(name) else []
        if not seen or name in layout.RESERVED:
            self._hub.peer(name)  # raises the error that fits
            raise NotFound(f"no peer {name!r} on {self._hub.url}")
        return self._shown(seen[0])

    def _peers(self, asked: Asked, frame: Frame) -> object:
        names = self._hub.instances()
        for start in range(0, len(names), _SEEN_AT_ONCE):
            self._tell_peers(self._seen(names[start : start + _SEEN_AT_ONCE]))
        return None

    def _seen(self, names: Sequence[str]) -> list[Sighting]:
        """Return sightings; an instance that cannot be seen hides no other."""
        try:
            return see(self._hub.files, names, {})
        except Unreachable:
            raise
        except Exception:  # noqa: BLE001  # whatever it is, it is shown at the instance that triggers it
            return [self._one(name) for name in names]

    def _one(self, name: str) -> Sighting:
        try:
            return see(self._hub.files, [name], {})[0]
        except (XwError, OSError) as error:
            return Sighting(name, problem=str(explain(error)))
        except Exception as bug:  # noqa: BLE001  # as above
            return Sighting(name, problem=unforeseen(bug))

    def _shown(self, one: Sighting, unchanged: str = "") -> dict[str, object]:
        """Return a sighting without the names of others' mail, but for its time."""
        oldest = one.oldest
        if oldest and self._member not in (one.name, layout.sender_of(oldest)):
            hidden = layout.FileName(f"{layout.time_of(oldest)}-{'0' * 8}", "info", one.name)
            one = one._replace(oldest=str(hidden))
        return words.sighting_to_json(one, unchanged)

    def _tell_peers(self, seen: Sequence[Sighting]) -> None:
        self._channel.tell(frames.ITEM, {"peers": [self._shown(one, self._sentinel) for one in seen]})

    def _groups(self, asked: Asked, frame: Frame) -> object:
        found = self._hub.groups(asked.name("name"))
        return None if found is None else list(found)

    def _keys(self, asked: Asked, frame: Frame) -> object:
        wanted = asked.names("names", words.KEYS)
        return self._hub.keys(wanted)

    def _identity(self, asked: Asked, frame: Frame) -> object:
        """Read it only: no member chooses the id to which signatures are bound."""
        self._hub.connect()
        return identity_of(self._hub.files)

    def _group(self, asked: Asked, frame: Frame) -> object:
        return self._hub.group()

    # Mail that the member has sent, or received

    def _locate(self, asked: Asked, frame: Frame) -> object:
        to = asked.name("to")
        located = self._hub.locate(to, asked.known_to(to, asked.message()))
        return None if located is None else list(located)

    def _held(self, asked: Asked, frame: Frame) -> object:
        to = asked.name("to")
        names = [asked.known_to(to, name) for name in asked.messages()]
        found = self._hub.held(to, names)
        return [dict(found.states), found.kept_since, found.unregistered]

    def _withdraw(self, asked: Asked, frame: Frame) -> object:
        return self._hub.withdraw(*asked.sent())

    def _why(self, asked: Asked, frame: Frame) -> object:
        owner = asked.name("owner")
        note = self._hub.why(owner, asked.known_to(owner, asked.message()))
        return {key: value[: words.REASON] for key, value in note.items()}

    # The own mailbox

    def _register(self, asked: Asked, frame: Frame) -> object:
        owner, card, first = asked.owner(), asked.card(), asked.flag("first")
        if not self._hub.knows(owner):
            self._count_registration()
        return self._hub.register(owner, card, first)

    def _unregister(self, asked: Asked, frame: Frame) -> object:
        owner = asked.owner()
        self._count_registration()
        left = self._hub.unregister(owner)
        for start in range(0, len(left.returned), _MOST):
            part = left.returned[start : start + _MOST]
            self._channel.tell(frames.ITEM, {"returned": [list(one) for one in part]})
        return [left.name, left.archive]

    def _count_registration(self) -> None:
        """Use up one of the member's registrations: each leaves folders, and its end an archive."""
        if late := self._used.take({"registrations": 1}):
            raise XwError(
                f"{self._member} was registered and unregistered too often on this hub: "
                f"wait until {until(late[1])}"
            )

    def _set_groups(self, asked: Asked, frame: Frame) -> object:
        self._hub.set_groups(asked.owner(), asked.groups())
        return None

    def _add_key(self, asked: Asked, frame: Frame) -> object:
        owner, line = asked.owner(), asked.key_line()
        if len(self._hub.keys([owner])[0]) > _KEYS_BYTES:
            raise Refused(f"{owner} publishes too many keys")
        self._hub.add_key(owner, line)
        return None

    def _survey(self, asked: Asked, frame: Frame) -> object:
        owner, everyone = asked.owner(), asked.flag("everyone")
        found = self._hub.survey(owner, self._known(asked), everyone)
        by_state: dict[str, list[str]] = {}
        for name, state in found.states.items():
            by_state.setdefault(state, []).append(name)
        for where, names in by_state.items():
            for start in range(0, len(names), _MOST):
                self._channel.tell(frames.ITEM, {"state": where, "names": names[start : start + _MOST]})
        for start in range(0, len(found.peers), _SEEN_AT_ONCE):
            self._tell_peers(found.peers[start : start + _SEEN_AT_ONCE])
        # A name that no JSON can hold stays: its owner moves it away on the host.
        strays = [name for name in found.strays if _is_text(name)][:_MOST]
        return [strays, found.nameless]

    def _known(self, asked: Asked) -> dict[str, Sighting]:
        """Return sightings for what the client knows: only their times."""
        known = {}
        for item in asked.items("known", words.KNOWN):
            name, *times = item if isinstance(item, list) and item else [""]
            if not isinstance(name, str) or not layout.is_name(name) or len(times) != _TIMES:
                raise Refused("a list of names and times is missing")
            card_at, presence_at, keys_at = (clock.seconds(value) or 0.0 for value in times)
            text = self._sentinel
            seen = Sighting(name, text, card_at, text, presence_at)
            known[name] = seen._replace(keys=text, keys_at=keys_at)
        return known

    def _fetch(self, asked: Asked, frame: Frame) -> object:
        owner, wanted = asked.owner(), asked.fetched()
        room = _TOGETHER
        for data in self._hub.fetch(owner, wanted):
            if data is None:
                self._channel.tell(frames.ITEM, {"gone": True})
            elif isinstance(data, Exception):
                self._channel.tell(frames.ITEM, {"error": words.error_to_json(data)})
            else:
                self._channel.tell(frames.ITEM, {}, data)
                room -= len(data)
                if room <= 0:
                    break  # the client asks for the rest
        return None

    def _attachment(self, asked: Asked, frame: Frame) -> object:
        owner, (folder, name) = asked.owner(), asked.attachment()
        for piece in self._hub.attachment(owner, folder, name):
            for start in range(0, len(piece), frames.PIECE):
                self._channel.tell(frames.BYTES, {}, piece[start : start + frames.PIECE])
        return None

    def _settle(self, asked: Asked, frame: Frame) -> object:
        owner, moves = asked.owner(), []
        for item in asked.items("moves", words.MOVES):
            one = Asked(self._member, item if isinstance(item, Mapping) else {})
            move = Move(
                one.message(),
                one.state("source"),
                one.state("state"),
                one.text("reason", words.REASON),
                one.text("kind", 64),
            )
            guard.forward(move.source, move.state)
            moves.append(move)
        outcomes = self._hub.settle(owner, moves)
        return [error and words.error_to_json(error, self._hub.url) for error in outcomes]

    def _claim(self, asked: Asked, frame: Frame) -> object:
        return self._hub.claim(asked.owner(), asked.message(), asked.token())

    def _release(self, asked: Asked, frame: Frame) -> object:
        return self._hub.release(asked.owner(), asked.message(), asked.token())

    def _set_aside(self, asked: Asked, frame: Frame) -> object:
        owner, state, name = asked.owner(), asked.state("state"), asked.plain("name")
        return self._hub.set_aside(owner, state, name, asked.text("reason", words.REASON))

    def _show(self, asked: Asked, frame: Frame) -> object:
        self._hub.show(asked.owner(), guard.presence(frame.data))
        return None

    def _sweep(self, asked: Asked, frame: Frame) -> object:
        from xw.sweep import sweep

        owner = asked.owner()
        try:
            swept = sweep(self._hub.mailbox(owner), asked.number("days", _DAYS), asked.flag("dry_run"))
        except FileNotFoundError:
            self._hub.survey(owner, {})  # raises the error that fits
            raise
        for key in ("messages", "attachments", "scratch"):
            paths: list[str] = getattr(swept, key)
            for start in range(0, len(paths), _MOST):
                self._channel.tell(frames.ITEM, {key: paths[start : start + _MOST]})
        return [swept.size, [str(error) for error in swept.left][:_MOST], swept.busy]

    def _findings(self, asked: Asked, frame: Frame) -> object:
        return [list(one) for one in self._hub.findings(asked.owner())]

    # Marks

    def _leave_mark(self, asked: Asked, frame: Frame) -> object:
        mark = asked.mark()
        if late := self._used.take({"marks": 1}):
            raise XwError(f"{self._member} has left too many marks on this hub: wait until {until(late[1])}")
        self._hub.leave_mark(mark)
        return None

    def _has_mark(self, asked: Asked, frame: Frame) -> object:
        return self._hub.has_mark(asked.mark())

    def _remove_mark(self, asked: Asked, frame: Frame) -> object:
        self._hub.remove_mark(asked.mark())
        return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
