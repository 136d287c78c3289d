"""The handler of launch."""

from xw.agent import process
from xw.cli.call import Call, warn
from xw.cli.show import emit, tell
from xw.errors import Usage


def launch(call: Call, words: list[str], listing: bool) -> int:
    """Start agent programs as instances, or list the programs of this machine."""
    if listing:
        return _list(call, words)
    if call.options.name:
        raise Usage(f"--as {call.options.name}: launch takes the name as its first word")
    name, *program = words or [""]
    return process.launch(call.options._replace(name=name), program, warn)


def _list(call: Call, words: list[str]) -> int:
    if words:
        raise Usage("--list takes no names: it lists the programs of this machine")
    found = process.programs()
    if call.json:
        return emit(found.to_json())
    for one in found.programs:
        if not one.path:
            tell(f"{one.name:10} not installed (`{one.program}`)")
            continue
        way = f"mail goes in by {one.ways[0]}" if one.ways else "mail is not shown as it arrives"
        others = f", else {', '.join(one.ways[1:])}" if one.ways[1:] else ""
        tell(f"{one.name:10} {one.version or 'version unknown'}; {way}{others}")
        for note in one.notes:
            tell(f"{'':10} {note}")
    return 0
