"""xw as users install it: a wheel of a tree, in an environment where no checkout is in sight."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

CHECKOUT = Path(__file__).parent.parent


def run(*command: str, cwd: Path = CHECKOUT) -> str:
    """Return the output of a command that must succeed, run without this process's PYTHON variables."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    ran = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def build(tree: Path, folder: Path) -> Path:
    """Return the wheel of a tree, made in `folder`."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(tree))
    (wheel,) = folder.glob("xw-*.whl")
    return wheel


def install(wheel: Path, home: Path) -> Path:
    """Install a wheel into a new environment with this one's dependencies; return its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", str(home))
    python = home / "bin" / "python"
    packages = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # This environment's own .pth files, and so the checkout, are not read from there.
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # Most modules are never imported there: those that are get compiled then.
    options = ("--quiet", "--no-deps", "--no-compile")
    run(sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel))
    return python


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled, the same for all workers of xdist: the first one fills it."""
    base = factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)  # another worker has failed to fill it
            folder.mkdir()
            make(folder)
            (folder / "whole").touch()
    return folder
