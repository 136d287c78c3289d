"""What runs in a tmux pane of `xw launch alice=claude bob=codex`: `python -m xw.cli.in_pane FOLDER`.

It waits for its order, takes the environment that the person's terminal has, and starts anew with it. What
ended soon stays readable until somebody presses Enter: the pane closes with this process.
"""

import os
import sys
import time
from contextlib import suppress

from xw.agent import functions
from xw.cli import app
from xw.cli.call import warn

_SOON_S = 10.0
"""A pane whose program ended before this time, its start included, stays until somebody has read it."""


def main(words: list[str]) -> int:
    """Take the order in a run directory, or run the words behind it; return the exit code."""
    folder, *words = words
    if not words:
        order = functions.take_order(folder)
        if order is None:
            return 1
        os.chdir(order.folder)
        argv = [sys.executable, "-P", "-m", "xw.cli.in_pane", folder, *order.words]
        os.execve(sys.executable, argv, order.environ)
    if words[0] == "keep":
        functions.keep(words[1], lambda text: warn(f"up: {text}"), lambda line: print(line, flush=True))
        return 0
    began = time.monotonic()
    code = app.run(words)
    took = time.monotonic() - began
    if took < _SOON_S:
        program = os.path.basename(words[words.index("--") + 1])
        warn(f"{program} ended after {took:.0f} s, with exit code {code}. Press Enter to close this pane.")
        functions.note_end(folder, code)
        with suppress(KeyboardInterrupt):
            sys.stdin.readline()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
