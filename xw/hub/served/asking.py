"""The client's half of the framed protocol: one call on this thread's session, and the frames that answer it.

`client.ServedHub` makes the calls. A session is an SFTP session (`files.sftp_wire.Wire`) whose server has
said that it is a served hub; its deadlines, errors and round trips are the same.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from xw.errors import Damaged, Moved, Refused, Unreachable
from xw.files.sftp_wire import Wire
from xw.hub.moved import seen_from
from xw.hub.served import frames
from xw.hub.served import protocol as words
from xw.hub.served.frames import Broken, Frame
from xw.hub.served.protocol import Greeting


class Asking:
    """Calls over the sessions of a link, to the served hub at `url`."""

    def __init__(self, url: str, wire: Callable[[], Wire]) -> None:
        self._url = url
        self._wire = wire
        self._greeted: tuple[bytes, Greeting] | None = None
        self._skew: float | None = None

    @property
    def skew(self) -> float | None:
        """The seconds by which the hub's clock is ahead, as the last answer showed; None before the first."""
        return self._skew

    def greeting(self, wire: Wire | None = None) -> Greeting:
        """Return the greeting of a session, this thread's if none is given.

        Raise Refused if it is no served hub, or has no protocol in common; Unreachable if it serves nothing
        now; Moved.
        """
        data = (wire or self._wire()).extensions.get(words.EXTENSION)
        if data is None:
            raise Refused(
                f"{self._url} was a served hub, and is plain SFTP now: "
                "`xw init` again, with the same --name and --hub, finds that out and continues"
            )
        if self._greeted is None or self._greeted[0] != data:
            try:
                self._greeted = data, words.greeting(data)
            except Damaged as error:
                raise Refused(f"{self._url}: its greeting cannot be read: {error}") from None
        greeting = self._greeted[1]
        if words.VERSION not in greeting.protocols:
            raise Refused(
                f"{self._url} speaks other versions of the protocol (xw {greeting.xw[:40]} there): upgrade xw"
            )
        if greeting.moved:
            raise Moved(self._url, seen_from(self._url, greeting.moved))
        if greeting.refused:
            text = greeting.refused
            raise Unreachable(text.replace(greeting.path, self._url) if len(greeting.path) > 1 else text)
        return greeting

    def ask(
        self, call: str, arguments: Mapping[str, object] | None = None, data: bytes = b"", **more: object
    ) -> object:
        """Return the answer to a call. Raise the error in it."""
        (*_, last) = self.frames(call, {**(arguments or {}), **more}, data)
        return last.head.get("is")

    def parts(self, call: str, **arguments: object) -> tuple[list[Frame], object]:
        """Return the parts of an answer, and its end."""
        (*parts, last) = self.frames(call, arguments)
        return parts, last.head.get("is")

    def frames(
        self,
        call: str,
        arguments: Mapping[str, object],
        data: bytes = b"",
        letters: Sequence[tuple[Mapping[str, object], bytes]] = (),
        give: Callable[[Wire, Frame], None] | None = None,
        wire: Wire | None = None,
    ) -> Iterator[Frame]:
        """Make a call; yield the frames of its answer, the last of which has its value.

        `letters` follow the call in frames of their own; `give` sends a file that the server wants. With a
        `wire` of its own, the call may take for ever. A caller that leaves early ends the session.
        """
        patient = wire is not None
        wire = wire or self._wire()
        path = self.greeting(wire).path
        head = {"v": words.VERSION, "call": call, "with": arguments}
        packets = [frames.pack(frames.CALL, head, data)]
        packets += [frames.pack(frames.ITEM, one, body) for one, body in letters]
        ended = False
        try:
            wire.speak(b"".join(packets))
            while not ended:
                frame = self._frame(wire, patient)
                if frame.kind == frames.WANT and give:
                    give(wire, frame)
                elif frame.kind == frames.ANSWER:
                    ended = True
                    self._note_time(frame.head.get("now"))
                    if "error" in frame.head:
                        raise words.error_from_json(frame.head["error"], self._url, path)
                    yield frame
                elif frame.kind != frames.TICK:
                    yield frame
        finally:
            if not ended:
                wire.close()

    def _frame(self, wire: Wire, patient: bool) -> Frame:
        try:
            return frames.unpack(wire.hear(patient))
        except Broken as error:
            wire.close()
            raise Unreachable(f"{self._url}: {error}: nothing more was acknowledged; try again") from None

    def _note_time(self, told: object) -> None:
        if isinstance(told, (int, float)) and not isinstance(told, bool):
            self._skew = told - time.time()
