"""The tmux chat: an agent program in a terminal that a person may use at the same time.

It looks before it types, types only into an empty input line, and looks again
before it presses Enter; in doubt, the message waits. `target` finds the pane and
its program, `may_type` decides whether to type there, `typed` how to write a
text; `profiles` describes the programs, `screen` reads screens, `panes` is tmux
itself. This module only orders the steps.

Options: `profile` (without it, xw recognises the program), `inside` (the program that runs inside
ssh, docker and the like), `agent` (the program's `XW_NAME`, if it is not the bridge's), `server`
(`tmux -L`), `timeout` in seconds for an answer, `first` (a row of the prompt with which the program was
started, and which comes before all mail), and those of `described`, which change the profile.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from xw.bridges import described, steady
from xw.bridges.chat import ChatFailed, ChatGone, Found, NoAnswer, NotPresented, Reply, Uncertain
from xw.bridges.foreground import reads_keys
from xw.bridges.kinds import INSIDE, Missing, check_options, seconds
from xw.bridges.may_type import Asked, NotNow, insides
from xw.bridges.own_files import OwnFiles
from xw.bridges.panes import forms, list_panes
from xw.bridges.profiles import GENERIC, PROFILES, Profile
from xw.bridges.screen import (
    Screen,
    above_input,
    answer,
    backgrounds,
    busy,
    dialog,
    empty_input,
    in_input,
    left_of_cursor,
    not_ready,
    plain,
    stands_above,
    starting,
    token_of,
    turns,
    unsent,
    with_cursor,
)
from xw.bridges.target import Target
from xw.bridges.typed import typed
from xw.bridges.undress import BOX, clocks, frame_above, shape, without_clocks
from xw.bridges.wrapped import places
from xw.errors import NotFound, Refused, TimedOut, Usage, XwError

LINE_BYTES = 4095
"""A terminal in line mode drops the rest of a longer line, though it shows it."""

ARRIVES_S = 10.0
"""A pasted text shows within this time, or something is wrong with the pane."""

LEAVES_S = 1.5
"""After Enter the input line is empty within this time, or Enter did something else."""

SURE_S = 0.5
"""A screen that stays as marked for this long has got no text since the mark."""

PRESSES = 3

PASTES = 3
"""Tries to paste into a pane that changes between the look and the paste."""

FIRST_S = 120.0
"""The prompt that a program was started with is on its screen within this time, or will never be."""

STILL_S = 3.0
"""A moving sign of work moves within this time."""

SILENT_S = 30.0
"""A program that rests this long without an answer was interrupted, or answered nothing."""

_LOOK_EVERY_S = 0.03

MOVES_S = 0.3
"""A spinner moves within this time."""

SILENT = "the program is idle and shows no answer"
LOST = "the mail has left the program's screen, so xw cannot tell its answer from others"

OTHER_KEY = "name the key that submits: --option submit=C-Enter, or another"

_NO_TEXT = "[none]"
"""A text on no screen: with it, `answer` returns the rest of an earlier turn."""


class TmuxChat:
    """The program in the pane that `target` names; if the pane is gone, the chat searches for it again.

    `profile` fixes how to read the pane; without it, xw recognises the program at each look. Once it has,
    or if the target is a program's name, no other program in that pane gets any mail.
    """

    def __init__(
        self,
        target: str,
        *,
        profile: Profile | None = None,
        inside: str = "",
        agent: str = "",
        server: str = "",
        changes: Mapping[str, Any] = {},
        launched: bool = False,
        first: str = "",
        timeout_s: float = 3600.0,
        clock: Callable[[], float] = steady.seconds,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        described = profile and profile._replace(**changes)
        chats = launched or "prompt" in changes
        self._target = Target(target, Asked(described, inside, agent=agent, chats=chats), server)
        self._tmux = self._target.tmux
        self._limit = 0
        self._read = profile or GENERIC
        """The profile of the last look."""
        self._changes = dict(changes)
        """Values of the profile that the person gave as options."""
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._first = first
        self._made = clock()
        self._form = 0
        """The form of the submit key that the program has read."""
        self._rest: tuple[str, float] = ("", 0.0)
        self._worked: dict[str, Any] = {}
        """The mark since which the program was seen at work, or the text: the answer belongs to that turn."""

    def serves(self, instance: str) -> None:
        """Note the instance; see `Personal`."""
        self._target.serves(instance)

    @property
    def _pane(self) -> str:
        return self._target.pane

    @property
    def limit(self) -> int:
        """Return the limit of the program that was there at the last look; 0 for none."""
        return self._limit

    def ready(self) -> str | None:
        """Return why the pane cannot take a text now, or None; see `Chat.ready`."""
        try:
            screen, profile = self._look()
            reason = not_ready(screen, profile, self._is_still(screen)) or self._before_first()
            return reason or self._moves(screen, profile)
        except XwError as error:
            return str(error)

    def _before_first(self) -> str | None:
        """Return why the prompt that the program was started with comes first; None once it was there.

        A program may show its empty input before it takes that prompt, and would mix up both.
        """
        waits = self._first and self._clock() - self._made < FIRST_S
        if waits and not any(self._first in row for row in self._tmux.everything(self._pane)):
            return "not ready: it has not taken the prompt yet with which it was started"
        self._first = ""
        return None

    def _moves(self, screen: Screen, profile: Profile) -> str | None:
        """Return "busy" if the screen changes by itself, except its numbers; where no other sign is known."""
        if not profile.draws_cursor:
            return None
        self._sleep(MOVES_S)
        later, _ = self._look()
        return "busy" if list(map(shape, later.rows)) != list(map(shape, screen.rows)) else None

    def mark(self) -> str:
        """Return the pane's process and digests of its screen."""
        screen, profile = self._look()
        old = answer(list(screen.rows), profile, _NO_TEXT).text
        noted = {
            "pid": screen.pid,
            "program": self._target.identity,
            "rows": _digest(screen.rows),
            "old": _digest([old]),
            "turns": _digest(turns(screen, profile)),
            **(_about(screen) if profile.draws_cursor else {}),
            "at": round(self._clock(), 3),
        }
        return json.dumps(noted)

    def present(self, mark: str, text: str) -> None:
        """Look, paste, look, press Enter, look; see `Chat.present`."""
        try:
            _, profile = self._look()
        except TimedOut as error:
            raise NotPresented(f"{self._target.name}: {error}") from error
        text = typed(text, profile)
        if profile.limit and len(text.encode()) > LINE_BYTES:
            raise Refused(f"{self._pane}: a line of {len(text.encode())} bytes would be cut at {LINE_BYTES}")
        self._paste(mark, profile, text)
        shown = self._until(lambda s: in_input(s, profile, text) is not None, ARRIVES_S)
        if shown is None:
            raise Uncertain(f"{self._pane}: the pasted text does not show; nothing was submitted")
        self._sleep(profile.pause_s)
        self._check_alone(mark, profile, text)
        self._submit(mark, profile, text)

    def seen(self, mark: str, text: str) -> bool | None:
        """Return True if the text is above the input, False if nothing changed since the mark, else None."""
        noted = json.loads(mark)
        try:
            screen, profile = self._look()
            rows = self._tmux.everything(self._pane)
        except XwError:
            return None
        if not self._target.is_same(screen, noted):
            return None
        if any(places(rows, token_of(text))):
            return None if unsent(screen, profile, text) else True
        # The program may not have drawn a text that was just submitted: only an unchanged screen is proof.
        try:
            changed = self._until(lambda s: _digest(s.rows) != noted["rows"], SURE_S)
        except Uncertain:
            return None  # the pane closed meanwhile
        return False if changed is None else None

    def capture(self, mark: str, text: str) -> Reply | None:
        """Return the rows below the text once the program rests; see `Chat.capture`."""
        noted = json.loads(mark)
        try:
            reply = self._reply(noted, text)
        except (TimedOut, NotNow):
            reply = None  # tmux is too busy to answer, or an editor has the terminal for now
        if reply is None and self._clock() - noted["at"] > self._timeout_s:
            raise NoAnswer(f"{self._target.name}: no answer within {self._timeout_s:g} s")
        return reply

    def close(self) -> None:
        """Free the pane for another bridge; the program in it is the user's."""
        self._target.close()

    def _reply(self, noted: dict[str, Any], text: str) -> Reply | None:
        screen, profile = self._look()
        if not self._target.is_same(screen, noted):
            raise ChatGone(f"{self._pane}: another program runs there now")
        still = self._is_still(screen, noted)
        if starting(screen, profile) or busy(screen, profile, still) or dialog(screen, profile):
            if not profile.animated:
                self._rest = ("", 0.0)
            if busy(screen, profile, still):
                self._worked = noted
            return None
        return self._answer(screen, profile, noted, text)

    def _answer(self, screen: Screen, profile: Profile, noted: dict[str, Any], text: str) -> Reply | None:
        styled = self._tmux.styled(self._pane)
        rows = [plain(row) for row in styled]
        if profile.line_mode and empty_input(screen, profile):
            rows = above_input(rows, screen)
        found = answer(rows, profile, text, list(backgrounds(styled)), noted.get("frame", ()))
        if not found.cut:
            self._worked = noted
        rested = self._rested(_state(screen, noted))
        if profile.line_mode and not empty_input(screen, profile):
            return None  # in line mode, the missing prompt is the only sign of work
        if found.failure and rested >= profile.settle_s:
            raise ChatFailed(found.failure, found.text)
        if not found.text or (found.cut and self._is_stale(found.text, screen, profile, noted, text)):
            if rested > (profile.settle_s if profile.line_mode and found.cut else SILENT_S):
                lost = found.cut and not found.text
                remedy = f"; start it as `{profile.remedy}`" if lost and profile.remedy else ""
                raise ChatFailed(f"{self._pane}: {LOST if lost else SILENT}{remedy}")
            return None
        if rested < profile.settle_s and (found.cut or not found.ended):
            return None
        if not found.cut:
            return Reply(found.text)
        return Reply(
            found.text, True, "the beginning scrolled off the program's screen before xw could capture it"
        )

    def _is_stale(
        self, said: str, screen: Screen, profile: Profile, noted: dict[str, Any], text: str
    ) -> bool:
        """Return True if this may be an earlier turn's answer. For a text that has left the screen."""
        if self._worked == noted:
            return False
        if noted.get("turns") not in (None, _digest(turns(screen, profile))):
            return False  # an equal answer, in another turn; an older xw's mark does not tell
        shown = answer(list(screen.rows), profile, text).text
        return noted["old"] in (_digest([said]), _digest([shown]))

    def _is_still(self, screen: Screen, noted: Mapping[str, Any] = {}) -> bool:
        return self._rested(_state(screen, noted)) > STILL_S

    def _rested(self, state: str) -> float:
        if self._rest[0] != state:
            self._rest = (state, self._clock())
        return self._clock() - self._rest[1]

    def _look(self) -> tuple[Screen, Profile]:
        """Return the pane's screen and its program's profile; see `Target.look`."""
        screen, profile = self._target.look()
        profile = profile._replace(**self._changes)
        self._limit, self._read = profile.limit, profile
        return screen, profile

    def _check_program(self, mark: str) -> Screen:
        """Return the screen. Raise ChatGone if another program, perhaps a shell, has taken the terminal."""
        screen, _ = self._look()
        if not self._target.is_same(screen, json.loads(mark)):
            raise ChatGone(f"{self._pane}: another program runs there now")
        return screen

    def _paste(self, mark: str, profile: Profile, text: str) -> None:
        for _ in range(PASTES):
            try:
                screen = self._check_program(mark)
            except (TimedOut, ChatGone) as error:
                raise NotPresented(f"{self._target.name}: {error}") from error
            reason = not_ready(screen, profile, self._is_still(screen))
            if reason:
                raise NotPresented(f"{self._pane}: {reason}")
            try:
                if self._tmux.paste(self._pane, text, screen):
                    return
            except TimedOut as error:
                raise Uncertain(f"{self._pane}: {error} while the text was pasted") from error
        raise NotPresented(f"{self._pane}: its program or its cursor changed each time before the paste")

    def _check_alone(self, mark: str, profile: Profile, text: str) -> None:
        """Raise Uncertain if somebody has typed since the last look: Enter would submit their text too."""
        try:
            screen = self._check_program(mark)
        except (TimedOut, ChatGone) as error:
            raise Uncertain(f"{error}; the text may still be in the input, not submitted") from error
        shown: Screen | None = screen
        if not _stands_in_input(screen, profile, text):  # perhaps the program just draws it again
            shown = self._until(lambda s: _stands_in_input(s, profile, text), SURE_S)
        before = in_input(shown, profile, text) if shown else None
        if before is None:
            raise Uncertain(
                f"{self._pane}: the input line went away while xw typed the text; nothing was submitted"
            )
        if not BOX.fullmatch(before) and not profile.prompt.fullmatch(before):
            raise Uncertain(
                f"{self._pane}: somebody typed at the same moment; the text is in the input, not submitted"
            )

    def _submit(self, mark: str, profile: Profile, text: str) -> None:
        keys, typed_row = forms(profile.submit), None
        for turn in range(self._form, self._form + PRESSES):
            # While somebody scrolls, tmux's mode would get the key instead of the program.
            before = self._until(lambda s: not s.obstacle, ARRIVES_S)
            if before is None:
                raise Uncertain(
                    f"{self._pane}: somebody is scrolling there; the text is in the input, not submitted"
                )
            row = left_of_cursor(before)
            typed_row = row if typed_row is None else typed_row
            # A program that took the key for text or a newline would take the next one so, too.
            if row == typed_row and not self._press(keys[turn % len(keys)], mark):
                continue  # the pane has changed since the look
            gone = partial(_left, before=before, profile=profile, text=text)
            left = self._until(gone, LEAVES_S)
            if left:
                self._check_submitted(left, profile, text)
                self._form = turn % len(keys)
                if busy(left, profile) or any(places(left.rows, token_of(text))):
                    self._worked = json.loads(mark)
                return
        raise Uncertain(
            f"{self._pane}: {profile.submit} did not submit the text in {PRESSES} tries; {OTHER_KEY}"
        )

    def _press(self, key: str, mark: str) -> bool:
        try:
            return self._tmux.press(self._pane, key, self._check_program(mark))
        except (TimedOut, ChatGone) as error:
            raise Uncertain(f"{self._pane}: {error} while submitting the text") from error

    def _check_submitted(self, left: Screen, profile: Profile, text: str) -> None:
        """Raise Uncertain if the text is still in the input, above an empty row that the submit key has made.

        A program that has submitted it may look the same. So erase one character: that row, or nothing.
        """
        if not profile.line_mode or not stands_above(left, text) or not reads_keys(left.tty):
            return
        if self._until(lambda s: not stands_above(s, text), SURE_S):
            return
        if not self._tmux.press(self._pane, "BSpace", left):
            return
        back = self._until(lambda s: unsent(s, profile, text) or not stands_above(s, text), LEAVES_S)
        if back and unsent(back, profile, text):
            raise Uncertain(
                f"{self._pane}: {profile.submit} is a newline there; the text is in the input, "
                f"not submitted: clear it, and {OTHER_KEY}"
            )

    def _until(self, condition: Callable[[Screen], bool], limit_s: float) -> Screen | None:
        deadline = time.monotonic() + limit_s
        while True:
            try:
                screen = with_cursor(self._tmux.look(self._pane), self._read)
            except ChatGone as error:
                raise Uncertain(f"{self._pane}: the pane closed while xw typed the text") from error
            if condition(screen):
                return screen
            if time.monotonic() > deadline:
                return None
            self._sleep(_LOOK_EVERY_S)


def _stands_in_input(screen: Screen, profile: Profile, text: str) -> bool:
    return in_input(screen, profile, text) is not None and unsent(screen, profile, text)


def _left(screen: Screen, before: Screen, profile: Profile, text: str) -> bool:
    """Return True if the text has left the input line, or a program that is still starting took it."""
    if starting(screen, profile):
        return True
    if profile.line_mode and before.cursor_x == before.width and screen.cursor_x == 0:
        return True  # from the end of a full row to the next one, where an unsent text may have its cursor
    if unsent(screen, profile, text):
        # Before the dialogs: the text itself may hold the words of one.
        return False
    if busy(screen, profile) or dialog(screen, profile):
        return True
    if profile.line_mode:
        # A line-mode program shows no empty prompt until it has answered: the cursor moves on.
        return (screen.rows, screen.cursor_y) != (before.rows, before.cursor_y)
    # If Enter only added a newline, the input is not empty.
    return empty_input(screen, profile)


def _about(screen: Screen) -> dict[str, list[str]]:
    """Return what to note of the screen around an empty input, for `undress`."""
    y = screen.cursor_y
    return {"frame": frame_above(screen.rows[:y]), "clocks": clocks(screen.rows, y)}


def _state(screen: Screen, noted: Mapping[str, Any]) -> str:
    """Return a digest of the screen: the same while nothing moves but a clock that moved before the text."""
    return _digest(without_clocks(screen.rows, screen.cursor_y, noted.get("clocks", ())))


def _digest(rows: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


OPTIONS = (
    "profile",
    "inside",
    "agent",
    "server",
    "prompt",
    "end",
    "lines",
    "submit",
    "pause",
    "first",
    "timeout",
    "run",
)


def open_chat(target: str, options: Mapping[str, str], state: Path) -> TmuxChat:
    """Return a chat with the pane that `target` names; see `kinds.open_chat`."""
    check_options(options, OPTIONS)
    name, inside = options.get("profile", ""), options.get("inside", "")
    if name and name not in PROFILES:
        raise Usage(f"invalid value {name!r} for option profile: use {', '.join(PROFILES)}")
    if inside and inside not in insides():
        raise Usage(f"invalid value {inside!r} for option inside: use {', '.join(insides())}")
    if not shutil.which("tmux"):
        raise NotFound("tmux: no such command: install it")
    own = OwnFiles(state)
    with suppress(OSError, ChatGone):  # only doctor reads this file: mail must not wait for it
        own.check()
        if inside:
            own.files.replace(inside.encode(), "", INSIDE)
        elif own.has(INSIDE):
            own.files.remove(INSIDE)
    return TmuxChat(
        target,
        profile=PROFILES[name] if name else None,
        inside=inside,
        agent=options.get("agent", ""),
        server=options.get("server", ""),
        changes=described.changes(options),
        launched="run" in options,
        first=options.get("first", ""),
        timeout_s=seconds(options, "timeout", 3600.0),
    )


def discover(options: Mapping[str, str]) -> list[Found]:
    """Return the panes of the user's tmux server, or of the one that the option `server` names.

    Raise Missing if tmux is not installed.
    """
    if not shutil.which("tmux"):
        raise Missing("tmux is not installed")
    return list_panes(options.get("server", ""))
