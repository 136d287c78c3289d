"""A room of a hub, as its readers reach it on any kind of hub."""

from typing import NamedTuple

from xw.hub.contract import Rooms


class RoomView(NamedTuple):
    """A room's name, and the hub's rooms."""

    rooms: Rooms
    name: str
