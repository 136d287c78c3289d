"""How `xw launch` starts Claude Code: its options carry all that a run needs, beside a person's own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bridges.helpers import until
from tests.cli.conftest import _model, empty, team
from tests.cli.team import Team
from tests.programs.running import Claude
from xw.bridges.claude import ClaudeChat
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox
from xw.programs import Arrangement, Run, profile

__all__ = ["_model", "empty", "team"]

XW = (sys.executable, "-P", "-m", "xw")


def arranged(folder: Path, *argv: str, mcp: bool = False, version: str = "2.1.332") -> Arrangement:
    """Return how a command line is started in a folder."""
    run = Run("bob", {}, "/run/1", "/hub", XW, ("claude", *argv), str(folder), "you are bob", version, mcp)
    return profile("claude").arrange(run)


def settings(one: Arrangement) -> Any:
    """Return the settings of an arrangement."""
    return json.loads(one.files["claude/settings.json"])


def test_hooks_and_rules(tmp_path: Path) -> None:
    """Each hook runs this xw, each harmless command has its rule, and a person's words stay behind ours."""
    one = arranged(tmp_path, "--model", "opus", "fix it")
    assert one.argv[0] == "claude" and one.argv[-3:] == ("--model", "opus", "fix it")
    assert one.argv[1:3] == (
        "--settings=/run/1/claude/settings.json",
        "--append-system-prompt-file=/run/1/instructions.md",
    )
    assert set(settings(one)["hooks"]) == {"SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"}
    command = settings(one)["hooks"]["Stop"][0]["hooks"][0]["command"]
    assert command == f"{sys.executable} -P -m xw hook Stop --program claude"
    rules = settings(one)["permissions"]["allow"]
    assert "Bash(xw send:*)" in rules and all(rule.startswith("Bash(xw ") for rule in rules)
    assert not any(word in rule for rule in rules for word in ("xw:", "init", "watch", "bridge", "xw *"))
    assert one.ways is None and one.notes == () and "claude/mcp.json" not in one.files


def test_mcp(tmp_path: Path) -> None:
    """With MCP, its server and the rule for its tools are added."""
    one = arranged(tmp_path, mcp=True)
    assert one.argv[-1] == "--mcp-config=/run/1/claude/mcp.json"
    server = {"command": sys.executable, "args": ["-P", "-m", "xw", "mcp"]}
    assert json.loads(one.files["claude/mcp.json"]) == {"mcpServers": {"xw": server}}
    assert "mcp__xw__*" in settings(one)["permissions"]["allow"]


@pytest.mark.parametrize("form", ["file", "=file", "json"])
def test_a_persons_settings(tmp_path: Path, form: str) -> None:
    """A person's settings and instructions stay in force: ours are added to them."""
    mine = {"model": "opus", "permissions": {"allow": ["Bash(ls)"], "deny": ["Read"]}}
    hook = {"hooks": [{"type": "command", "command": "beep"}]}
    text = json.dumps({**mine, "hooks": {"Stop": [hook], "Notification": [hook]}})
    (tmp_path / "mine.json").write_text(text)
    (tmp_path / "mine.md").write_text("be brief")
    given = {
        "file": ["--settings", "mine.json"],
        "=file": ["--settings=mine.json"],
        "json": ["--settings", text],
    }
    one = arranged(tmp_path, *given[form], "--append-system-prompt-file", "mine.md", "--", "--settings")
    assert one.argv[-2:] == ("--", "--settings") and len(one.argv) == 5
    merged = settings(one)
    assert merged["model"] == "opus" and merged["permissions"]["deny"] == ["Read"]
    assert merged["permissions"]["allow"][:2] == ["Bash(ls)", "Bash(xw check:*)"]
    assert merged["hooks"]["Stop"][0] == hook and len(merged["hooks"]["Stop"]) == 2
    assert merged["hooks"]["Notification"] == [hook]
    assert one.files["claude/instructions.md"] == "be brief\n\nyou are bob" and one.notes == ()


@pytest.mark.parametrize("text", ["[]", "{", '{"hooks": 1}', '{"permissions": {"allow": 1}}'])
def test_settings_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """What cannot be merged is left out, and the person is told; xw's own still work."""
    (tmp_path / "mine.json").write_text(text)
    one = arranged(tmp_path, "--settings", "mine.json", "--append-system-prompt-file", "none.md")
    assert [note.split()[0] for note in one.notes] == ["--settings", "--append-system-prompt-file"]
    assert "Stop" in settings(one)["hooks"] and len(one.argv) == 3


def test_command_lines_without_a_session(tmp_path: Path) -> None:
    """One answer, a subcommand and a mode without hooks have no inbox to write to."""
    assert arranged(tmp_path, "-p", "hello").ways == ()
    assert arranged(tmp_path, "mcp", "list") == Arrangement(("claude", "mcp", "list"), ways=())
    bare = arranged(tmp_path, "--bare")
    assert bare.ways == ("tmux",) and "only through its terminal" in bare.notes[0] and not bare.hooks
    assert arranged(tmp_path).hooks


@pytest.fixture
def session(team: Team, tmp_path: Path) -> Iterator[Claude]:
    """Bob's session, started as arranged, with the real `xw hook`."""
    run = tmp_path / "run"
    (run / "claude").mkdir(parents=True)
    one = profile("claude").arrange(
        Run("bob", {}, str(run), str(team.hub), XW, ("claude",), str(team.folder), "you are bob")
    )
    for name, text in one.files.items():
        (run / name).write_text(text)
    environ = {"XW_NAME": "bob", "XW_CONFIG": str(team.folder / "xw.json"), "XW_RUN": str(run)}
    claude = Claude(tmp_path, team.folder, *one.argv[1:], environ={**environ, "XW_CONFINED": "1"})
    until(lambda: claude.idle)
    yield claude
    claude.end()
    claude.scratch.cleanup()


def test_it_works(team: Team, session: Claude) -> None:
    """The hooks of the arrangement keep the journal that the bridge reads."""
    run = session.environ["XW_RUN"]
    chat = ClaudeChat(Mailbox(LocalFiles(str(team.hub)), "bob"), str(session.process.pid), run=run)
    until(lambda: chat.ready() is None)
    assert chat.unusable() is None and chat.memory == session.session["sessionId"]
    mark, text = chat.mark(), "[mail aaaaaaa1] question\n[[say:yes]]\n[end aaaaaaa1] answer"
    chat.present(mark, text)
    assert until(lambda: chat.capture(mark, text)).text == "yes"
