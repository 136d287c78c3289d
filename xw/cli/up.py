"""The handler of up."""

from xw.agent import functions
from xw.cli.call import Call, warn


def up(call: Call, names: list[str], no_rooms: bool) -> None:
    """Run the programs of xw.json and its rooms until stopped."""
    functions.up(call.options, names, lambda text: warn(f"up: {text}"), call.json, not no_rooms)
