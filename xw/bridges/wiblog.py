"""WibWob-DOS's chat log, for builds without a command for the history.

Source: `app/wibwob_view.cpp` of WibWob-DOS. `logs/chat_<time>_<session>.log`
below the program's working directory holds entries `[timestamp] Sender: text`,
whose text may span several lines. A streamed answer is a series of entries
`Stream: [chunk] type=CONTENT_DELTA content_len=N content=…` with N bytes of
text each, closed by `Wib&Wob: [streaming complete]`.
"""

import re
from pathlib import Path

from xw.bridges.chat import ChatFailed
from xw.bridges.wibwob import server_pid

# Only the program's own senders open an entry: a line of an answer may look like another.
_ENTRY = re.compile(rb"^\[[^\]\n]*\] (User|System|Stream|Debug|Wib&Wob)( \[ERROR\])?: ", re.MULTILINE)
_CHUNK = re.compile(rb"\[chunk\] type=CONTENT_DELTA content_len=(\d+) content=")


def find(socket_path: str) -> Path:
    """Return the newest log of the program that listens on the socket. Raise ChatFailed if there is none."""
    directory = Path(f"/proc/{server_pid(socket_path)}/cwd/logs")
    try:
        logs = sorted(directory.glob("chat_*.log"), key=lambda path: path.stat().st_mtime)
    except OSError as error:
        raise ChatFailed(f"cannot read {directory}: give the bridge --option log=FILE") from error
    if not logs:
        raise ChatFailed(
            f"no chat log in {directory}: open a chat there, or give the bridge --option log=FILE"
        )
    return logs[-1]


def read(log: Path) -> list[tuple[str, str]]:
    """Return the conversation as (role, text): user, assistant (finished answers only) or error."""
    try:
        data = log.read_bytes()
    except FileNotFoundError:
        return []  # the program writes it with the first message
    except OSError as error:
        raise ChatFailed(f"{log}: {error.strerror}") from error
    said: list[tuple[str, str]] = []
    stream: list[bytes] = []
    position = 0
    while match := _ENTRY.search(data, position):
        start = match.end()
        chunk = _CHUNK.match(data, start)
        if match[1] == b"Stream" and chunk:
            # By its length: a chunk's text may hold anything, a line that opens an entry included.
            position = chunk.end() + int(chunk[1])
            stream.append(data[chunk.end() : position])
            continue
        following = _ENTRY.search(data, start)
        position = following.start() if following else len(data)
        whole = data[start:position]
        if not whole.endswith(b"\n"):
            break  # the program is still writing it
        text = whole[:-1].decode("utf-8", "replace")
        if match[1] == b"User":
            said.append(("user", text))
            stream = []
        elif match[2]:
            said.append(("error", text.split("\n    ^^ ", 1)[0]))
        elif match[1] == b"Wib&Wob" and text != "[streaming complete]":
            said.append(("assistant", text))
        elif match[1] == b"Wib&Wob":
            said.append(("assistant", b"".join(stream).decode("utf-8", "replace")))
            stream = []
    return said
