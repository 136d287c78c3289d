"""`make demo`: three agents, each a process of its own, write to each other through a hub on disk.

At its end they talk in tmux panes, behind bridges; with `--agent "claude -p"`
that command speaks there instead of the script.
"""

import argparse
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

AGENTS = {
    "orla": "order and method: keeps the rules, files everything",
    "vex": "art and chaos: breaks the rules beautifully",
    "puck": "a trickster: never answers straight",
}
RULES = "1. Three words.\n2. Nothing that burns.\n3. Friendly to visitors.\n"
PATIENCE_S = 60.0

SCRIPTS = sysconfig.get_path("scripts")
ENVIRON = {key: value for key, value in os.environ.items() if not key.startswith("XW_")}
ENVIRON["PATH"] = os.pathsep.join([SCRIPTS, os.environ.get("PATH", os.defpath)])

TRY = (
    ("xw peers", "the agents on the hub"),
    ("xw send --to puck question 'Where are the brushes?'", ""),
    ("XW_NAME=puck xw check", "puck's mail"),
    ("XW_NAME=puck xw prompt", "the instructions for an agent's system prompt"),
    ("xw log --format markdown", "the transcript, for a document"),
    ("cat .xw/hub/orla/sent/*.json", "every message is a file"),
)


def main(agent: list[str]) -> int:
    """Play it; 1 if an agent failed or mail was left unhandled."""
    place = Path(tempfile.mkdtemp(prefix="xw-demo-"))
    (place / "rules.md").write_text(RULES, encoding="utf-8")

    title("Three agents join a hub, which is a directory")
    for name, nature in AGENTS.items():
        run(place, "", "xw", "init", "--name", name, "--describe", nature)
        print(f"  {name:4} {nature}", flush=True)

    title("Each is a separate process, and knows only the xw command")
    failed = play(place)
    if failed:
        print(f"demo: {', '.join(failed)} failed or hung; the files are in {place}", file=sys.stderr)
        return 1

    title("The transcript, as orla has it")
    show(place, "orla", "xw", "log")

    title("A mailbox is files: the directory that holds a message is its state")
    show(place, "", "ls", ".xw/hub/vex/inbox/pending", ".xw/hub/vex/inbox/done")
    show(place, "vex", "xw", "check")
    left = [name for name in AGENTS if not run(place, name, "xw", "check").startswith("no mail")]

    title("Three chat programs that know nothing of xw talk in a room, behind bridges")
    panes = Path(__file__).with_name("panes.py")
    talked = subprocess.run([sys.executable, panes, place / "salon", *agent], env=ENVIRON, check=False)

    title("Try next")
    print(f"  cd {shlex.quote(str(place))}\n  export PATH={shlex.quote(SCRIPTS)}:$PATH XW_NAME=orla")
    for command, what in TRY:
        print(f"  {command:52}{what and f'# {what}'}".rstrip())
    if left:
        print(f"demo: {', '.join(left)} left mail unhandled", file=sys.stderr)
        return 1
    return talked.returncode


def play(place: Path) -> list[str]:
    """Run all agents to their end; the names of those that failed, or did not end in time."""
    agent = Path(__file__).with_name("agent.py")
    running = {
        name: subprocess.Popen([sys.executable, agent, name], cwd=place, env=ENVIRON) for name in AGENTS
    }
    deadline = time.monotonic() + PATIENCE_S
    while any(process.poll() is None for process in running.values()):
        if time.monotonic() > deadline or any(process.poll() for process in running.values()):
            break
        time.sleep(0.02)
    failed = [name for name, process in running.items() if process.poll() != 0]
    for process in running.values():
        process.kill()
        process.wait()
    return failed


def title(text: str) -> None:
    """A heading."""
    bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(f"\n\033[1m{text}\033[0m\n" if bold else f"\n{text}\n", flush=True)


def show(place: Path, name: str, *command: str) -> None:
    """Run a command, and show it and its output as a person would see it."""
    print(f"  {name or 'you':4} $ {' '.join(command)}")
    for line in run(place, name, *command).rstrip().split("\n"):
        print(f"    {line}".rstrip())


def run(place: Path, name: str, *command: str) -> str:
    """Return a command's output, run as an instance; a failure ends the demo."""
    environ = {**ENVIRON, **({"XW_NAME": name} if name else {})}
    return subprocess.run(
        command, cwd=place, env=environ, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Three agents and a hub, live.")
    parser.add_argument("--agent", default="", metavar="CMD", help="run this in the last part: claude -p")
    sys.exit(main(shlex.split(parser.parse_args().agent)))
