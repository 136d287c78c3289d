"""A chat program in a terminal, for the demo: one of the three personalities, with nothing but a prompt.

`python chat.py NAME [COMMAND…]`. It knows nothing of xw: what a bridge types
here could as well come from a person. Without a command it says the words that
it has in `room.py`; with one (`claude -p`) that command answers, given the text
on its stdin.
"""

import subprocess
import sys
from contextlib import suppress

from room import PEOPLE

with suppress(ImportError):  # without it a terminal takes no line of more than 4,095 bytes
    import readline  # noqa: F401


def main(name: str, command: list[str]) -> None:
    """Answer each line that is typed, until the terminal is closed."""
    nature, *words = PEOPLE[name]
    print(f"I am {name}: {nature}.")
    left = iter(words)
    while True:
        try:
            text = input("> ")
        except EOFError:
            return
        if text.strip():
            print(ask(command, f"You are {name}: {nature}.", text) if command else next(left, "PASS"))


def ask(command: list[str], role: str, text: str) -> str:
    """Return a command's answer to a text, in a role."""
    prompt = f"{role} Answer with nothing but what you say, in one or two sentences.\n\n{text}\n"
    ended = subprocess.run(command, input=prompt, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or f"({command[0]} said nothing: {ended.stderr.strip()[-200:]})"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
