"""Give mail to a served hub: the giving half of `client.ServedHub`, which alone uses it.

`delivering` is the server's half: it asks for each file that a recipient lacks.
"""

from collections.abc import Iterator, Sequence

from xw.errors import Unreachable, XwError
from xw.files.sftp_wire import Wire
from xw.hub.contract import Parcel, Progress
from xw.hub.served import frames
from xw.hub.served import protocol as words
from xw.hub.served.asking import Asking
from xw.hub.served.frames import Frame
from xw.message import Attachment


class Giving:
    """Deliveries to the served hub at `url`; `progress` gets the bytes that were sent, if it is given."""

    def __init__(self, url: str, asking: Asking, progress: Progress | None) -> None:
        self._url = url
        self._asking = asking
        self._progress = progress

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """Send parcels in calls of bounded size; return an outcome for each, as `contract.Hub.deliver`."""
        outcomes: list[XwError | None] = []
        held: dict[str, XwError] = {}  # recipients that can take nothing now → the error
        for part in _calls(parcels):
            going = [parcel for parcel in part if parcel.to not in held]
            found = dict(zip(map(id, going), self._deliver(going), strict=True))
            for parcel in part:
                error = held.get(parcel.to) or found[id(parcel)]
                outcomes.append(error)
                if error and error.code == XwError.code:
                    held[parcel.to] = error
        return outcomes

    def _deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        if not parcels:
            return []
        letters = [({"to": one.to, "name": one.name}, one.data) for one in parcels]

        def give(wire: Wire, frame: Frame) -> None:
            index, name = frame.head.get("parcel"), frame.head.get("file")
            parcel = parcels[index] if isinstance(index, int) and 0 <= index < len(parcels) else None
            file = next((one for one in parcel.files if one.name == name), None) if parcel else None
            start = frame.head.get("from")
            if parcel is None or file is None or not isinstance(start, int):
                raise Unreachable(f"{self._url}: it wants a file that was not offered")
            self._give(wire, parcel, file, start)

        (*_, last) = self._asking.frames("deliver", {"count": len(letters)}, letters=letters, give=give)
        told = last.head.get("is")
        if not isinstance(told, list) or len(told) != len(parcels):
            raise Unreachable(f"{self._url}: it did not say what became of each message")
        path, outcomes = self._asking.greeting().path, []
        for parcel, one in zip(parcels, told, strict=True):
            error = words.error_from_json(one, self._url, path) if one else None
            outcomes.append(error if error is None or isinstance(error, XwError) else XwError(str(error)))
            if error is None and self._progress:
                self._progress(parcel.name, len(parcel.data), len(parcel.data))
        # The same error for all that wait behind the first one, as the contract says.
        first: dict[tuple[str, str], XwError] = {}
        return [
            error and first.setdefault((one.to, str(error)), error)
            for one, error in zip(parcels, outcomes, strict=True)
        ]

    def _give(self, wire: Wire, parcel: Parcel, file: Attachment, start: int) -> None:
        """Send a file from `start` on, and its end; or why it cannot be read."""
        done = 0
        try:
            for piece in parcel.read(file):
                new = piece[max(0, start - done) :]
                done += len(piece)
                for at in range(0, len(new), frames.PIECE):
                    wire.speak(frames.pack(frames.BYTES, {}, new[at : at + frames.PIECE]), begins=False)
                if self._progress:
                    self._progress(file.name, done, file.size)
        except Unreachable:
            raise
        except (XwError, OSError) as error:
            wire.speak(frames.pack(frames.BYTES, {"error": words.error_to_json(error)}))
            return
        wire.speak(frames.pack(frames.BYTES, {}))


def _calls(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Yield parcels in order, as many as one call takes."""
    part: list[Parcel] = []
    size = 0
    for parcel in parcels:
        if part and (len(part) == words.PARCELS or size + len(parcel.data) > words.PARCEL_BYTES):
            yield part
            part, size = [], 0
        part.append(parcel)
        size += len(parcel.data)
    if part:
        yield part
