"""The pane that a tmux bridge's target names: find it, find it again when it is gone, check it at each look.

`may_type` decides which program gets mail. `Target` remembers the program recognised before, because only
that program may get mail in the same pane later. Called by `tmux`.
"""

from collections.abc import Mapping
from typing import Any

from xw.bridges.chat import ChatGone
from xw.bridges.foreground import Owner, State
from xw.bridges.looks import look_of
from xw.bridges.may_type import Asked, NotNow, choose
from xw.bridges.pane_lock import PaneLock
from xw.bridges.panes import Tmux, find_target, owner_of
from xw.bridges.profiles import Profile, profile_of
from xw.bridges.screen import Screen, with_cursor
from xw.errors import NotFound


class Target:
    """The target as the user named it, and the pane where it was last found."""

    def __init__(self, name: str, asked: Asked, server: str = "") -> None:
        self.name = name
        self.tmux = Tmux(server)
        self.pane = ""
        """Empty until the target is found, and after it is gone."""
        self.identity: list[Any] = []
        """Pid and start of the program that owned the terminal at the last look."""
        self._lock = PaneLock()
        self._socket = ""
        self._server = server
        self._asked = asked
        self._shown: tuple[list[Any], Profile | None] = ([], None)
        """A process, and the look in which it was seen last."""
        self._bound = ("", "")
        """The pane in which a program was recognised, and that program."""

    def serves(self, instance: str) -> None:
        """Note whose mail goes in: no other instance's program gets it, and no other bridge the pane."""
        self._lock.holder = f"{instance}'s bridge"
        if not self._asked.agent:
            self._asked = self._asked._replace(agent=instance)

    def look(self) -> tuple[Screen, Profile]:
        """Return the pane's screen, and the profile of its program; hold the pane's lock from then on.

        Raise ChatGone if xw may type nothing there, NotNow if that may pass. After a ChatGone the next look
        searches for the target again.
        """
        pane, self.pane = self.pane, ""
        try:
            return self._look(pane or self._find())
        except NotNow:
            raise  # it may pass: the pane stays this bridge's
        except ChatGone:
            self._lock.free()
            raise

    def close(self) -> None:
        """Free the pane for another bridge."""
        self._lock.free()

    def _look(self, pane: str) -> tuple[Screen, Profile]:
        screen = self.tmux.look(pane)
        found = owner_of(screen.tty)
        try:
            profile = self._choose(pane, found, screen)
            if self._lock.holder:
                self._socket = self._socket or self.tmux.socket()
                self._lock.take(self._socket, pane)
        except NotNow as error:
            self.pane = pane
            raise NotNow(f"{pane}: {error}") from error
        except ChatGone as error:
            raise ChatGone(f"{pane}: {error}") from error
        self.pane = pane
        self.identity = list(found.identity)
        if found.state is State.KNOWN:
            profile = look_of(profile, screen, self._shown[1] if self._shown[0] == self.identity else None)
            self._shown = (self.identity, profile)
        return with_cursor(screen, profile), profile

    def is_same(self, screen: Screen, noted: Mapping[str, Any]) -> bool:
        """Return True if the mark's program still runs. An older xw's mark has only the pane's process."""
        return bool(screen.pid == noted["pid"] and noted.get("program", self.identity) == self.identity)

    def _find(self) -> str:
        try:
            pane, by_name = find_target(self.name, self._server, self._asked.agent)
        except NotFound as error:
            raise ChatGone(str(error)) from error
        self._asked = self._asked._replace(program=self._program_named(by_name))
        return pane

    def _program_named(self, by_name: bool) -> str:
        """Return the program that the target names; a session with an agent's name also means that agent."""
        profile = profile_of(self.name)
        if profile is None:
            return self.name if by_name else ""
        wanted = self._asked.profile
        return profile.name if by_name or wanted is None or wanted.name == profile.name else ""

    def _choose(self, pane: str, found: Owner, screen: Screen) -> Profile:
        asked = self._asked
        if not asked.program and self._bound[0] == pane:
            asked = asked._replace(program=self._bound[1])
        profile = choose(found, asked, screen)
        known = profile_of(found.name)
        if found.state is State.KNOWN and known:
            self._bound = (pane, known.name)
        return profile
