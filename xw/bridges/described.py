"""A program as a person describes it in a bridge's options, for one that `profiles` does not describe.

prompt=TEXT    left of the cursor in an empty input
end=PATTERN    the row below a finished answer
lines=many     takes a text of several lines as one paste
submit=KEY     submits a text, such as `C-Enter` where Enter is a newline, or `CSI 27;5;13~`
pause=SECONDS  between the paste and that key
"""

import re
from collections.abc import Mapping
from typing import Any

from xw.bridges.kinds import seconds
from xw.bridges.profiles import NEVER
from xw.errors import Usage

_KEY = re.compile(r"([CMS]-){0,3}(Enter|Tab|Space|Escape|F\d\d?|[a-z])|CSI [0-9;]{1,20}[u~]")
"""Keys that submit a text, or their control sequence. tmux would type any other word as it is."""


def changes(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the profile that the options give. Raise Usage for an invalid one."""
    given: dict[str, Any] = {}
    if "pause" in options:
        given["pause_s"] = seconds(options, "pause", 0.0)
    if "submit" in options:
        if not _KEY.fullmatch(options["submit"]):
            raise Usage(f"invalid value {options['submit']!r} for option submit: give a key, such as C-Enter")
        given["submit"] = options["submit"]
    if "lines" in options:
        if options["lines"] not in ("one", "many"):
            raise Usage(f"invalid value {options['lines']!r} for option lines: use one, many")
        given |= {"one_line": True} if options["lines"] == "one" else {"one_line": False, "limit": 0}
    if "prompt" in options:
        if not options["prompt"].strip():
            raise Usage("invalid value for option prompt: give the text left of the cursor, such as 'you: '")
        # A blank at the end of a row does not show. The person says that this is no question.
        given["prompt"] = re.compile(re.escape(options["prompt"].rstrip()) + r"\s*")
        given["asks"] = NEVER
    if "end" in options:
        try:
            given["end"] = re.compile(options["end"])
        except re.error as error:
            raise Usage(f"invalid value {options['end']!r} for option end: not a pattern: {error}") from None
    return given
