"""A text as it is typed into a program: what the program would not take as text is shown by signs."""

from xw.bridges.profiles import Profile
from xw.text import escaped

NEWLINE_SIGN = " ⏎ "
TAB_SIGN = " ⇥ "
"""What a program that takes single lines is shown: a tab would complete words there."""


def one_line(text: str) -> str:
    """Return the text for a program that would take each newline for Enter; signs show where they were."""
    for sign, stands_for in ((NEWLINE_SIGN, "\n"), (TAB_SIGN, "\t")):
        # A sign that a body holds would pass for a newline, and what follows it for a line of the frame.
        text = text.replace(sign.strip(), escaped(ord(sign.strip()))).replace(stands_for, sign)
    return text


def typed(text: str, profile: Profile) -> str:
    """Return the text as it is typed into this program."""
    if profile.one_line:
        text = one_line(text)
    for lost, sign in profile.signs:
        text = text.replace(lost, sign)
    return text
