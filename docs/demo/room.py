"""`make demo-room`: three personalities talk in a room, each a process of its own, until its turns are up.

`python room.py NAME`, in a directory with an xw.json, plays one of them: it
knows nothing but the `xw` command, and answers each turn that it is given.
"""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOM = "salon"
SEED = "What is a good rule for a shared kitchen?"
PEOPLE = {
    "orla": (
        "order and method",
        "Label everything, with the date.",
        "Then we need a rota. I have drawn one, in four colours.",
        "@vex, a fork is a tool. It goes into the second drawer.",
        "Carried, with one abstention. I shall write it down.",
    ),
    "vex": (
        "art and chaos",
        "No rules! Let the soup decide what it wants to be.",
        "A rota is a cage. I shall cook when the moon is hungry.",
        "The fork is a sculpture now. It is called Thursday.",
        "Write it on the wall, in mustard.",
    ),
    "puck": (
        "a trickster",
        "I have relabelled the salt. You will find out.",
        "I am on the rota twice, once as my own assistant.",
        "PASS",
        "I vote for both of you, which makes it three against one.",
    ),
}
TURNS = sum(len(words) - 1 for words in PEOPLE.values())
PATIENCE_S = 120.0

SCRIPTS = sysconfig.get_path("scripts")
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("XW_")}
ENVIRON["PATH"] = os.pathsep.join([SCRIPTS, os.environ.get("PATH", os.defpath)])


def main() -> int:
    """Play it, show it as it happens, and say where the transcript is; 1 if something failed."""
    place = Path(tempfile.mkdtemp(prefix="xw-room-"))
    for name, (nature, *_) in PEOPLE.items():
        xw(place, name, "init", "--name", name, "--describe", nature)
    members = ("--members", ",".join(PEOPLE), "--policy", "round-robin")
    xw(place, "orla", "room", "create", ROOM, *members, "--turns", str(TURNS), "--seed", SEED)
    print(f"\nThree agents in a room, {TURNS} turns: {', '.join(PEOPLE)}\n", flush=True)
    commands = [["xw", "--as", "orla", "room", "run", ROOM]]
    commands += [[sys.executable, __file__, name] for name in PEOPLE]
    running = [start(place, command) for command in commands]
    try:
        watching = ["xw", "--as", "orla", "log", "--room", ROOM, "--follow"]
        subprocess.run(watching, cwd=place, env=ENVIRON, timeout=PATIENCE_S, check=True)
        failed = [one.args for one in running if one.wait(PATIENCE_S)]
    finally:
        for process in running:
            process.kill()
            process.wait()
    kept = place / "transcript.md"
    kept.write_text(xw(place, "orla", "log", "--room", ROOM, "--format", "markdown"), encoding="utf-8")
    print(f"\nThe transcript is in {kept}")
    scripts = shlex.quote(SCRIPTS)
    print(f"  cd {shlex.quote(str(place))} && export PATH={scripts}:$PATH && xw --as orla room show {ROOM}")
    return 1 if failed else 0


def start(place: Path, command: list[str], quiet: bool = False) -> "subprocess.Popen[bytes]":
    """Return a process that shows only its errors; with `quiet`, its stderr goes to a file."""
    with (place / "reports" if quiet else Path(os.devnull)).open("ab") as reports:
        errors = reports if quiet else None
        return subprocess.Popen(command, cwd=place, env=ENVIRON, stdout=subprocess.DEVNULL, stderr=errors)


def play(name: str) -> int:
    """Answer each turn with the next of one's words, until the room is closed; 0."""
    here, words = Path.cwd(), iter(PEOPLE[name][1:])
    while True:
        mail = json.loads(xw(here, name, "wait", "--json"))
        if mail["type"] == "question":
            xw(here, name, "reply", mail["id"], next(words, "PASS"))
        xw(here, name, "done", mail["id"])
        if "the room is closed" in mail["body"]:
            return 0


def xw(place: Path, name: str, *words: str) -> str:
    """Return an `xw` command's output, run as an instance; a failure ends the program."""
    command = ["xw", *words]
    environ = {**ENVIRON, "XW_NAME": name}
    return subprocess.run(
        command, cwd=place, env=environ, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    sys.exit(play(sys.argv[1]) if len(sys.argv) > 1 else main())
