"""Other looks of programs that `profiles` describes: for screen readers, and opencode's small one.

A program's name does not tell its look, which a flag or the program's settings choose, so the empty input
tells it. Observed with Claude Code 2.1.332, Gemini CLI 0.61 and opencode 1.18.
"""

import re

from xw.bridges.profiles import CLAUDE, GEMINI, OPENCODE, Profile
from xw.bridges.screen import Screen, empty_input, furnished

CLAUDE_READER = CLAUDE._replace(
    prompt=re.compile(r"\$\s*"),
    above=re.compile(r"\bmode on\b|for shortcuts|^ctrl\+\w "),
    floor=re.compile(r"^\$"),
    reach=2,
    dialog=re.compile(r"Do you want to |^Select with numbers|^Permission Required|Esc to cancel"),
    furniture=(),
    end=re.compile(r"^\S+ for (\d+[hms] ?)+· done "),
    chrome=re.compile(r"^you: |^[\w ]{1,20} mode on\b|^\$\s*$"),
    turn=re.compile(r"^you: |^\$"),
    broken=re.compile(r"^error: |^Interrupted\b"),
    bullet="claude: ",
    hang=0,
    tool=re.compile(r"(?!)"),
    aside=re.compile(r"^(tool|error|system): "),
)
"""`claude --ax-screen-reader`."""

GEMINI_READER = GEMINI._replace(
    # The cursor stands behind the suggestion.
    prompt=re.compile(r"(?:[>*]|YOLO mode)\s+(Type your message or @path/to/file)?"),
    above=re.compile(r"Shift\+Tab|Ctrl\+Y|for shortcuts"),
    busy=re.compile(r"\(esc to cancel"),
    floor=re.compile(r"^([>*]|YOLO mode)\s"),
    dialog=re.compile(GEMINI.dialog.pattern + r"|^\(checked\) 1\. "),
    furniture=(),
    chrome=re.compile(r"^User:  "),
    turn=re.compile(r"^User:  |^([>*]|YOLO mode)\s"),
    broken=re.compile(r"^([✕✖] |ℹ +Request cancelled)"),
    bullet="Model:  ",
    hang=0,
    tool=re.compile(r"(?!)"),
    # An earlier drawing of the rows below the answer may stay above it.
    redraws=True,
    aside=re.compile(
        r"^(Success|Error|Failure|Cancell?ed): [A-Z]\w+ |^You are currently in screen reader"
        r"|^workspace \(/directory\)|^\? for shortcuts|^Shift\+Tab to "
    ),
)
"""`gemini --screen-reader`."""

OPENCODE_MINI = OPENCODE._replace(
    prompt=re.compile(r""),
    above=re.compile(r"^\s*$"),
    furniture=(re.compile(r"^ [A-Z]+ .*ctrl\+p cmd"),),
    end=re.compile(r"^▣ .*·.*\d(ms|s|m|h)\s*$"),
    chrome=re.compile(r"^▣ |^› |^ [A-Z]+ .*ctrl\+p cmd"),
    turn=re.compile(r"^▣ "),
    broken=re.compile(r"^▣ .* · interrupted$"),
    last_words=re.compile(r"(?:^|\n\n)(Aborted)$"),
    tool=re.compile(r"(?!)"),
    indent=0,
    repeats=True,
)
"""`opencode --mini`."""

_OTHERS = {one.name: one for one in (CLAUDE_READER, GEMINI_READER, OPENCODE_MINI)}


def look_of(profile: Profile, screen: Screen, before: Profile | None = None) -> Profile:
    """Return the look in which this program runs; where its input does not tell, the look `before`."""
    other = _OTHERS.get(profile.name)
    if other is None or empty_input(screen, profile):
        return profile
    if empty_input(screen, other) and (not other.furniture or furnished(screen, other)):
        return other
    return before or profile
