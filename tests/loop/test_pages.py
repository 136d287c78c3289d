"""The examples of docs/bridges.md and docs/protocol.md work."""

import json
import re
import subprocess
from pathlib import Path

from tests.bridges.helpers import until
from xw import protocol
from xw.bridges.kinds import KINDS
from xw.bridges.panes import Tmux
from xw.config_schema import check

DOCS = Path(__file__).parents[2] / "docs"
BRIDGES = (DOCS / "bridges.md").read_text("utf-8")
PROTOCOL = (DOCS / "protocol.md").read_text("utf-8")


def test_the_configuration_is_valid() -> None:
    """The page's xw.json is valid, and names existing kinds."""
    (text,) = re.findall(r"^```json\n(.*?)^```$", BRIDGES, re.MULTILINE | re.DOTALL)
    config = json.loads(text)
    check(config, "docs/bridges.md")
    assert {entry["bridge"]["kind"] for entry in config["instances"].values()} <= set(KINDS)


def test_three_agents_side_by_side(tmux_server: str) -> None:
    """The page's one command makes three panes beside each other, and `xw up` below them all."""
    (line,) = re.findall(r"^tmux new-session.*$", BRIDGES, re.MULTILINE)
    for program in ("claude", "codex", "gemini", "xw up"):
        line = line.replace(f"{program}'", "cat'")
    line = line.replace("tmux new-session", f"tmux -S {tmux_server} -f /dev/null new-session -d -x 150 -y 40")
    subprocess.run(["sh", "-c", line], check=True)
    tmux = Tmux(tmux_server)

    def panes() -> list[list[int]]:
        form = "#{pane_left} #{pane_top} #{pane_width}"
        shown = tmux.run("list-panes", "-t", "agents", "-F", form)
        return [[int(word) for word in row.split()] for row in shown.splitlines()]

    until(lambda: len(panes()) == 4)
    *agents, up = panes()
    tmux.run("kill-session", "-t", "agents")
    assert [top for _, top, _ in agents] == [0, 0, 0] and len({left for left, _, _ in agents}) == 3
    assert max(width for _, _, width in agents) - min(width for _, _, width in agents) <= 2
    assert up[1] > 20 and up[2] == 150


def test_the_kinds_and_labels_are_listed() -> None:
    """The page on protocol messages lists each kind with its labels in their order."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PROTOCOL, re.MULTILINE)
    assert {kind: labels.split(", ") for kind, labels in rows} == {
        kind: list(labels) for kind, labels in protocol.LABELS.items()
    }
    example = PROTOCOL.partition("```text\n")[2].partition("```")[0]
    (found,) = protocol.parse(example)
    assert isinstance(found, protocol.Notice)
