"""Write a text as it is typed into a program: characters that are keys to it get a substitute."""

from xw.bridges.profiles import Profile
from xw.text import escaped

NEWLINE_SIGN = " ⏎ "
TAB_SIGN = " ⇥ "
"""Substitutes for newlines and tabs in a program that takes single lines; a tab completes words there."""


def one_line(text: str) -> str:
    """Return the text for a program that takes each newline for Enter; newlines and tabs get substitutes."""
    for sign, stands_for in ((NEWLINE_SIGN, "\n"), (TAB_SIGN, "\t")):
        # A substitute in a body would look like a newline, and the words after it like a line of the frame.
        text = text.replace(sign.strip(), escaped(ord(sign.strip()))).replace(stands_for, sign)
    return text


def typed(text: str, profile: Profile) -> str:
    """Return the text as xw types it into this program."""
    if profile.one_line:
        text = one_line(text)
    for lost, sign in profile.signs:
        text = text.replace(lost, sign)
    return text
