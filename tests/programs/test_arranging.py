"""How runs of Codex, opencode and Gemini CLI are arranged: nothing of the user's is weakened or hidden."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xw.bridges.described import changes
from xw.confined import HARMLESS
from xw.programs import Arrangement, Run, codex, profile

Arrange = Callable[..., Arrangement]
TEXT = 'You are "alice".\nzwölf \x7f'
ENVIRON = {"XW_NAME": "alice", "XW_CONFINED": "1", "XW_RUN": "/run/1", "XW_HUB": "/hub", "XW_STATE": "/state"}


@pytest.fixture
def arrange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Arranges a run in a project of a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/somewhere")
    for name in (
        "CODEX_HOME",
        "XDG_CONFIG_HOME",
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_DIR",
        "OPENCODE_PERMISSION",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENCODE_CONFIG_CONTENT", "OPENCODE_SERVER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    work = tmp_path / "work"
    work.mkdir()

    def make(*argv: str, mail: str = ".xw/hub", mcp: bool = False, **more: Any) -> Arrangement:
        xw = ("/opt/python", "-P", "-m", "xw")
        run = Run("alice", ENVIRON, "/run/1", str(work / mail), xw, argv, str(work), TEXT, has_mcp=mcp)
        return profile(argv[0]).arrange(run._replace(**more))

    return make


def settings(argv: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of Codex's `-c` options."""
    pairs = [argv[number + 1].partition("=") for number, word in enumerate(argv) if word == "-c"]
    return {key: tomllib.loads(f"value = {value}")["value"] for key, _, value in pairs}


def test_codex(arrange: Arrange) -> None:
    """Its options come before the user's own, and name who the agent is for its commands too."""
    made = arrange("codex", "--model", "m", "fix it", mcp=True)
    assert made.argv[:2] == ("codex", "--no-daemon") and made.argv[-3:] == ("--model", "m", "fix it")
    values = settings(made.argv)
    assert values["developer_instructions"] == TEXT
    for name, value in ENVIRON.items():
        assert values[f"shell_environment_policy.set.{name}"] == value
    assert values["mcp_servers.xw.command"] == "/opt/python"
    assert values["mcp_servers.xw.env_vars"] == list(ENVIRON)
    assert not any(key.startswith(("hooks", "notify", "projects", "features")) for key in values)
    assert "--dangerously-bypass-hook-trust" not in made.argv and made.ways is None


def test_codex_keeps_the_users_instructions(arrange: Arrange, tmp_path: Path) -> None:
    """The option would hide those of the configuration, so they are in it as well."""
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex/config.toml").write_text('developer_instructions = "Be brief."\n')
    assert settings(arrange("codex").argv)["developer_instructions"] == f"Be brief.\n\n{TEXT}"
    (tmp_path / ".codex/config.toml").write_text("damaged [")
    assert settings(arrange("codex").argv)["developer_instructions"] == TEXT


def test_codex_finds_xw(arrange: Arrange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a login shell would not find xw, its commands get the PATH of this run."""
    monkeypatch.setattr("xw.programs.codex._SYSTEM", ("/nowhere",))
    assert settings(arrange("codex").argv)["shell_environment_policy.set.PATH"] == "/somewhere:/run/1/bin"
    monkeypatch.setattr("os.access", lambda *_: True)
    assert "shell_environment_policy.set.PATH" not in settings(arrange("codex").argv)


def test_codex_and_the_hub(arrange: Arrange, tmp_path: Path) -> None:
    """Its sandbox gets the folder of the mailboxes, a hub's or a mirror's, outside of the project."""
    assert "--add-dir" not in arrange("codex").argv
    made = arrange("codex", mail="../hub").argv
    assert made[made.index("--add-dir") + 1] == str(tmp_path / "work/../hub")


def test_codex_in_a_pane(arrange: Arrange) -> None:
    """Its first mail is typed there; elsewhere somebody must prompt it first, which launch tells."""
    assert "after its first prompt" in arrange("codex").notes[0]
    assert arrange("codex", pane="%0").notes == ()


@pytest.mark.parametrize(
    ("words", "gets"),
    [
        ((), True),
        (("--model", "m", "--full-auto", "-c", "x=1"), True),
        (("fix it",), False),
        (("--full-auto", "fix it"), False),
        (("resume", "--last"), False),
        (("-i", "a.png"), False),
        (("--", "fix it"), False),
        (("--version",), False),
    ],
)
def test_codexs_first_prompt(arrange: Arrange, words: tuple[str, ...], gets: bool) -> None:
    """Outside tmux it takes no mail before a prompt: it gets one if it has none, for pushed mail only."""
    assert (arrange("codex", *words, push=True).argv[-1] == codex.FIRST) is gets
    others = arrange("codex", *words).argv + arrange("codex", *words, push=True, pane="%0").argv
    assert codex.FIRST not in others


def test_aider_in_a_pane(arrange: Arrange) -> None:
    """It is started so that its answers can be read there, unless the user decides."""
    made = arrange("aider", "--model", "x", pane="%0")
    assert made.argv == ("aider", "--no-stream", "--read", "/run/1/instructions.md", "--model", "x")
    assert changes(made.options)["end"].search("Tokens: 10 sent, 10 received.")
    assert "--no-stream" not in arrange("aider", "--stream", pane="%0").argv
    assert "--no-stream" not in arrange("aider").argv + arrange("aider", "-m", "hi", pane="%0").argv


def test_codex_commands(arrange: Arrange) -> None:
    """A command that answers once has no way in; one that starts no session stays as it is."""
    once = arrange("codex", "exec", "-")
    assert once.ways == () and "--no-daemon" not in once.argv and settings(once.argv)
    assert arrange("codex", "login") == Arrangement(("codex", "login"), ways=())
    assert arrange("codex", "resume", "--last").argv[-2:] == ("resume", "--last")
    assert arrange("codex", "--no-daemon").argv.count("--no-daemon") == 1
    assert "--no-daemon" not in arrange("codex", "--remote", "unix://").argv


def test_opencode(arrange: Arrange) -> None:
    """It gets a port and a password that no other user knows; the bridge reads that from a file."""
    made = arrange("opencode", "-m", "x", mcp=True)
    port = made.argv[made.argv.index("--port") + 1]
    assert made.targets == {"opencode": f"http://127.0.0.1:{port}"}
    password = made.environ["OPENCODE_SERVER_PASSWORD"]
    assert len(password) > 20 and made.files == {"opencode.password": password + "\n"}
    assert made.options == {"password": "/run/1/opencode.password"} and password not in " ".join(made.argv)
    content = json.loads(made.environ["OPENCODE_CONFIG_CONTENT"])
    assert content["instructions"] == ["/run/1/instructions.md"] and "permission" not in content
    assert content["mcp"]["xw"]["command"] == ["/opt/python", "-P", "-m", "xw", "mcp"]
    assert arrange("opencode", "--port=4099").targets == {"opencode": "http://127.0.0.1:4099"}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"bash": "ask"}, {"*": "ask"}),
        ("ask", {"*": "ask"}),
        ({"*": "deny", "edit": "ask"}, {"*": "deny"}),
        ({"bash": {"*": "ask", "git *": "allow"}}, {"*": "ask", "git *": "allow"}),
    ],
)
def test_opencode_keeps_the_users_permissions(
    arrange: Arrange, tmp_path: Path, own: Any, expected: dict[str, str]
) -> None:
    """Rules for xw replace none of the user's: what asked before still asks."""
    place = tmp_path / ".config/opencode"
    place.mkdir(parents=True)
    (place / "opencode.json").write_text(json.dumps({"permission": own}))
    content = json.loads(arrange("opencode").environ["OPENCODE_CONFIG_CONTENT"])
    rules = {f"xw {command} *": "allow" for command in HARMLESS}
    assert content["permission"]["bash"] == {**expected, **rules}
    assert next(iter(content["permission"]["bash"])) == "*"  # the last rule that fits decides
    kept = {"*": own} if isinstance(own, str) else own
    assert {**content["permission"], "bash": 0} == {**kept, "bash": 0}


def test_opencode_where_nobody_can_tell(arrange: Arrange, tmp_path: Path) -> None:
    """Permissions in several places, or with comments, or about xw, are left alone."""
    (tmp_path / "work/opencode.jsonc").write_text('{"permission": {"bash": "ask"}} // mine')
    made = arrange("opencode")
    assert "permission" not in json.loads(made.environ["OPENCODE_CONFIG_CONTENT"])
    assert "may ask before it runs xw" in made.notes[0]
    (tmp_path / "work/opencode.jsonc").write_text('{"permission": {"bash": {"xw *": "deny"}}}')
    made = arrange("opencode")
    assert "permission" not in json.loads(made.environ["OPENCODE_CONFIG_CONTENT"]) and made.notes == ()


def test_opencode_keeps_what_the_variable_has(arrange: Arrange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that the user gives in the same variable stay."""
    monkeypatch.setenv(
        "OPENCODE_CONFIG_CONTENT", '{"theme": "x", "instructions": ["a.md"], "mcp": {"own": {}}}'
    )
    content = json.loads(arrange("opencode", mcp=True).environ["OPENCODE_CONFIG_CONTENT"])
    assert content["theme"] == "x" and content["instructions"] == ["a.md", "/run/1/instructions.md"]
    assert set(content["mcp"]) == {"own", "xw"}
    for odd in ("damaged", '{"instructions": 7, "mcp": []}'):
        monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", odd)
        assert arrange("opencode", mcp=True).targets


def test_opencode_commands(arrange: Arrange) -> None:
    """`opencode run` answers once; what starts no session stays as it is."""
    once = arrange("opencode", "run", "x")
    assert once.ways == () and once.argv == ("opencode", "run", "x") and once.environ
    assert arrange("opencode", "serve") == Arrangement(("opencode", "serve"), ways=())


def test_gemini(arrange: Arrange) -> None:
    """It gets a rule for each harmless command, never for xw alone, and instructions as its first prompt."""
    made = arrange("gemini", "-m", "x")
    assert made.argv[:3] == ("gemini", "--policy", "/run/1/gemini.toml")
    rules = tomllib.loads(made.files["gemini.toml"])["rule"]
    assert [rule["commandPrefix"] for rule in rules] == [f"xw {command}" for command in HARMLESS]
    assert {rule["toolName"] for rule in rules} == {"run_shell_command"}
    assert made.argv[3] == "--prompt-interactive" and made.argv[4].startswith(TEXT)
    assert made.argv[4].splitlines()[-1] == made.options["first"]  # before it, no mail goes in


def test_gemini_with_a_prompt(arrange: Arrange) -> None:
    """The user's own prompt is not replaced; a command that answers once has no way in."""
    for words in (["-i", "fix it"], ["fix it"], ["-m", "x", "fix it"]):
        made = arrange("gemini", *words)
        assert "--prompt-interactive" not in made.argv and "xw prompt" in made.notes[0]
        assert made.options == {}
    once = arrange("gemini", "-p", "x")
    assert once.ways == () and once.notes == () and once.files
    for words in (["mcp", "list"], ["--acp"]):
        assert arrange("gemini", *words) == Arrangement(("gemini", *words), ways=())
