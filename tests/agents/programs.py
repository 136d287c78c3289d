"""The agent programs of these tests: which version, how it is installed, how it is started.

They are installed by npm and pip into `$XW_AGENTS` (else `~/.cache/xw-agents`),
a directory for each that the next run finds again: about 3.7 GB for all. The
newest versions want Node 24, which is installed in the same way, and is used
for npm as well: an older Node makes npm choose an older program, silently.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

CACHE = Path(os.environ.get("XW_AGENTS") or Path.home() / ".cache" / "xw-agents")
_FINISHED = "installed"
_NODE = "node@24.21.0"


class Program(NamedTuple):
    """An agent program and its command lines; one is empty if the program has no such interface."""

    package: str
    """As npm or pip want it, with its version."""
    terminal: tuple[str, ...] = ()
    acp: tuple[str, ...] = ()
    headless: tuple[str, ...] = ()
    """One turn: the text on stdin, the answer on stdout."""
    leave: str = "/quit"
    """What a person types into its terminal to end it."""
    pip: bool = False
    options: tuple[str, ...] = ()
    """Of the bridge to its terminal, for a program that xw has no profile of."""


_STUB = ("-m", "stub-1")
PROGRAMS = {
    "claude": Program(
        "@anthropic-ai/claude-code@2.1.332",
        terminal=("claude", "--permission-mode", "default"),
        leave="/exit",
        headless=("claude", "-p"),
    ),
    "codex": Program(
        "@openai/codex@0.171.0",
        terminal=("codex",),
        headless=("codex", "exec", "--skip-git-repo-check", "-"),
    ),
    "gemini": Program(
        "@google/gemini-cli@0.61.0",
        terminal=("gemini", *_STUB),
        acp=("gemini", *_STUB, "--acp"),
        headless=("gemini", *_STUB),
    ),
    "opencode": Program(
        "opencode-ai@1.18.33",
        terminal=("opencode",),
        leave="/exit",
        acp=("opencode", "acp"),
        headless=("opencode", "run"),
    ),
    "qwen": Program(
        "@qwen-code/qwen-code@0.24.4",
        terminal=("qwen", *_STUB, "--approval-mode", "default"),
        acp=("qwen", *_STUB, "--acp"),
        headless=("qwen", *_STUB),
    ),
    "pi": Program(
        "@earendil-works/pi-coding-agent@1.6.0",
        # Its default, full screen, keeps one screen of an answer.
        terminal=("pi", "--tui-mode", "regular"),
        headless=("pi", "-p"),
    ),
    "goose": Program(
        "@aaif/goose-acp@1.50.0",
        terminal=("goose", "session"),
        leave="/exit",
        options=("profile=generic",),
        acp=("goose", "acp"),
        headless=("goose", "run", "--quiet", "--no-session", "-i", "-"),
    ),
    "aider": Program(
        "aider-chat==0.86.2",
        terminal=("aider", "--no-stream"),
        options=("profile=generic", "lines=many", "end=^Tokens: "),
        pip=True,
    ),
    "llm": Program(
        "llm==0.36",
        terminal=("llm", "chat", "-m", "stub"),
        leave="quit",
        headless=("llm", "-m", "stub"),
        pip=True,
    ),
    "claude-acp": Program("@agentclientprotocol/claude-agent-acp@0.101.0", acp=("claude-agent-acp",)),
    "codex-acp": Program("@agentclientprotocol/codex-acp@2.6.0", acp=("codex-acp",)),
}
TERMINAL = [name for name, program in PROGRAMS.items() if program.terminal]
HEADLESS = [name for name, program in PROGRAMS.items() if program.headless]
ACP = [name for name, program in PROGRAMS.items() if program.acp]


def install(names: Sequence[str], say: Callable[[str], object] = print) -> None:
    """Install Node and these programs where they are missing; says what and where."""
    _once(_NODE, say, lambda place: _npm(place, _NODE))
    for name in names:
        package = PROGRAMS[name].package
        _once(package, say, lambda place, name=name: _fetch(place, PROGRAMS[name]))  # type: ignore[misc]


def search_path(names: Sequence[str]) -> str:
    """PATH for these programs: the installed ones, then the system's own."""
    places = [_bin(_place(PROGRAMS[name].package), PROGRAMS[name].pip) for name in names]
    return os.pathsep.join([*map(str, places), str(_bin(_place(_NODE))), "/usr/bin", "/bin"])


def _once(package: str, say: Callable[[str], object], fetch: Callable[[Path], None]) -> None:
    place = _place(package)
    if (place / _FINISHED).exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(place.with_name(place.name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be installing the same program
        if (place / _FINISHED).exists():
            return
        say(f"agents: installing {package} into {place}")
        shutil.rmtree(place, ignore_errors=True)  # what a run that was broken off has left
        place.mkdir(parents=True)
        fetch(place)
        (place / _FINISHED).touch()


def _fetch(place: Path, program: Program) -> None:
    if program.pip:
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(place / "bin" / "pip"), "install", "--quiet", program.package])
    else:
        _npm(place, program.package)


def _npm(place: Path, package: str) -> None:
    path = f"{_bin(_place(_NODE))}{os.pathsep}{os.environ['PATH']}"
    quiet = ["--silent", "--no-audit", "--no-fund"]
    _run(["npm", "install", *quiet, "--prefix", str(place), package], {**os.environ, "PATH": path})


def _run(command: list[str], environ: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, env=environ, check=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise SystemExit(f"agents: {command[0]} is missing; install it") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"agents: `{' '.join(command)}` ended with {error.returncode}") from error


def _place(package: str) -> Path:
    return CACHE / package.lstrip("@").replace("/", "-").replace("==", "@")


def _bin(place: Path, pip: bool = False) -> Path:
    return place / "bin" if pip else place / "node_modules" / ".bin"
