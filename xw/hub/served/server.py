"""Serve one member of a hub on one connection: what sshd's forced command runs. Called by `actions.serving`.

It answers SFTP's greeting with the hub's (`protocol`), then one call after the other, until the connection
ends. A frame that breaks the rules ends this connection, and no other. It watches the member's folders by
itself, and waits without looking at a clock.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol

from xw import layout
from xw.errors import Moved, Refused, XwError, explain, unforeseen
from xw.files import sftp_packets as sftp
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.identity import identity_in
from xw.hub.served import frames, slots
from xw.hub.served import protocol as words
from xw.hub.served.audit import Who
from xw.hub.served.calls import Calls
from xw.hub.served.delivering import Deliveries
from xw.hub.served.frames import Broken, Channel, Frame
from xw.hub.served.guard import Asked
from xw.hub.served.limits import FOLDER, Used, is_full, limits_of, until
from xw.hub.served.protocol import Greeting
from xw.hub.served.uploads import Cut, ServedDirectory

_GREETING_S = 30.0  # for the client's first packet
_TICK_S = 5.0  # between two signs of life during a long call
_LOOK_S = 5.0  # between two looks whether a watching member's key is still authorized
_BURST_S = 10  # seconds of calls that may come at once
_MOVES = 8
_OLD = "this is a served xw hub, and no SFTP server: use an xw that knows it (`pip install -U xw`)"


class Watch(Protocol):
    """A watch of folders; `xw.watch.Arrivals` is one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Return True if something may have arrived since the last call, False after the timeout."""

    def wake(self) -> None:
        """End the current or next `wait`."""


Watching = Callable[[Sequence[str]], AbstractContextManager[Watch]]


class Ticker(threading.Thread):
    """Sends a sign of life every few seconds while a call takes long; waits without a timeout between."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(daemon=True)
        self._channel = channel
        self._busy, self._over = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        if not self.is_alive():
            self.start()
        self._over.clear()
        self._busy.set()

    def __exit__(self, *_: object) -> None:
        self._busy.clear()
        self._over.set()

    def run(self) -> None:
        """Tick, until the process ends."""
        while True:
            self._busy.wait()
            if not self._over.wait(_TICK_S):
                try:
                    self._channel.tell(frames.TICK, {})
                except Broken:
                    return  # the call itself notices


class Server:
    """Serves `who.member` of the hub at `path`.

    `watch` watches folders; `allowed` returns False once the member's key was taken off.
    """

    def __init__(
        self, channel: Channel, path: str, who: Who, watch: Watching, allowed: Callable[[], bool]
    ) -> None:
        self._channel = channel
        self._path = path
        self._who = who
        self._watch = watch
        self._allowed = allowed
        self._ticker = Ticker(channel)

    def run(self) -> None:
        """Serve until the connection ends. Raise Broken if it does not keep to the protocol."""
        first = self._channel.receive(_GREETING_S)
        if first is None:
            return
        if first[:1] != bytes([sftp.INIT]):
            raise Broken("it does not begin as SFTP does")
        try:
            hub = self._open()
            self._begin(hub)
        except (XwError, OSError) as error:
            moved = error.url if isinstance(error, Moved) else ""
            self._greet(Greeting(self._who.member, path=self._path, refused=str(explain(error)), moved=moved))
            return
        self._greet(Greeting(self._who.member, identity_in(hub.files), self._path))
        while (packet := self._channel.receive()) is not None:
            self._slot.used()
            if packet[0] not in frames.KINDS:
                self._answer_sftp(packet)
                continue
            self._pace()
            if not self._allowed():
                gone = Refused(f"the key of {self._who.member} was taken off this hub: ask its owner")
                self._tell({"error": words.error_to_json(gone)})
                return
            self._answer(frames.unpack(packet))

    def _open(self) -> DirectoryHub:
        """Return the hub, also where it has moved to on this host. Raise Moved if it is on another."""
        for _ in range(_MOVES):
            hub = ServedDirectory(None, self._path)
            try:
                hub.connect()
                return hub
            except Moved as moved:
                if not moved.url.startswith("/"):
                    raise
                self._path = moved.url
        raise Refused(f"the hub {self._path} has moved in a circle")

    def _begin(self, hub: DirectoryHub) -> None:
        """Take a slot, and prepare the calls. Raise XwError if there are too many connections."""
        member = self._who.member
        layout.check_name(member)
        notes = LocalFiles(hub.files.root)  # private, also in a hub that a group shares
        self._limits = limits_of(notes, member)
        used = Used(notes, member, self._limits)
        try:
            notes.make_folders([FOLDER, f"{FOLDER}/{member}"])
            late = used.take({"connections": 1})
        except OSError as error:
            if not is_full(error):
                raise
            late = None  # the slots are the limit then
        if late:
            raise XwError(
                f"{member} connects too often: wait until {until(late[1])}, or run `xw sync --watch`"
            )
        slot = slots.take(notes, member, self._limits.connections)
        if slot is None:
            raise XwError(f"{member} has {self._limits.connections} busy connections to this hub: end some")
        self._slot = slot
        self._root = hub.files.root
        self._calls = Calls(hub, member, self._channel, used).table
        deliveries = Deliveries(hub, notes, self._who, self._channel, self._limits, used)
        self._calls |= {"deliver": deliveries.deliver, "pushes": self._push}
        self._bucket = self._most = float(self._limits.calls_per_second * _BURST_S)
        self._at = time.monotonic()

    def _greet(self, greeting: Greeting) -> None:
        self._channel.send(sftp.version({words.EXTENSION: greeting.encode()}))

    def _answer_sftp(self, packet: bytes) -> None:
        """Answer an SFTP request, of an xw that does not know served hubs or of another client."""
        if len(packet) < 5:
            raise Broken("a packet without a number")
        self._channel.send(sftp.status(packet[1:5], sftp.FAILURE, _OLD))

    def _pace(self) -> None:
        """Wait if calls come too fast."""
        now, rate = time.monotonic(), self._limits.calls_per_second
        self._bucket = min(self._most, self._bucket + (now - self._at) * rate) - 1
        self._at = now
        if self._bucket < 0:
            time.sleep(-self._bucket / rate)

    def _answer(self, frame: Frame) -> None:
        """Do one call, and answer it."""
        if frame.kind != frames.CALL:
            raise Broken(f"a frame of kind {frame.kind} outside of a call")
        arguments = frame.head.get("with")
        call = self._calls.get(str(frame.head.get("call")))
        try:
            if frame.head.get("v") != words.VERSION or call is None:
                what = str(frame.head.get("call"))[:40]
                raise Refused(
                    f"the hub's host has an xw that does not know the call {what!r}: upgrade it there"
                )
            # A client that waits for pushes needs no sign of life.
            with nullcontext() if call == self._push else self._ticker:
                told = call(Asked(self._who.member, arguments if isinstance(arguments, dict) else {}), frame)
            answer: dict[str, object] = {"is": told}
        except (Broken, Cut):
            raise
        except (XwError, OSError) as error:
            answer = {"error": words.error_to_json(error, self._root)}
        except Exception as bug:  # noqa: BLE001  # a bug that one call triggers must not end the others
            answer = {"error": words.error_to_json(XwError(f"on the hub's host: {unforeseen(bug)}"))}
        self._tell(answer)

    def _tell(self, answer: dict[str, object]) -> None:
        self._channel.tell(frames.ANSWER, {**answer, "now": time.time()})

    def _push(self, asked: Asked, frame: Frame) -> object:  # noqa: ARG002  # as all calls
        """Tell the client to look, at once and whenever something arrives, until it ends the connection."""
        owner = asked.owner()
        folders = [f"{self._root}/{owner}/{layout.INBOX[state]}" for state in layout.STATES]
        with self._watch(folders) as arrivals:
            ended = threading.Event()

            def listen() -> None:
                """Wait for the end; whatever comes before it is none of this call."""
                with suppress(Broken):
                    self._channel.receive()
                ended.set()
                arrivals.wake()

            threading.Thread(target=listen, daemon=True).start()
            self._channel.tell(frames.LOOK, {})
            while not ended.is_set() and self._allowed():
                if arrivals.wait(_LOOK_S) and not ended.is_set():
                    self._channel.tell(frames.LOOK, {})
                    if not all(map(os.path.isdir, folders)):
                        return None  # the mailbox is gone, or another one: the client begins anew
        raise Broken("") if ended.is_set() else Refused("its key was taken off this hub")
