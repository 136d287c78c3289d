"""Write `integrations/` from what `xw install` writes: `python -m tests.installing.make`."""

import json
from pathlib import Path

from xw import __version__
from xw.actions import shipped
from xw.actions.installing.contents import CODEX_VARIABLES, SKILL, Site, claude, codex, gemini
from xw.actions.installing.pieces import Entry

ROOT = Path(__file__).parents[2] / "integrations"
DESCRIPTION = "Durable mail between AI coding agents and people, in plain files"
_MARKETPLACE = {
    "name": "xw",
    "interface": {"displayName": "xw"},
    "plugins": [
        {
            "name": "xw",
            "source": {"source": "local", "path": "./plugins/xw"},
            "policy": {"installation": "AVAILABLE", "authentication": "ON_INSTALL"},
            "category": "Productivity",
        }
    ],
}
"""What Codex installs from: it takes a plugin from such a list only, and none from the list's own folder."""


def plugins() -> dict[str, str]:
    """Return each file of the plugins by its path below `integrations/`, and its text."""
    skill = shipped.text("hub_template", "skill.md")
    site = Site("/p", {}, ("xw",), skill, has_mcp=True)
    own = site._replace(project="", environ={"CODEX_HOME": "/p"})
    about = {"name": "xw", "version": __version__, "description": DESCRIPTION}
    server: dict[str, object] = {"command": "xw", "args": ["mcp"]}
    servers = {"mcpServers": {"xw": server}}
    return {
        "claude/.claude-plugin/plugin.json": _text(about),
        "claude/hooks/hooks.json": _text({"hooks": _hooks(claude(site).files["/p/.claude/settings.json"])}),
        "claude/.mcp.json": _text(servers),
        "claude/skills/xw/SKILL.md": SKILL + skill,
        "codex/.agents/plugins/marketplace.json": _text(_MARKETPLACE),
        "codex/plugins/xw/.codex-plugin/plugin.json": _text(about),
        "codex/plugins/xw/hooks/hooks.json": _text({"hooks": _hooks(codex(own).files["/p/hooks.json"])}),
        "codex/plugins/xw/.mcp.json": _text(
            {"mcpServers": {"xw": {**server, "env_vars": [*CODEX_VARIABLES]}}}
        ),
        "codex/plugins/xw/skills/xw/SKILL.md": SKILL + skill,
        "gemini/gemini-extension.json": _text({**about, "contextFileName": "GEMINI.md", **servers}),
        "gemini/hooks/hooks.json": _text({"hooks": _hooks(gemini(site).files["/p/.gemini/settings.json"])}),
        "gemini/GEMINI.md": skill,
    }


def _hooks(pieces: list) -> dict[str, list[object]]:  # type: ignore[type-arg]
    return {one.path[1]: [one.value] for one in pieces if isinstance(one, Entry) and one.path[0] == "hooks"}


def _text(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    for name, text in plugins().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
