"""The handler of up."""

from xw.agent import process
from xw.cli.call import Call, warn


def up(call: Call, names: list[str]) -> int:
    """Run the programs of xw.json until stopped."""
    return 0 if process.up(call.options, names, lambda text: warn(f"up: {text}")) else 2
