"""`xw install`: a program's settings get xw's entries, keep everything else, and lose the entries again."""

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.installing import make
from xw import config, hook_events, layout
from xw.__main__ import run
from xw.actions import installing
from xw.actions.installing import contents, receipts
from xw.confined import HARMLESS
from xw.errors import Refused

Files = dict[str, str]
PLACES = [(program, place) for program in contents.PROGRAMS for place in ("--user", "--project")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a project, both empty; the project is the working directory."""
    for name in ("home", "project/.git"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XW_CONFINED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


@pytest.fixture
def files(place: Path) -> Callable[[], Files]:
    """Return a function that returns every file of the home and the project, and every folder as ''."""

    def found() -> Files:
        paths = [
            path
            for top in ("home", "project")
            for path in (place / top).rglob("*")
            if ".git" not in path.parts
        ]
        return {str(p.relative_to(place)): p.read_bytes().decode() if p.is_file() else "" for p in paths}

    return found


def install(*words: str, code: int = 0) -> None:
    assert run(["install", *words, "--yes"]) == code


@pytest.mark.parametrize(("program", "where"), PLACES)
def test_in_and_out(program: str, where: str, files: Callable[[], Files]) -> None:
    """Installing twice is installing once, and removal leaves nothing behind."""
    assert run(["install", program, where]) == 0
    assert files() == {}, "without --yes nothing is written"
    install(program, where)
    once = files()
    assert all(path.startswith("home" if where == "--user" else "project") for path in once)
    install(program, where)
    assert files() == once
    install(program, where, "--remove")
    assert files() == {}
    install(program, where, "--remove")


def test_what_claude_gets(files: Callable[[], Files]) -> None:
    """Hooks for each event, a rule for each harmless command, confinement, the server, and a skill."""
    install("claude")
    settings = json.loads(files()["project/.claude/settings.json"])
    commands = [
        hook["command"]
        for groups in settings["hooks"].values()
        for group in groups
        for hook in group["hooks"]
    ]
    assert set(settings["hooks"]) == {*hook_events.hooks("claude").values(), "StopFailure"}
    assert commands.count("xw hook wake --program claude") == 3
    assert set(settings["permissions"]["allow"]) >= {f"Bash(xw {one}:*)" for one in HARMLESS}
    assert "Bash(xw:*)" not in settings["permissions"]["allow"]
    assert settings["env"] == {"XW_CONFINED": "1"}
    assert json.loads(files()["project/.mcp.json"])["mcpServers"]["xw"] == {"command": "xw", "args": ["mcp"]}
    assert files()["project/.claude/skills/xw/SKILL.md"].startswith("---\nname: xw\n")


def test_what_codex_gets(files: Callable[[], Files]) -> None:
    """Its settings stay valid TOML; the server gets the variables that Codex strips."""
    install("codex", "--user")
    server = tomllib.loads(files()["home/.codex/config.toml"])["mcp_servers"]["xw"]
    assert server["args"][-1] == "mcp"
    assert {"XW_NAME", "XW_CONFIG"} <= set(server["env_vars"])
    assert files()["home/.codex/rules/xw.rules"].count("prefix_rule") == len(HARMLESS)


OWN: Files = {
    "home/.claude/settings.json": (
        '{\r\n\t// mine\r\n\t"model": "opus",\r\n\t"hooks": {"Stop": [{"hooks": [\r\n'
        '\t\t{"type": "command", "command": "say done"}]}]},\r\n\t"permissions": {"allow": [],},\r\n}'
    ),
    "home/.claude.json": '{"numStartups": 7, "projects": {"/x": {}}}',
    "home/.codex/config.toml": 'model = "gpt" # mine\n[profiles.a]\nmodel = "b"',
    "home/.codex/AGENTS.md": "# My rules\r\n\r\nBe brief.\r\n",
    "home/.gemini/settings.json": '{\n    "ui": {},\n    "mcpServers": {"other": {"command": "y"}}\n}\n',
    "home/.config/opencode/opencode.jsonc": '{\n  // servers\n  "mcp": {},\n}\n',
    "home/.qwen/settings.json": "{}",
}


@pytest.mark.parametrize("program", contents.PROGRAMS)
def test_own_settings_stay_byte_for_byte(program: str, place: Path, files: Callable[[], Files]) -> None:
    """Comments, trailing commas, line ends and empty containers are as before after a removal."""
    for name, text in OWN.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(text.encode())
        (place / name).chmod(0o640)
    before = files()
    install(program, "--user")
    changed = {name for name, text in files().items() if before.get(name) != text}
    assert changed & set(OWN)
    assert {stat.S_IMODE((place / name).stat().st_mode) for name in OWN} == {0o640}
    install(program, "--user", "--remove")
    assert files() == before


def test_later_edits_survive_the_removal(place: Path, files: Callable[[], Files]) -> None:
    """Own hooks, also in xw's groups, a changed timeout and other keys: only xw's entries go."""
    install("claude")
    path = place / "project/.claude/settings.json"
    text = path.read_text()
    text = text.replace('"hooks": {', '"model": "opus", // mine\n  "hooks": {\n    "Notification": [],', 1)
    mine = '{"type": "command", "command": "say hello"},\n          {'
    text = text.replace(
        '"UserPromptSubmit": [\n      {\n        "hooks": [\n          {',
        f'"UserPromptSubmit": [\n      {{\n        "hooks": [\n          {mine}',
        1,
    )
    text = text.replace('"timeout": 10', '"timeout": 99', 1)
    text = text.replace('"Bash(xw check:*)",', '"Bash(make:*)",\n      "Bash(xw check:*)",')
    path.write_text(text)
    install("claude")
    assert path.read_text() == text, "what a person changed is not out of date"
    install("claude", "--remove")
    left = path.read_text()
    assert "xw" not in left
    assert "// mine" in left
    plain = json.loads(left.replace("// mine", ""))
    assert plain == {
        "model": "opus",
        "hooks": {
            "Notification": [],
            "UserPromptSubmit": [{"hooks": [{"type": "command", "command": "say hello"}]}],
        },
        "permissions": {"allow": ["Bash(make:*)"]},
    }
    assert set(files()) == {"project/.claude", "project/.claude/settings.json"}


@pytest.mark.parametrize(
    ("program", "name", "old", "new"),
    [
        ("claude", "project/.claude/skills/xw/SKILL.md", "`xw check`", "`xw check --all`"),
        ("gemini", "project/GEMINI.md", "Messages are", "Be careful: messages are"),
    ],
)
def test_an_edited_text_stays(
    program: str, name: str, old: str, new: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A section or skill that a person has edited is neither renewed nor removed, and xw says so."""
    install(program)
    path = place / name
    path.write_text(path.read_text().replace(old, new))
    edited = path.read_text()
    for words in ((program,), (program, "--remove")):
        capsys.readouterr()
        install(*words)
        assert path.read_text() == edited
        assert f"kept     {path}" in capsys.readouterr().out


def test_an_older_version_is_renewed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Doctor names what another version wrote; installing again renews it, in its place."""
    install("claude")
    settings, skill = place / "project/.claude/settings.json", place / "project/.claude/skills/xw/SKILL.md"
    newest = settings.read_text(), skill.read_text()
    settings.write_text(newest[0].replace("xw hook Stop --program claude", "xw hook stop"))
    assert installing.stale(os.environ) == [("claude", "--project", [str(settings)])]
    assert run(["init", "--name", "alice"]) == 0
    capsys.readouterr()
    assert run(["doctor"]) == 0
    assert "xw install claude --project --yes" in capsys.readouterr().out
    install("claude")
    assert (settings.read_text(), skill.read_text()) == newest
    assert installing.stale(os.environ) == []


@pytest.mark.parametrize("content", ["{}", None])
def test_a_linked_file_stays_a_link(
    content: str | None, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings kept elsewhere, as in a repository of dotfiles, are written there, and the preview says so."""
    target, link = place / "home/dotfiles.json", place / "home/.claude/settings.json"
    if content:
        target.write_text(content)
    link.parent.mkdir()
    link.symlink_to(target)
    assert run(["install", "claude", "--user"]) == 0
    assert f"+++ {link} -> {target}\n" in capsys.readouterr().out
    install("claude", "--user")
    assert f"written  {link} -> {target}\n" in capsys.readouterr().out
    assert link.is_symlink()
    assert "xw hook" in target.read_text()
    install("claude", "--user", "--remove")
    assert link.is_symlink()
    assert (target.read_text() if target.exists() else None) == content


LINKS = [
    ("project/.claude/settings.json", "home/own.json", "--project", "leads out of the project, to"),
    ("project/.claude/settings.json", "home/new.json", "--project", "leads out of the project, to"),
    ("project/.claude", "home", "--project", "leads out of the project, to"),
    ("project/.mcp.json", "project/none/x.json", "--project", "make the folder it leads to"),
    ("project/.claude", "project/none", "--project", "make the folder it leads to"),
    ("home/.claude/settings.json", "home/none/x.json", "--user", "make the folder it leads to"),
]


@pytest.mark.parametrize(("link", "to", "where", "error"), LINKS)
def test_links_that_are_not_followed(
    link: str, to: str, where: str, error: str, place: Path, files: Callable[[], Files],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A cloned repository's link does not lead xw out of the project; one into nothing is named."""
    (place / "home/own.json").write_text("{}")
    (place / link).parent.mkdir(exist_ok=True)
    (place / link).symlink_to(place / to)
    before = files()
    for words in ((), ("--remove",)):
        install("claude", where, *words, code=6)
        assert f"{place / link} is a link " in (said := capsys.readouterr().err)
        assert error in said
    assert files() == before


def test_links_inside_of_the_project(place: Path, files: Callable[[], Files]) -> None:
    """A link that stays in the project is followed, also if a folder is the link."""
    (place / "project/settings").mkdir()
    (place / "project/.claude").symlink_to("settings")
    before = files()
    install("claude")
    assert "project/settings/skills/xw/SKILL.md" in files()
    install("claude", "--remove")
    assert files() == before


ODD = [
    "",
    " \n",
    "\ufeff",
    "\ufeff{}\r\n",
    '{\n  "hooks": {/* mine */}\n}',
    '{"permissions":{"allow":[ /* mine */ ]},"env":{ }}',
    '{"hooks":{"Stop":[{"hooks":[]} /*a*/ , /*b*/ ] /*c*/ } /*d*/ }\n// the end',
    '{"h\\u006foks": {"Stop": [\n// mine\n],},}',
]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("name", [".claude/settings.json", ".gemini/settings.json"])
def test_odd_files_stay_byte_for_byte(text: str, name: str, place: Path, files: Callable[[], Files]) -> None:
    """Blank files and comments in empty containers are as before, also where entries went in side by side."""
    own = place / "home" / name
    own.parent.mkdir()
    own.write_bytes(text.encode())
    before = files()
    program = name[1:].partition("/")[0]
    install(program, "--user")
    assert "xw hook" in own.read_text()
    install(program, "--user", "--remove")
    assert files() == before


def test_a_read_only_file_stays(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has made a file read-only is asked to change that, also if the folder would take a new one."""
    own = place / "home/.claude.json"
    own.write_text("{}")
    own.chmod(0o440)
    install("claude", "--user", code=6)
    assert f"{own} is read-only" in capsys.readouterr().err
    assert list((place / "home").iterdir()) == [own]


@pytest.mark.parametrize("program", contents.PROGRAMS)
@pytest.mark.parametrize("damage", [b"{", None])
def test_a_lost_receipt(
    program: str, damage: bytes | None, place: Path, files: Callable[[], Files],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Without its receipt, as on a colleague's machine, a removal leaves nothing empty behind either."""

    def lose() -> None:
        for receipt in Path(config.receipts()).glob("*.json"):
            receipt.write_bytes(damage) if damage else receipt.unlink()

    own = place / "home/.claude/settings.json"
    own.parent.mkdir()
    own.write_text('{"hooks": {"Stop": []}, "permissions": {"deny": []}}')
    before = files()
    install(program, "--user", "--remove")
    assert files() == before, "there was nothing of xw's"
    for again in (False, True):
        install(program, "--user")
        lose()
        if again:
            install(program, "--user")
        install(program, "--user", "--remove")
        left = files()
        assert json.loads(left.pop("home/.claude/settings.json"))["permissions"] == {"deny": []}
        assert set(left) <= {"home/.claude"}


@pytest.mark.parametrize(
    ("name", "text", "program", "error"),
    [
        ("home/.claude/settings.json", '{"hooks": ', "claude", "settings.json, line 1: not JSON"),
        ("home/.claude/settings.json", '{"hooks": []}', "claude", "line 1: expected an object here"),
        ("home/.claude/settings.json", b"\xff", "claude", "is not UTF-8 text"),
        ("home/.codex/config.toml", '[mcp_servers.xw]\ncommand = "x"\n', "codex", "cannot take xw's section"),
        ("home/.codex/config.toml", "a = ", "codex", "cannot take xw's section"),
    ],
)
def test_unusable_settings(
    name: str, text: str | bytes, program: str, error: str, place: Path, files: Callable[[], Files],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """One line names the file; nothing at all is written."""
    (place / name).parent.mkdir()
    (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    size = {path.name: path.stat().st_size for path in (place / "home").rglob("*")}
    install(program, "--user", code=2)
    assert error in capsys.readouterr().err
    assert {path.name: path.stat().st_size for path in (place / "home").rglob("*")} == size


def test_changed_meanwhile(place: Path) -> None:
    """What a program wrote after xw had read its file is not overwritten."""
    (place / "home/.claude.json").write_text("{}")
    planned = installing.plan("claude", True, False, False, os.environ)
    (place / "home/.claude.json").write_text('{"a": 1}')
    with pytest.raises(Refused, match=r"\.claude\.json was changed meanwhile"):
        installing.carry_out(planned)
    assert (place / "home/.claude.json").read_text() == '{"a": 1}'


@pytest.mark.parametrize("words", [("emacs",), ("claude", "--user", "--project")])
def test_wrong_calls(words: tuple[str, ...], place: Path) -> None:
    """An unknown program or two places are wrong usage."""
    install(*words, code=2)


def test_the_plugins_are_what_is_installed() -> None:
    """`integrations/` has the hooks, server and instructions of this version; else run `make plugins`."""
    paths = [path for path in make.ROOT.rglob("*") if path.is_file()]
    assert {str(path.relative_to(make.ROOT)): path.read_text() for path in paths} == make.plugins()


def test_a_program_writes_into_the_section(place: Path, files: Callable[[], Files]) -> None:
    """Codex adds tables in front of the end mark: they stay, and xw's part is neither edited nor stuck."""
    config = place / "home/.codex/config.toml"
    config.parent.mkdir()
    config.write_text('model = "a"')
    install("codex", "--user")
    theirs = '\n[tui]\nseen = true\n\n[hooks.state."x"]\ntrusted_hash = "y"\n'
    config.write_text(config.read_text().replace("# xw install: end", f"{theirs}# xw install: end"))
    assert installing.stale(os.environ) == []
    earlier = config.read_text().replace('XW_CONFINED = "1"\n', "")
    now, then = (layout.digest(_section(text).encode()) for text in (config.read_text(), earlier))
    config.write_text(earlier.replace(now, then))
    install("codex", "--user")
    assert tomllib.loads(config.read_text())["shell_environment_policy"]["set"] == {"XW_CONFINED": "1"}
    assert config.read_text().endswith(theirs)
    install("codex", "--user", "--remove")
    assert config.read_text() == f'model = "a"{theirs}'
    assert set(files()) == {"home/.codex", "home/.codex/config.toml"}


def _section(text: str) -> str:
    """Return the lines of xw's section, up to what others wrote into it."""
    return text.partition("begin ")[2].partition("\n")[2].partition("\n[tui]")[0]


def test_lines_below_a_section_keep_their_own(place: Path) -> None:
    """A last line without its end does not run into what a person wrote below xw's section."""
    guide = place / "project/GEMINI.md"
    guide.write_text("Be brief.")
    install("gemini")
    guide.write_text(guide.read_text() + "Be kind.\n")
    install("gemini", "--remove")
    assert guide.read_text() == "Be brief.\nBe kind.\n"


def test_renewal_keeps_what_a_person_added(place: Path) -> None:
    """Another version's entry is renewed without the loss of a hook, a matcher or a switch beside it."""
    install("claude")
    install("gemini")
    settings, servers = place / "project/.claude/settings.json", place / "project/.gemini/settings.json"
    value = json.loads(settings.read_text())
    mine = {"type": "command", "command": "say hello"}
    value["hooks"]["SessionEnd"][0]["hooks"].append(mine)
    value["hooks"]["UserPromptSubmit"][0]["matcher"] = "x"
    for event in ("SessionEnd", "UserPromptSubmit"):
        value["hooks"][event][0]["hooks"][0]["command"] = "xw hook old"
    settings.write_text(json.dumps(value))
    server = json.loads(servers.read_text())
    server["mcpServers"]["xw"] |= {"command": "/old/xw", "trust": False, "timeout": 5}
    servers.write_text(json.dumps(server))
    install("claude")
    install("gemini")
    renewed = json.loads(settings.read_text())["hooks"]
    assert [group["hooks"][0]["command"] for group in renewed["SessionEnd"]] == [
        "say hello", "xw hook SessionEnd --program claude",
    ]  # fmt: skip
    assert renewed["UserPromptSubmit"][0]["matcher"] == "x"
    assert "old" not in settings.read_text()
    entry = json.loads(servers.read_text())["mcpServers"]["xw"]
    assert entry == {"command": "xw", "args": ["mcp"], "trust": False, "timeout": 5}


def test_a_shared_section_stays_for_the_other_program(place: Path, files: Callable[[], Files]) -> None:
    """The section of AGENTS.md is removed with the last program that reads it, and leaves no trace then."""
    install("codex")
    install("opencode")
    install("codex", "--remove")
    assert "xw check" in files()["project/AGENTS.md"]
    install("opencode", "--remove")
    assert files() == {}


def test_entries_of_others_under_the_same_key_stay(
    place: Path, files: Callable[[], Files], capsys: pytest.CaptureFixture[str]
) -> None:
    """A server named xw that is reached by HTTP, or another value of a variable, is not doubled."""
    (place / "project/.claude").mkdir()
    (place / "project/.mcp.json").write_text('{"mcpServers": {"xw": {"url": "http://127.0.0.1:4790/mcp"}}}')
    (place / "project/.claude/settings.json").write_text('{"env": {"XW_CONFINED": "yes"}}')
    before = files()
    install("claude")
    assert files()["project/.mcp.json"] == before["project/.mcp.json"]
    assert json.loads(files()["project/.claude/settings.json"])["env"] == {"XW_CONFINED": "yes"}
    assert capsys.readouterr().out.count("kept ") == 2
    install("claude", "--remove")
    assert files() == before


def test_removal_finds_what_this_machine_would_not_write_now(
    place: Path, files: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes also without the package of MCP, and from the file that opencode read then."""
    for program in ("claude", "gemini", "opencode"):
        install(program)
    (place / "project/opencode.jsonc").write_text("{}")
    monkeypatch.setattr(installing, "find_spec", lambda _: None)
    for program in ("claude", "gemini", "opencode"):
        install(program, "--remove")
    assert files() == {"project/opencode.jsonc": "{}"}


def test_two_at_once(place: Path, files: Callable[[], Files], monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two writes at a time, the other is told to repeat, and removal still leaves no trace."""
    first, second = (installing.plan("claude", False, True, False, os.environ) for _ in range(2))
    installing.carry_out(first)
    with pytest.raises(Refused, match="was changed meanwhile"):
        installing.carry_out(second)
    monkeypatch.setattr(receipts, "_PATIENCE_S", 0.0)
    with receipts.locked():
        install("claude", "--remove", code=1)
    install("claude", "--remove")
    assert files() == {}


def test_files_that_cannot_be_settings(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A FIFO is refused at once, and so is a file whose values nest without end; blanks are no settings."""
    folder = place / "project/.claude"
    folder.mkdir()
    os.mkfifo(folder / "settings.json")
    install("claude", code=6)
    (folder / "settings.json").unlink()
    (folder / "settings.json").write_text('{"a":' + "[" * 5000 + "]" * 5000 + "}")
    install("claude", code=2)
    assert "nested too deeply" in capsys.readouterr().err
    (folder / "settings.json").write_text(" \r\n")
    install("claude")
    assert json.loads((folder / "settings.json").read_text())["env"]


def test_a_person_writes_about_the_marks(place: Path) -> None:
    """A text with the words of xw's marks is not taken for its section: that is written, and removed."""
    guide = place / "project/GEMINI.md"
    own = "We use <!-- xw install: begin --> and\n<!-- xw install: begin the section -->.\n"
    guide.write_text(own)
    install("gemini")
    assert "xw check" in guide.read_text()
    install("gemini", "--remove")
    assert guide.read_text() == own


def test_a_relative_folder_of_settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt has the whole path, so that the removal works from elsewhere."""
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "own")
    planned = installing.plan("claude", True, False, False, os.environ)
    assert {change.path for change in planned.changes} == {
        str(place / "project/own" / name) for name in ("settings.json", ".claude.json", "skills/xw/SKILL.md")
    }


def test_home_as_project(place: Path, files: Callable[[], Files], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installations into the same files, in either order of removal, leave no trace with the second."""
    (place / "home/.git").mkdir()
    monkeypatch.chdir(place / "home")
    for order in (("--user", "--project"), ("--project", "--user")):
        install("claude", "--project")
        install("claude", "--user")
        install("claude", order[0], "--remove")
        assert "xw hook" in files()["home/.claude/settings.json"]
        install("claude", order[1], "--remove")
        assert files() == {}


_DIES = """
import os
os.replace = lambda *_: os._exit(0)
from xw.actions import installing
installing.carry_out(installing.plan("claude", False, True, False, os.environ))
"""


def test_killed_while_writing(place: Path, files: Callable[[], Files]) -> None:
    """A run that died before a file was in its place leaves nothing that a removal does not take away."""
    subprocess.run([sys.executable, "-c", _DIES], check=True)
    assert "project/.claude/settings.json.xw-new" in files()
    assert "project/.claude/settings.json" not in files()
    install("claude", "--remove")
    assert files() == {}


@pytest.mark.parametrize("joined", [False, True])
def test_the_files_and_the_next_steps(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], joined: bool
) -> None:
    """The preview begins with the number and place of its files; after writing, it says what comes next."""
    (place / "project" / "sub").mkdir()
    monkeypatch.chdir(place / "project" / "sub")
    if joined:
        assert run(["init", "--name", "alice"]) == 0
    capsys.readouterr()
    assert run(["install", "gemini"]) == 0
    first, *names = capsys.readouterr().out.splitlines()[:3]
    assert first == f"would write 2 files in {place}/project, the git repository of this directory:"
    assert names == ["  .gemini/settings.json", "  GEMINI.md"]
    install("gemini")
    steps = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Next: ")]
    assert steps[-2].startswith("Next: restart gemini here")
    assert steps[-1] == "Next: commit .gemini and GEMINI.md, or let git ignore them."
    assert ("Next: `xw init --name NAME` makes a mailbox." in steps) is not joined
    assert run(["install", "gemini", "--remove"]) == 0
    assert capsys.readouterr().out.startswith("would remove xw from 2 files in ")
