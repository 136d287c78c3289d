"""The package as `pip install .` makes it: it works outside the checkout, with what it needs inside."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

_CHECKOUT = Path(__file__).parent.parent


def _run(*command: str, cwd: Path = _CHECKOUT) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_wheel(tmp_path: Path) -> None:
    """The wheel holds each module and template; installed from it, `xw` works outside the checkout."""
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(_CHECKOUT))
    (wheel,) = tmp_path.glob("xw-*.whl")
    _check_contents(wheel)
    _check_use(wheel, tmp_path)


def _check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if not name.startswith("xw-")}
    modules = {path.relative_to(_CHECKOUT).as_posix() for path in (_CHECKOUT / "xw").rglob("*.py")}
    templates = {f"xw/hub_template/{name}" for name in os.listdir(_CHECKOUT / "hub_template")}
    assert packed == modules | templates | {"xw/py.typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def _check_use(wheel: Path, tmp_path: Path) -> None:
    home, project = tmp_path / "venv", tmp_path / "project"
    project.mkdir()
    _run(sys.executable, "-m", "venv", "--without-pip", str(home))
    python = home / "bin" / "python"
    # What xw depends on comes from this environment; its own .pth files, and so the checkout, do not.
    packages = _run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel))
    xw = str(home / "bin" / "xw")
    where = _run(str(python), "-c", "import xw; print(xw.__file__)", cwd=project)
    assert where.startswith(str(home))
    assert "mailbox  project (made)" in _run(xw, "init", cwd=project)
    assert "delivered to project" in _run(xw, "send", "info", "--to", "project", "hello", cwd=project)
    assert "hello" in _run(xw, "check", cwd=project)
    assert "`project`" in _run(xw, "prompt", cwd=project)
    assert (project / ".xw" / "hub" / "README.md").read_text().startswith("# An xw hub")
