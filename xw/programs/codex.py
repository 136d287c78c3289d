"""Codex: instructions, xw on its commands' PATH, and the MCP server by `-c` options of one run.

The user's own configuration stays as it is. Hooks are not among the options: Codex asks its user to trust
each new one at the start, and xw needs none, for it reads Codex's own record. Nor are rules, which Codex
takes from its user's files only; xw runs inside Codex's sandbox, which gets the hub's directory.
"""

import json
import os
import tomllib
from contextlib import suppress
from pathlib import Path

from xw.programs import Arrangement, ProgramProfile, Run, parts

_ONCE = ("exec", "e", "review")
_NO_SESSION = (
    "agents", "login", "logout", "mcp", "plugin", "app-server", "remote-control", "completion", "update",
    "doctor", "sandbox", "debug", "apply", "queue", "archive", "delete", "migrate-rollouts", "migrate-nfs-db",
    "unarchive", "cloud", "exec-server", "features", "help",
)  # fmt: skip
"""Its subcommands that start no session."""

_VALUES = (
    "-m", "--model", "-c", "--config", "-p", "--profile", "-s", "--sandbox", "-a", "--ask-for-approval",
    "-C", "--cd", "--add-dir", "--enable", "--disable",
)  # fmt: skip
"""Its options that take one value."""

FIRST = "Your mail is shown to you here by itself. Reply OK now, and wait for it."
"""A first prompt: Codex takes no mail before its first turn."""

_SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin")


def arrange(run: Run) -> Arrangement:
    """Give it options before its own ones; a command that starts no session stays as it is."""
    if parts.has_subcommand(run.argv, *_NO_SESSION):
        return Arrangement(run.argv, ways=())
    once = parts.has_subcommand(run.argv, *_ONCE)
    options = list(_settings(run))
    if not once and not parts.has_option(run.argv, "--no-daemon", "--remote"):
        # The shared server would run this session's commands in the environment of its first program.
        options.insert(0, "--no-daemon")
    outside = not Path(os.path.realpath(run.mail)).is_relative_to(os.path.realpath(run.cwd))
    if outside and not parts.has_option(run.argv, "--dangerously-bypass-approvals-and-sandbox"):
        options += ["--add-dir", run.mail]
    argv, notes = [run.argv[0], *options, *run.argv[1:]], []
    if not once and not run.pane:  # in a pane, its first mail is typed into it
        notes = ["Codex takes mail after its first prompt, and looks for it every 10 s"]
        if run.push and _has_options_only(run.argv):
            argv.append(FIRST)
            notes = ["Codex gets a short first prompt, for it takes no mail before one; it looks every 10 s"]
    return Arrangement(tuple(argv), notes=tuple(notes), ways=() if once else None)


def _has_options_only(argv: tuple[str, ...]) -> bool:
    """Return True if a command line surely has neither a prompt nor a subcommand."""
    words = iter(argv[1:])
    for word in words:
        if word in _VALUES:
            next(words, "")
        elif not word.startswith("-") or word.partition("=")[0] in ("--", "-i", "--image", "--remote"):
            return False
    return not parts.has_option(argv, "-h", "--help", "-V", "--version")


def _settings(run: Run) -> list[str]:
    """Return the `-c` options."""
    values: dict[str, object] = {"developer_instructions": _instructions(run)}
    # Also where the user's own policy keeps the environment from commands.
    environ = {**run.environ, "PATH": _path(run)}
    values |= {f"shell_environment_policy.set.{name}": value for name, value in environ.items() if value}
    if run.has_mcp:
        server = parts.mcp_server(run)
        values |= {f"mcp_servers.xw.{key}": value for key, value in server.items()}
        values["mcp_servers.xw.default_tools_approval_mode"] = "approve"
        values["mcp_servers.xw.env_vars"] = list(run.environ)  # else the server gets none of them
    return [word for key, value in values.items() for word in ("-c", f"{key}={_toml(value)}")]


def _toml(value: object) -> str:
    """Return a text or a list of texts in TOML, which reads JSON's except for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _instructions(run: Run) -> str:
    """Return xw's instructions behind those of the user's configuration, which the option would hide."""
    home = Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex")
    own: object = ""
    with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        own = tomllib.loads((home / "config.toml").read_text("utf-8")).get("developer_instructions", "")
    return f"{own}\n\n{run.instructions}" if own and isinstance(own, str) else run.instructions


def _path(run: Run) -> str:
    """Return the PATH for the program's commands; empty if a login shell finds xw anyway.

    Codex runs commands in a login shell, whose profile sets PATH anew.
    """
    if any(os.access(f"{folder}/xw", os.X_OK) for folder in _SYSTEM):
        return ""
    return os.pathsep.join(filter(None, (os.environ.get("PATH", ""), os.path.join(run.folder, "bin"))))


PROFILE = ProgramProfile("codex", "Codex", ("codex",), "0.171.0", ("codex", "tmux"), arrange)
