"""`xw help`: the help of a command, of the everyday commands, or a list of all."""

from typing import TYPE_CHECKING

from xw.cli.call import Call
from xw.cli.commands import COMMANDS
from xw.cli.sections import SECTIONS
from xw.cli.show import emit, say

if TYPE_CHECKING:
    from xw.shapes import upkeep


def show(call: Call, words: list[str], everything: bool) -> int:
    """Print the help of a command or group, of the everyday commands, or of all."""
    from xw.cli import app

    if call.json:
        listed = [one for one in _listed() if not words or one["name"].split()[: len(words)] == words]
        emit({"format": 1, "commands": listed})
    elif words or not everything:
        return app.run([*words, "--help"])
    else:
        _print_all()
    return 0


def _print_all() -> None:
    section = ""
    for one in _listed():
        if one["section"] != section:
            say(f"\n{one['section']}:" if section else f"{one['section']}:")
            section = one["section"]
        say(f"  {one['name']:<18} {one['help']}")
    say("\n`xw COMMAND --help` explains a command, with an example.")


def _listed() -> "list[upkeep.CommandHelp]":
    """Return every command with its section, in the order of the sections."""
    listed: list[upkeep.CommandHelp] = []
    for title, names in SECTIONS.items():
        for name in names.split():
            of = [one for one in COMMANDS if one.name == name or one.name.startswith(f"{name} ")]
            listed += [{"name": one.name, "help": one.help, "section": title} for one in of]
    return listed
