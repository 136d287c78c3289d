"""The package as `pip install .` makes it: it works outside the checkout, with what it needs inside."""

import os
import zipfile
from pathlib import Path

import pytest

from tests.wheels import CHECKOUT, build, install, run


@pytest.mark.long
def test_the_wheel(tmp_path: Path) -> None:
    """The wheel holds all that belongs to xw; installed from it, `xw` works outside the checkout."""
    wheel = build(CHECKOUT, tmp_path)
    _check_contents(wheel)
    _check_use(wheel, tmp_path)


def _check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if not name.startswith("xw-")}
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "xw").rglob("*.py")}
    templates = {f"xw/hub_template/{name}" for name in os.listdir(CHECKOUT / "hub_template")}
    schemas = {
        f"xw/schemas/{path.relative_to(CHECKOUT / 'docs' / 'schemas').as_posix()}"
        for path in (CHECKOUT / "docs" / "schemas").rglob("*.json")
    }
    assert packed == modules | templates | schemas | {"xw/py.typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def _check_use(wheel: Path, tmp_path: Path) -> None:
    home, project = tmp_path / "venv", tmp_path / "project"
    project.mkdir()
    python = install(wheel, home)
    xw = str(home / "bin" / "xw")
    where = run(str(python), "-c", "import xw; print(xw.__file__)", cwd=project)
    assert where.startswith(str(home))
    assert "mailbox  project (made)" in run(xw, "init", cwd=project)
    assert "delivered to project" in run(xw, "send", "info", "--to", "project", "hello", cwd=project)
    assert "hello" in run(xw, "check", cwd=project)
    assert "`project`" in run(xw, "prompt", cwd=project)
    assert '"title": "xw check"' in run(xw, "schema", "check", cwd=project)
    assert (project / ".xw" / "hub" / "README.md").read_text().startswith("# An xw hub")
