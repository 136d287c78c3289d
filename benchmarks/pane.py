"""A chat program for a tmux pane: reports through a pipe when a text arrives, and answers each line.

`python pane.py PIPE`. It looks like `llm chat`, which takes single lines and has the shortest pause.
"""

import os
import sys
import time
import tty


def main(pipe: str) -> None:
    tty.setcbreak(0)
    heard = os.open(pipe, os.O_WRONLY)
    fresh = True
    os.write(1, b"> ")
    while data := os.read(0, 65536):
        if fresh:
            os.write(heard, time.monotonic_ns().to_bytes(8, "big"))
        fresh = b"\n" in data
        os.write(1, data + (b"yes\n> " if fresh else b""))


if __name__ == "__main__":
    main(sys.argv[1])
