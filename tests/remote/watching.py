"""A running `xw sync --watch`, and what happens on the hub's own host meanwhile."""

import os
import subprocess
from pathlib import Path

from tests.cli.team import PATIENCE, call, until
from tests.remote.machine import Machine


class Watch:
    """A running `xw sync --watch`, and what it has said."""

    def __init__(self, machine: Machine) -> None:
        self._said = machine.folder / "said"
        self._said.touch()
        with self._said.open("ab") as out:
            self.process = machine.start("sync", "--watch", stdout=out, stderr=out)
        self.hears("connected: ")

    def said(self) -> str:
        return self._said.read_text()

    def hears(self, text: str, times: int = 1) -> None:
        """Wait until it has said something so often."""
        try:
            until(lambda: self.said().count(text) >= times)
        except AssertionError:
            raise AssertionError(f"it said only:\n{self.said()}") from None

    def end(self, limit: float = PATIENCE) -> None:
        """Ask it to end, as systemd does; it must do so well."""
        self.process.terminate()
        assert self.process.wait(limit) == 0, self.said()


def watchers(hub: Path) -> list[str]:
    """The processes of this machine that have the hub as their directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(hub):
                found.append((entry / "comm").read_text().strip())
        except OSError:
            continue  # it has ended meanwhile
    return sorted(found)


def pushes(hub: Path) -> None:
    """Wait until the hub's host pushes.

    The kernel gives a user 128 inotify instances (fs.inotify.max_user_instances). While other programs hold
    them all, inotifywait cannot start, and xw asks the hub instead: no fault, so that is waited for too.
    """
    try:
        until(lambda: "inotifywait" in watchers(hub))
    except AssertionError:
        until(lambda: _try_inotifywait(hub) == "")
        until(lambda: "inotifywait" in watchers(hub))


def _try_inotifywait(folder: Path) -> str:
    """What inotifywait says against starting; nothing where it starts."""
    with subprocess.Popen(
        ["inotifywait", "-m", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as tried:
        assert tried.stderr
        said = ""
        for line in tried.stderr:
            if "established" in line:
                tried.kill()
                return ""
            said += line
        return said


def host_send(hub: Path, place: Path, body: str, to: str) -> None:
    """Send from the hub's own host."""
    place.mkdir(exist_ok=True)
    if not (place / "xw.json").exists():
        assert call(place, "init", "--name", "dora", "--hub", str(hub)).code == 0
    assert call(place, "send", "task", body, "--to", to).code == 0
