"""One room of a hub, as its readers reach it: on whatever hub, here or elsewhere."""

from typing import NamedTuple

from xw.hub.contract import Rooms


class RoomView(NamedTuple):
    """A room by its name, among those of a hub."""

    rooms: Rooms
    name: str
