"""A git repository, driven by the real git; `xw` runs in any of its folders."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.team import PATIENCE, XW, Result, call

_WHO = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
for _role in ("AUTHOR", "COMMITTER"):
    _WHO |= {f"GIT_{_role}_NAME": "a", f"GIT_{_role}_EMAIL": "a@example.org"}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; what it printed."""
    environ = {**os.environ, **_WHO}
    ran = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran
    return ran.stdout


def run(folder: Path, *arguments: str, by: str | None = None, **environ: str) -> Result:
    """Run `xw` in a folder, as `by`."""
    return call(folder, *arguments, environ={**environ, **({"XW_NAME": by} if by else {})})


def ok(folder: Path, *arguments: str, by: str | None = None) -> str:
    """Run `xw` in a folder, with exit 0 and nothing on stderr; what it printed."""
    result = run(folder, *arguments, by=by)
    assert (result.code, result.err) == (0, ""), result
    return result.out


def confined(main: Path, linked: Path, *arguments: str, by: str) -> Result:
    """Run `xw` in `linked`, where all of `main` is read-only."""
    script = f'mount --bind {main} {main} && mount -o remount,bind,ro {main} && exec "$@"'
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", XW, *arguments],
        cwd=linked, env={**os.environ, "XW_NAME": by}, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    return Result(ran.returncode, ran.stdout, ran.stderr)


def init(folder: Path, *names: str) -> None:
    """Make mailboxes from a folder."""
    for name in names:
        ok(folder, "init", "--name", name)


def instances(folder: Path) -> Any:
    """Return the instances that a folder's xw.json names."""
    return json.loads((folder / "xw.json").read_text())["instances"]


def hubs(folder: Path) -> list[str]:
    """Return the hubs below a folder."""
    return sorted(str(found.parent.relative_to(folder)) for found in folder.rglob("hub.json"))


class Repository:
    """The main worktree is `folder`, its linked worktree `linked`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.linked = folder.with_name("linked")
        self.hub = folder / ".xw" / "hub"

    def git(self, *arguments: str) -> str:
        """Run git in the main worktree."""
        return git(self.folder, *arguments)

    def commit(self, *paths: str) -> None:
        """Commit these, by force, and what is in the index already."""
        if paths:
            self.git("add", "-f", *paths)
        self.git("commit", "-q", "-m", "x")
