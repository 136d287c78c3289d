"""Change a room's settings, and continue a closed room: what is asked for, in numbers and in words.

`definition.changed` applies the settings; the coordinator records them as an event, so that the room stays
the fold of its messages.
"""

import re
from collections.abc import Mapping

from xw.errors import Usage
from xw.message import Fields
from xw.rooms.definition import Definition
from xw.rooms.state import CLOSED, State
from xw.text import first_line

_RAISES = re.compile(r"\+\d{1,9}(\.\d{1,9})?", re.ASCII)
_SHOWN = 40  # characters of an invalid value to quote
_SECONDS = ("quiet_s", "answer_s")


def amount(name: str, given: float | str) -> float | str:
    """Return a limit as a request has it: a number, or `+N`. Raise Usage if it is neither."""
    whole = name not in _SECONDS
    if isinstance(given, str) and not _RAISES.fullmatch(given):
        try:
            given = int(given) if whole else float(given)
        except ValueError:
            given = -1
    if isinstance(given, str):
        valid = not (whole and "." in given)
    else:
        valid = 0 <= given < 1e9 and not (whole and isinstance(given, float))
    if not valid:
        wanted = "a whole number" if whole else "seconds"
        raise Usage(f"invalid limit {name}: give {wanted}, or +N to raise it; nothing was sent")
    return given


def absolute(state: State, settings: Mapping[str, object]) -> Fields:
    """Return settings with a number for each "+N", which raises a limit, or raise Usage.

    What is used up already counts as the limit if it is more, so that N turns or words remain.
    """
    limits, used = state.definition.limits._asdict(), {"turns": state.turns, "words": state.words}
    found: Fields = {}
    for key, value in settings.items():
        found[key] = value
        if key in limits and isinstance(value, str):
            number = float(value) if _RAISES.fullmatch(value) else -1.0
            if number < 0:
                raise Usage(f"invalid limit {key} {first_line(value, _SHOWN)!r}: give a number, or +N")
            if not limits[key]:
                raise Usage(f"the room has no limit {key}: give a number to set one")
            most = max(limits[key], used.get(key, 0)) + number
            found[key] = most if key in _SECONDS else int(most)
    return found


def why_not_resumed(state: State, new: Definition) -> str | None:
    """Return why a room with this new definition would end at once, or has no record to continue."""
    if state.status == CLOSED and not state.whole:
        return "part of its record was removed by `xw gc`: create another room"
    spent = state.spent(new.limits)
    return f"{spent}: raise it, as in `{cure(state, new)}`" if spent else None


def cure(state: State, made: Definition | None = None) -> str:
    """Return the command that continues a room that was closed, or is about to be."""
    limits = (made or state.definition).limits
    raised = " --turns +20" if 0 < limits.turns <= state.turns else ""
    raised += " --words +5000" if 0 < limits.words <= state.words else ""
    return f"xw room resume {state.name}{raised}"


def closed(state: State, reason: str) -> str:
    """Return the words of the event that closes a room, or of a refusal by a closed one."""
    return f"the room is closed: {reason}" + (f"; `{cure(state)}` continues it" if state.whole else "")


def in_words(made: Definition, settings: Fields) -> str:
    """Return the changes in words; a persona's text is for its member only."""
    limits = made.limits._asdict()
    parts = [f"{key} {value:g} (was {limits[key]:g})" for key, value in settings.items() if key in limits]
    parts += [f"{key} {settings[key]}" for key in ("policy", "moderator") if settings.get(key)]
    personas = settings.get("personas")
    named = personas if isinstance(personas, dict) else {}
    return ", ".join([*parts, *(f"persona of {name}" for name in named)])
