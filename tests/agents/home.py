"""A home directory in which each agent program starts without questions and asks only the tests' model.

The settings are the programs' own; a comment beside each names its purpose.
"""

import json
import os
import signal
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.agents.programs import search_path

KEY = "test-key"
_GEMINI_RULE = """\
[[rule]]
toolName = "run_shell_command"
commandPrefix = "xw %s"
decision = "allow"
priority = 100
"""
_AIDER = """\
model: openai/stub-1
analytics-disable: true
check-update: false
show-model-warnings: false
show-release-notes: false
gitignore: false
auto-commits: false
git: false
"""


XW = ("check", "read", "send", "reply", "done")
"""The commands of xw that the programs may run without asking, where rules are written."""


def prepare(home: Path, work: Path, port: int, rules: bool = True) -> None:
    """Write every program's settings into `home`, for work in the directory `work`.

    Without `rules`, they ask before they run `xw`.
    """
    base = f"http://127.0.0.1:{port}"
    for place in (home / "tmp", work):
        place.mkdir(parents=True, exist_ok=True)
    _claude(home, work)
    _codex(home, work, base)
    _gemini(home / ".gemini", "gemini-api-key")
    allow = [f"Bash(xw {command} *)" for command in XW] if rules else []
    _gemini(home / ".qwen", "openai", {"permissions": {"allow": allow}})
    _opencode(home, base, rules)
    _pi(home, base)
    put(
        home / ".config/io.datasette.llm/extra-openai-models.yaml",
        f'- model_id: stub\n  model_name: stub-1\n  api_base: "{base}/v1"\n',
    )
    put(home / ".aider.conf.yml", _AIDER)
    # Codex runs commands in a login shell, which sets PATH anew.
    put(home / ".profile", f"PATH={sysconfig.get_path('scripts')}:$PATH\n")
    if rules:
        claude = {"permissions": {"allow": [f"Bash(xw {command}:*)" for command in XW]}}
        put(home / ".claude/settings.json", claude)
        put(home / ".gemini/policies/xw.toml", "".join(_GEMINI_RULE % command for command in XW))


def environ(home: Path, names: Sequence[str], port: int) -> dict[str, str]:
    """Return the whole environment of a program, its bridge and `xw`; nothing of the real one is in it."""
    base = f"http://127.0.0.1:{port}"
    path = os.pathsep.join([search_path(names), sysconfig.get_path("scripts")])
    return {
        "HOME": str(home),
        # Claude Code puts its sockets there, else into the /tmp of all.
        "TMPDIR": str(home / "tmp"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PATH": path,
        "ANTHROPIC_BASE_URL": base,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{base}/v1",
        "OPENAI_API_BASE": f"{base}/v1",  # aider's
        "OPENAI_HOST": base,  # goose's
        "OPENAI_MODEL": "stub-1",
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": "stub-1",
        "GOOSE_DISABLE_KEYRING": "1",
        "GOOSE_TELEMETRY_ENABLED": "false",
        "GEMINI_API_KEY": KEY,
        "GOOGLE_GEMINI_BASE_URL": base,
        # Else a second process outlives the one that was started.
        "GEMINI_CLI_NO_RELAUNCH": "true",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "PI_OFFLINE": "1",
        "PI_SKIP_VERSION_CHECK": "1",
        "PI_TELEMETRY": "0",
    }


def having(home: Path) -> list[int]:
    """Return the processes that have this home."""
    own, found = f"HOME={home}".encode(), []
    for number in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if own in Path(f"/proc/{number}/environ").read_bytes().split(b"\0"):
                found.append(number)
    return found


def end_all(home: Path) -> None:
    """End every process that has this home: some programs leave daemons and updaters behind."""
    for number in having(home):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def put(path: Path, content: str | Mapping[str, Any]) -> None:
    """Write a file of settings, as text or JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def _claude(home: Path, work: Path) -> None:
    # Without these it asks for a theme (which needs the network), for trust, and about the key.
    settings = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": [KEY], "rejected": []},
        "projects": {str(work): {"hasTrustDialogAccepted": True}},
    }
    put(home / ".claude.json", settings)


def _codex(home: Path, work: Path, base: str) -> None:
    lines = [
        'model = "stub-1"',
        'model_provider = "stub"',
        "check_for_update_on_startup = false",
        "[model_providers.stub]",
        'name = "stub"',
        f'base_url = "{base}/v1"',
        'env_key = "OPENAI_API_KEY"',
        'wire_api = "responses"',
        "[analytics]",
        "enabled = false",
        f"[projects.{json.dumps(str(work))}]",
        'trust_level = "trusted"',
    ]
    put(home / ".codex/config.toml", "\n".join(lines) + "\n")


def _gemini(place: Path, key: str, more: Mapping[str, Any] | None = None) -> None:
    """Write the settings of Gemini CLI, whose form Qwen Code has too."""
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "ui": {"hideTips": True},
        "security": {"auth": {"selectedType": key}, "folderTrust": {"enabled": False}},
    }
    put(place / "settings.json", settings | dict(more or {}))


def _opencode(home: Path, base: str, rules: bool) -> None:
    model = {"name": "stub-1", "tool_call": True, "limit": {"context": 100000, "output": 8000}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "stub",
        "options": {"baseURL": f"{base}/v1", "apiKey": KEY},
        "models": {"stub-1": model},
    }
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "model": "stub/stub-1",
        "small_model": "stub/stub-1",
        # The test of an open dialog needs a tool that asks.
        "permission": {"bash": {"*": "ask", **({"xw *": "allow"} if rules else {})}},
        "provider": {"stub": provider},
    }
    put(home / ".config/opencode/opencode.json", settings)


def _pi(home: Path, base: str) -> None:
    model = {
        "id": "stub-1",
        "name": "stub-1",
        "reasoning": False,
        "input": ["text"],
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "contextWindow": 100000,
        "maxTokens": 8000,
    }
    provider = {"baseUrl": f"{base}/v1", "api": "openai-completions", "apiKey": KEY, "models": [model]}
    put(home / ".pi/agent/models.json", {"providers": {"stub": provider}})
    put(home / ".pi/agent/settings.json", {"defaultProvider": "stub", "defaultModel": "stub-1"})
