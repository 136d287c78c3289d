"""opencode: a server with a password, and settings in the environment of one run.

opencode joins OPENCODE_CONFIG_CONTENT with the user's own settings: lists are appended, objects merged.
Without permissions there it runs commands unasked, and needs no rule. A rule would replace a user's plain
`"bash": "ask"`, which would then hold for nothing; so such a value is written into the rules again.
"""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xw.programs import Arrangement, ProgramProfile, Run, parts

_CONTENT = "OPENCODE_CONFIG_CONTENT"
_PASSWORD = "OPENCODE_SERVER_PASSWORD"
_PASSWORD_FILE = "opencode.password"
_ONCE = ("run",)
_NO_SESSION = (
    "completion", "acp", "mcp", "attach", "debug", "providers", "auth", "agent", "upgrade", "uninstall",
    "serve", "web", "models", "stats", "export", "import", "github", "pr", "session", "plugin", "plug", "db",
)  # fmt: skip
"""Subcommands that start no session here."""

_ASKS = "your settings of opencode have permissions in several places: it may ask before it runs xw"


def arrange(run: Run) -> Arrangement:
    """Give it a port, a password, instructions, rules and the MCP server."""
    if parts.has_subcommand(run.argv, *_NO_SESSION):
        return Arrangement(run.argv, ways=())
    content, notes = _settings(run, _given())
    if parts.has_subcommand(run.argv, *_ONCE):
        return Arrangement(run.argv, {_CONTENT: content}, notes=notes, ways=())
    argv, port = run.argv, parts.value_of(run.argv, "--port")
    if not port.isdigit() or port == "0":
        port = str(_free_port())
        argv = (run.argv[0], "--port", port, *run.argv[1:])
    password = os.environ.get(_PASSWORD) or secrets.token_urlsafe(24)
    return Arrangement(
        argv,
        {_CONTENT: content, _PASSWORD: password},
        {_PASSWORD_FILE: password + "\n"},
        {"password": parts.path(run, _PASSWORD_FILE)},
        notes,
        targets={"opencode": f"http://127.0.0.1:{port}"},
    )


def _settings(run: Run, given: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the settings of this run, beside those that the variable has already, and a note."""
    settings = {**given, "instructions": [*_of(given, "instructions", list), parts.instructions(run)]}
    own, clear = _permissions(run, given)
    rules = _rules(own) if own and clear else None
    if rules:
        settings["permission"] = rules
    if run.has_mcp:
        server = {"type": "local", "command": [*run.xw, "mcp"], "enabled": True}
        settings["mcp"] = {**_of(given, "mcp", dict), "xw": server}
    return json.dumps(settings), () if clear else (_ASKS,)


def _rules(own: Any) -> dict[str, Any] | None:
    """Return the permissions with a rule for each harmless command; None if there is nothing to add."""
    wide: dict[str, Any] = {"*": own} if isinstance(own, str) else dict(own)
    bash = wide.get("bash", wide.get("*", "allow"))
    by_pattern: dict[str, Any] = {"*": bash} if isinstance(bash, str) else dict(bash)
    if any(pattern.startswith("xw") for pattern in by_pattern):
        return None  # the user has decided
    return {**wide, "bash": {**by_pattern, **dict.fromkeys(parts.rules("xw %s *"), "allow")}}


def _permissions(run: Run, given: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return the permissions of the user's settings, if any; and False if nobody can tell them."""
    found = [given["permission"]] if "permission" in given else []
    clear = "OPENCODE_PERMISSION" not in os.environ
    for path in dict.fromkeys(_files(run.cwd)):
        try:
            text = path.read_text("utf-8", "replace")
        except OSError:
            continue
        if '"permission"' in text:
            try:
                found.append(json.loads(text)["permission"])
            except (ValueError, KeyError, TypeError, RecursionError):
                clear = False  # with comments, or an agent's own
    sound = all(isinstance(one, (str, dict)) for one in found)
    return (found[0] if found else {}), clear and sound and len(found) < 2


def _files(cwd: str) -> list[Path]:
    """Return the places of settings."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
    folders = [base, Path(os.environ.get("OPENCODE_CONFIG_DIR") or base)]
    for above in (Path(cwd), *Path(cwd).parents):
        folders += [above, above / ".opencode"]
    names = ("opencode.json", "opencode.jsonc", "config.json")
    named = os.environ.get("OPENCODE_CONFIG")
    return [folder / name for folder in folders for name in names] + ([Path(named)] if named else [])


def _given() -> dict[str, Any]:
    """Return the settings that the variable has already; empty if there are none, or invalid ones."""
    try:
        found = json.loads(os.environ.get(_CONTENT) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _of(given: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return a value of the settings if it is of this kind, else an empty one: opencode takes no other."""
    value = given.get(key)
    return value if isinstance(value, kind) else kind()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


PROFILE = ProgramProfile("opencode", "opencode", ("opencode",), "1.18.33", ("opencode", "tmux"), arrange)
