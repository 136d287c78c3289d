"""The last act of `make demo`: the three personalities in a tmux session, behind real bridges, in a room.

`python panes.py PLACE [COMMAND…]`. Each is a chat program in a pane of its own
(`chat.py`) that knows nothing of xw; `xw up` runs their bridges. With a command
(`claude -p`) that command answers instead of the script.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

from room import ENVIRON, PEOPLE, ROOM, SEED, start, xw

TURNS = 6
COLUMNS, ROWS = 120, 30
SCRIPTED_S, MODEL_S = 60.0, 600.0


class Tmux:
    """A tmux server of the demo's own, with one session; it is gone afterwards."""

    def __init__(self) -> None:
        self.server = f"xw-demo-{os.getpid()}"

    def __call__(self, *words: str) -> str:
        command = ["tmux", "-u", "-L", self.server, "-f", "/dev/null", *words]
        # Inside a tmux of the user's, TMUX would name that one.
        environ = {key: value for key, value in ENVIRON.items() if key != "TMUX"}
        return subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, encoding="utf-8", check=True
        ).stdout.strip("\n")

    def end(self) -> None:
        """End the server and all that runs in it, if it came up at all."""
        try:
            socket = self("display-message", "-p", "#{socket_path}")
            self("kill-server")
        except subprocess.CalledProcessError:
            return  # there is no server, and tmux has said why
        Path(socket).unlink(missing_ok=True)  # tmux leaves it behind


def main(place: Path, agent: list[str]) -> int:
    """Play it, show it as it happens, and show the panes; 1 if it does not come to its end."""
    if not shutil.which("tmux", path=ENVIRON["PATH"]):
        print("  tmux is not installed: this part is left out")
        return 0
    place.mkdir()
    patience = MODEL_S if agent else SCRIPTED_S
    tmux = Tmux()
    running = []
    try:
        panes = open_panes(tmux, agent)
        prepare(place, tmux, panes)
        print(f"  watch it: tmux -L {tmux.server} attach -r\n", flush=True)
        up = start(place, ["xw", "up", "--no-rooms"], quiet=True)
        running = [start(place, ["xw", "--as", "orla", "room", "run", ROOM]), up]
        follow = ["xw", "--as", "orla", "log", "--room", ROOM, "--follow"]
        subprocess.run(follow, cwd=place, env=ENVIRON, timeout=patience, check=True)
        show(tmux, panes)
    except subprocess.TimeoutExpired:
        print(f"demo: not done within {patience:g} s; the files are in {place}", file=sys.stderr)
        return 1
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        tmux.end()
    return 0


def open_panes(tmux: Tmux, agent: list[str]) -> dict[str, str]:
    """Open a pane for each, side by side; return their ids once each shows its prompt."""
    chat = [sys.executable, str(Path(__file__).with_name("chat.py"))]
    panes: dict[str, str] = {}
    for name in PEOPLE:
        how = ["split-window", "-h"] if panes else ["new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS)]
        command = shlex.join([*chat, name, *agent])
        panes[name] = tmux(*how, "-P", "-F", "#{pane_id}", command)
        tmux("select-layout", "even-horizontal")
    deadline = time.monotonic() + SCRIPTED_S
    while not all(tmux("capture-pane", "-p", "-t", pane).rstrip().endswith(">") for pane in panes.values()):
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(chat, SCRIPTED_S)
        time.sleep(0.02)
    return panes


def prepare(place: Path, tmux: Tmux, panes: dict[str, str]) -> None:
    """A hub, an xw.json with a bridge to each pane, and the room."""
    for name, (nature, *_) in PEOPLE.items():
        xw(
            place,
            name,
            "init",
            "--config",
            "xw.json",
            "--hub",
            ".xw/hub",
            "--name",
            name,
            "--describe",
            nature,
        )
    path = place / "xw.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    for name, pane in panes.items():
        # `chat.py` has the prompt of `llm chat`, and is as simple.
        options = {"server": tmux.server, "profile": "llm"}
        told["instances"][name]["bridge"] = {"kind": "tmux", "target": pane, "options": options}
    path.write_text(json.dumps(told, indent=2), encoding="utf-8")
    members = ("--members", ",".join(PEOPLE), "--policy", "round-robin")
    xw(place, "orla", "room", "create", ROOM, *members, "--turns", str(TURNS), "--seed", SEED)


def show(tmux: Tmux, panes: dict[str, str]) -> None:
    """The panes as they stand, side by side."""
    width = COLUMNS // len(panes) - 1
    shown = [tmux("capture-pane", "-p", "-t", pane).split("\n") for pane in panes.values()]
    print()
    for row in zip_longest(*shown, fillvalue=""):
        print("  " + "│".join(part.ljust(width) for part in row).rstrip())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
