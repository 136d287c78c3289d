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
    """Return the processes of this machine that have the hub as their directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(hub):
                found.append((entry / "comm").read_text().strip())
        except OSError:
            continue  # it has ended meanwhile
    return sorted(found)


def pushes(hub: Path) -> None:
    """Wait until the hub's host pushes; where it does not, say what inotifywait says there."""
    try:
        until(lambda: "inotifywait" in watchers(hub))
    except AssertionError:
        tried = subprocess.run(["inotifywait", "-t", "1", hub], capture_output=True, text=True, check=False)
        raise AssertionError(f"no inotifywait runs; by hand it says: {tried.stderr}") from None


def host_send(hub: Path, place: Path, body: str, to: str) -> None:
    """Send from the hub's own host."""
    place.mkdir(exist_ok=True)
    if not (place / "xw.json").exists():
        assert call(place, "init", "--name", "dora", "--hub", str(hub)).code == 0
    assert call(place, "send", "task", body, "--to", to).code == 0
