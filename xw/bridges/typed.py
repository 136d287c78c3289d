"""Write a text as it is typed into a program: signs stand for characters that are keys to it."""

from xw.bridges.profiles import Profile
from xw.text import escaped

NEWLINE_SIGN = " ⏎ "
TAB_SIGN = " ⇥ "
"""Stand for newlines and tabs in a program that takes single lines: a tab would complete words there."""


def one_line(text: str) -> str:
    """Return the text for a program that takes each newline for Enter, with signs for newlines and tabs."""
    for sign, stands_for in ((NEWLINE_SIGN, "\n"), (TAB_SIGN, "\t")):
        # A sign in a body would pass for a newline, and the words behind it for a line of the frame.
        text = text.replace(sign.strip(), escaped(ord(sign.strip()))).replace(stands_for, sign)
    return text


def typed(text: str, profile: Profile) -> str:
    """Return the text as xw types it into this program."""
    if profile.one_line:
        text = one_line(text)
    for lost, sign in profile.signs:
        text = text.replace(lost, sign)
    return text
