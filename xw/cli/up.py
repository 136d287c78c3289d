"""up."""

from xw.actions import launching
from xw.cli.call import Call, warn
from xw.instance import load_config


def up(call: Call, names: list[str]) -> int:
    """Run what xw.json names until told to stop."""
    programs = launching.programs(load_config(call.options), call.options, names)
    return 0 if launching.launch(programs, lambda text: warn(f"up: {text}")) else 2
