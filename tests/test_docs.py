"""The documents say what is so: commands, options, examples and the line for cron."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests import warm_xw
from tests.transcript import Session, Step, masked, steps
from xw import config, config_schema
from xw.cli import app
from xw.cli.commands import COMMANDS, COMMON, Command

SCRIPTS = sysconfig.get_path("scripts")
DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
SECTIONS = {section.partition("\n")[0]: section.partition("\n")[2] for section in PAGE.split("\n## ")[1:]}
_FLAG = re.compile(r"--[a-z-]+")


def test_each_command_has_its_section_and_no_other_has_one() -> None:
    """The page lists exactly the existing commands."""
    assert set(SECTIONS) - {"Common options", "JSON"} == {command.name for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_option_is_described_and_used(command: Command) -> None:
    """Each option is in its command's list, and in an example that is run; no example has another."""
    own = {param.flag for param in command.params if param.flag}
    section = SECTIONS[command.name]
    listed = re.findall(r"^- (`.*?`):", section, re.MULTILINE)
    assert set(_FLAG.findall(" ".join(listed))) == own
    commands = "\n".join(step.command for step in steps(section))
    used = " ".join(re.findall(rf"\bxw {command.name}\b([^|;&\n]*)", commands))
    assert own <= set(_FLAG.findall(used)) <= own | {param.flag for param in COMMON}


def test_the_common_options_are_described_and_used() -> None:
    """Each common option is in the list, and in some example of the page."""
    flags = {param.flag for param in COMMON}
    assert set(re.findall(r"^- `(--[a-z-]+)", SECTIONS["Common options"], re.MULTILINE)) == flags
    commands = " ".join(step.command for step in steps(PAGE))
    assert flags <= set(_FLAG.findall(commands))


@pytest.mark.long
@pytest.mark.timeout(900)  # hundreds of commands, each of which waits for the disk
@pytest.mark.parametrize(
    "page", ["docs/commands.md", "docs/launch.md", "docs/whom-you-trust.md", "README.md"]
)
def test_each_example_prints_what_the_page_says(page: str, tmp_path: Path) -> None:
    """All console blocks of a page run in one directory, in order, and print the page's output."""
    session = Session(tmp_path / "project", warm_xw.server().scripts)
    session.place.mkdir()
    found = steps((DOCS.parent / page).read_text(encoding="utf-8"))
    assert found
    for step in found:
        assert masked(session.run(step)) == masked(step.output), step.command


def test_each_module_has_its_row() -> None:
    """The table of the architecture has every module and package of `xw/`."""
    table = (DOCS / "architecture.md").read_text().partition("| row |")[2].partition("\n\n")[0]
    names = {path.stem for path in (DOCS.parent / "xw").iterdir() if (path / "__init__.py").exists()}
    names |= {path.stem for path in (DOCS.parent / "xw").glob("*.py")} - {"__init__"}
    assert names <= {name.strip("/") for name in re.findall("`([a-z_/]+)`", table)}


def test_the_line_for_cron(tmp_path: Path) -> None:
    """Run as cron would, with its tiny environment, it removes what is old, says nothing and exits 0."""
    line = re.findall(r"^```crontab\n(.*)\n```$", (DOCS / "cron.md").read_text(), re.MULTILINE)[0]
    command = line.split(maxsplit=5)[5]
    here = command.replace("/home/you/.local/bin", SCRIPTS).replace("/home/you", str(tmp_path))
    assert "%" not in command  # cron takes it for a newline
    session = Session(tmp_path / "project")
    session.place.mkdir()
    session.run(Step("", "xw init --name alice", ""))
    session.run(Step("alice", "xw send --to alice info old && xw done $(xw check | cut -d' ' -f1)", ""))
    done = session.place / ".xw" / "hub" / "alice" / "inbox" / "done"
    for message in done.iterdir():
        os.utime(message, (0, 0))
    ended = subprocess.run(
        ["/bin/sh", "-c", here],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "LOGNAME": "you", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert list(done.iterdir()) == []


def test_the_guarantees_name_tests_that_there_are() -> None:
    """Each test that shows a guarantee exists under the name that the page gives."""
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", (DOCS / "guarantees.md").read_text())
    sources = {file: (DOCS.parent / file).read_text() for file, _ in named}
    assert named
    assert [name for file, name in named if f"def {name}(" not in sources[file]] == []


def test_each_file_and_module_that_a_page_names_exists() -> None:
    """A page's `xw/…`, `tests/…` and `docs/…` paths, and modules such as `rooms/desk`, are there."""
    missing = []
    for page in [DOCS.parent / "README.md", *DOCS.glob("*.md")]:
        text = page.read_text()
        paths = re.findall(r"`((?:xw|tests|docs|benchmarks|hub_template)/[\w./-]*)", text)
        rows = "bridges|rooms|files|hub|actions|cli"
        modules = re.findall(rf"`(?:xw/)?((?:{rows})/\w+)(?:\.py)?(?:\.\w+)?`", text)
        named = [*paths, *(f"xw/{module}.py" for module in modules)]
        missing += [f"{page.name}: {name}" for name in named if not (DOCS.parent / name).exists()]
    assert missing == []


def test_links_between_pages_lead_somewhere() -> None:
    """Each relative link in README and docs/ has its file."""
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text())]
    assert links
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_the_keys_of_the_configuration_are_described() -> None:
    """Each key of xw.json, and of an instance in it, has a row in its table; no other has one."""
    page = (DOCS / "configuration.md").read_text().partition("| variable")[0]
    rows = set(re.findall(r"^\| `([$\w]+)` \|", page, re.MULTILINE))
    fields = config_schema.Config.model_fields | config_schema.Instance.model_fields
    assert rows == {field.alias or name for name, field in fields.items()}


def test_the_example_of_a_configuration_works(tmp_path: Path) -> None:
    """Copied to xw.json, it is read, and its instances can join."""
    (tmp_path / "xw.json").write_bytes((DOCS.parent / "xw.json.example").read_bytes())
    loaded = config.load(str(tmp_path / "xw.json"))
    config_schema.check(config.read(str(loaded.path)), "xw.json")
    session = Session(tmp_path)
    for name in loaded.instances:
        assert f"mailbox  {name} (made)" in session.run(Step(name, "xw init", ""))


def test_the_unit_runs_a_command_that_there_is() -> None:
    """The systemd unit of the server page starts `xw sync --watch`, which the command line understands."""
    page = (DOCS / "hub-on-a-server.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("ExecStart=")]
    program, *arguments = line.removeprefix("ExecStart=").split()
    assert program.endswith("/xw")
    parsed: list[tuple[str, object]] = []

    def act(command: Command, values: dict[str, object]) -> int:
        parsed.append((command.name, values["watch"]))
        return 0

    assert app.run(arguments, act) == 0
    assert parsed == [("sync", True)]
