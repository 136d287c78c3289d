"""The handler of up."""

from xw.agent import process
from xw.cli.call import Call, warn


def up(call: Call, names: list[str]) -> None:
    """Run the programs of xw.json until stopped."""
    process.up(call.options, names, lambda text: warn(f"up: {text}"), call.json)
