"""The running opencode that a bridge's target names: the instance's own, a process, or an address.

Called by `opencode`.
"""

from xw.bridges import opencode_servers
from xw.bridges.chat import ChatGone
from xw.bridges.kinds import AUTO
from xw.bridges.opencode_http import Server
from xw.bridges.opencode_servers import Running

SCAN_S = 15.0
"""A look at all processes takes 20 ms of CPU; for so long another program may go unnoticed."""


class Target:
    """The target as the user named it; which program that is may change with each look."""

    def __init__(self, name: str, instance: str = "", run: str = "") -> None:
        self._name = name
        self.instance = instance
        self._run = run
        self._found: Running | None = None
        self._scanned = 0.0
        self._starts: dict[str, float] = {}

    def find(self, now: float) -> tuple[str, float]:
        """Return the program's address, and when it started or 0. Raise ChatGone if none runs.

        `now` are the seconds of a steady clock.
        """
        known = self._found is not None and self._found.process.lives and now < self._scanned + SCAN_S
        if not known:
            self._found, self._scanned = self._look(), now
        if self._found is None and self._is_address:
            return self._name, 0.0
        if self._found is None:
            which = f"of {self.instance} runs" if self._name == AUTO else f"runs as process {self._name}"
            raise ChatGone(f"no opencode with a server {which}: start it as `opencode --port N`")
        return self._name if self._is_address else self._found.url, self._began(self._found)

    def is_at(self, url: str) -> bool:
        """Return True while a program has this address; the target is taken as it is if it is one."""
        return self._is_address or url in [one.url for one in opencode_servers.running()]

    @property
    def _is_address(self) -> bool:
        return self._name.startswith("http")

    def _look(self) -> Running | None:
        """Return the program that the target means, as the processes show it."""
        number = int(self._name) if self._name.isdigit() else 0
        found = opencode_servers.running(number)
        if self._is_address:
            port = Server(self._name).port
            found = [one for one in found if one.port == port]
        elif not number:
            ours = [one for one in found if one.process.is_own(self.instance, self._run)]
            found = sorted(ours, key=lambda one: not one.process.is_of_run(self._run))
        return found[0] if found else None

    def _began(self, program: Running) -> float:
        """Return when a program started: the earliest of the times that a clock which is set shows."""
        began, key = program.process.began, program.process.mark
        self._starts = {key: min(began, self._starts.get(key, began))}
        return self._starts[key]
