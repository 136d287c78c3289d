"""tmux as a library: read a pane's screen, paste into it, press a key, find panes.

Each call is one short tmux process with a time limit. Text travels over stdin
only: in an argument, a trailing `;` would make tmux run the words after it.
"""

import os
import re
import subprocess
from contextlib import suppress
from typing import NamedTuple

from xw.bridges.agent_process import name_of
from xw.bridges.chat import ChatGone, Found
from xw.bridges.foreground import Owner, State, foreground, owner
from xw.bridges.looks import look_of
from xw.bridges.profiles import GENERIC, profile_of
from xw.bridges.screen import Screen, drawn_cursor, not_ready, plain, with_cursor
from xw.errors import NotFound, TimedOut, XwError
from xw.text import visible

TIMEOUT_S = 5.0

# The title comes last: the program chooses it, and it may hold any character.
_FIELDS = (
    "pane_id", "pane_pid", "pane_tty", "pane_width", "cursor_x", "cursor_y", "cursor_flag", "alternate_on",
    "pane_in_mode", "pane_synchronized", "pane_dead", "pane_input_off", "pane_current_command", "pane_title",
)  # fmt: skip
_END = "|xw"
_FORMAT = "|".join(f"#{{{field}}}" for field in _FIELDS) + _END


_PANE_FIELDS = (
    "#{pane_id}", "#{pane_tty}", "#{pane_current_command}", "#{session_name}", "#{window_name}",
    "#{session_name}:#{window_index}.#{pane_index}", "#{pane_current_path}",
)  # fmt: skip
_BETWEEN = "|xw|"


class Pane(NamedTuple):
    """A pane of a tmux server."""

    pane: str
    tty: str
    program: str
    session: str
    window: str
    """The window's name, which need not be unique."""
    place: str
    """`session:window.pane`, both by their numbers."""
    directory: str

    @property
    def names(self) -> tuple[set[str], ...]:
        """Return the targets that mean this pane, the narrowest first; as in tmux, numbers before names."""
        numbered, _, index = self.place.rpartition(".")
        named = f"{self.session}:{self.window}"
        wide = {self.session, f"{self.session}:"}
        return {self.pane, self.place}, {f"{named}.{index}"}, {numbered}, {named}, wide


class Tmux:
    """One tmux server: the user's own, or with `server` that of `tmux -L NAME` (for a path: `-S PATH`)."""

    def __init__(self, server: str = "") -> None:
        choice = ["-S" if "/" in server else "-L", server] if server else []
        # Without -u tmux answers in the locale's encoding, and in the C locale with underscores.
        self._command = ["tmux", "-u", *choice]

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """Return the output of a tmux command. Raise ChatGone if the server or the pane does not exist."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                input=(stdin or "").encode(),
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise XwError("tmux is not installed: install it") from error
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"tmux did not answer within {TIMEOUT_S:g} s") from error
        if done.returncode:
            raise ChatGone(f"tmux: {done.stderr.decode(errors='replace').strip() or 'failed'}")
        return done.stdout.decode("utf-8", "replace")

    def look(self, pane: str) -> Screen:
        """Return the pane's screen; from one command, so that cursor and rows belong to the same moment."""
        shown = self.run(
            "display-message", "-p", "-t", pane, _FORMAT, ";", "capture-pane", "-p", "-e", "-t", pane
        )
        head, _, rest = shown.partition("\n")
        # display-message answers with empty fields for a pane that is gone.
        values = dict(zip(_FIELDS, head.split("|", len(_FIELDS) - 1), strict=False))
        if values.get("pane_id") != pane:
            raise ChatGone(f"tmux pane {pane} is gone")
        if not head.endswith(_END):
            raise ChatGone(f"tmux pane {pane}: cannot read it: its program's name has a line break")
        styled, row = rest.split("\n"), int(values["cursor_y"])
        return Screen(
            rows=tuple(plain(line) for line in styled),
            cursor_x=int(values["cursor_x"]),
            cursor_y=row,
            styled=styled[row] if row < len(styled) else "",
            title=values["pane_title"].removesuffix(_END),
            program=values["pane_current_command"],
            pid=int(values["pane_pid"]),
            tty=values["pane_tty"],
            alternate=values["alternate_on"] == "1",
            width=int(values["pane_width"]),
            obstacle=_obstacle(values),
            drawn=drawn_cursor(styled) if values["cursor_flag"] == "0" else None,
        )

    def everything(self, pane: str) -> list[str]:
        """Return all rows of the pane, scrolled-off ones first, without the terminal's own line breaks."""
        return [plain(row) for row in self.styled(pane)]

    def styled(self, pane: str) -> list[str]:
        """Return the same rows with their colours, and with their trailing blanks."""
        return self.run("capture-pane", "-p", "-e", "-J", "-S", "-", "-t", pane).split("\n")

    def paste(self, pane: str, text: str, seen: Screen | None = None) -> bool:
        """Paste a text with its newlines; bracketed if the program asked for that. Return True if it went in.

        With `seen`, paste only if the pane has not changed since then, its cursor included.
        """
        buffer = f"xw-{os.getpid()}-{pane.lstrip('%')}"
        paste = f"paste-buffer -p -r -d -b {buffer} -t {pane}"
        act = _guarded(pane, paste, seen and _state(seen, True), f"delete-buffer -b {buffer} ;")
        try:
            return _MOVED not in self.run("load-buffer", "-b", buffer, "-", ";", *act, stdin=text)
        except ChatGone:  # if the pane closes in between, the next paste by anybody would get the text
            with suppress(ChatGone, TimedOut):
                self.run("delete-buffer", "-b", buffer)
            raise

    def press(self, pane: str, key: str, seen: Screen | None = None) -> bool:
        """Press one key, by tmux's name or as a control sequence; return True if it was pressed.

        With `seen`, press it only if the same program still has the pane.
        """
        return _MOVED not in self.run(
            *_guarded(pane, f"send-keys -t {pane} {_sent(key)}", seen and _state(seen, False))
        )

    def panes(self) -> list[Pane]:
        """Return all panes of the server, once for each session that shows them; none if no server runs."""
        try:
            listing = self.run("list-panes", "-a", "-F", _BETWEEN.join(_PANE_FIELDS))
        except ChatGone:
            return []  # no server: nothing to list
        # A shorter line is the rest of a name with a line break.
        fields = (entry.split(_BETWEEN) for entry in listing.split("\n") if entry.startswith("%"))
        return [Pane(*entry) for entry in fields if len(entry) == len(_PANE_FIELDS)]

    def socket(self) -> str:
        """Return the path of the server's socket, which identifies the server."""
        return self.run("display-message", "-p", "#{socket_path}").rstrip("\n")


_MODIFIERS = {"S": 1, "M": 2, "C": 4}
_SEQUENCE = "CSI "
"""Opens a key that is given as a control sequence, such as `CSI 27;5;13~`."""


def forms(key: str) -> list[str]:
    """Return the forms of a key, by tmux's name or as control sequences; a program may read only one.

    By its defaults tmux sends nothing, or a plain Enter, for an Enter with Ctrl or Shift. Programs that tell
    these apart read them as `CSI 13;5u` (https://sw.kovidgoyal.net/kitty/keyboard-protocol/), or as
    `CSI 27;5;13~` (xterm's modifyOtherKeys).
    """
    *modifiers, name = key.split("-")
    if name != "Enter" or not {"C", "S"} & set(modifiers):
        return [key]
    number = 1 + sum(_MODIFIERS[one] for one in set(modifiers))
    return [f"{_SEQUENCE}13;{number}u", f"{_SEQUENCE}27;{number};13~"]


def _sent(key: str) -> str:
    """Return the arguments of send-keys for a key."""
    if not key.startswith(_SEQUENCE):
        return key
    sequence = "\x1b[" + key.removeprefix(_SEQUENCE)
    return "-H " + " ".join(f"{ord(sign):02x}" for sign in sequence)


_MOVED = "xw-moved"


def _guarded(pane: str, act: str, state: str | None, otherwise: str = "") -> list[str]:
    """Return a tmux command that acts on a pane; with `state`, only in that state, else it prints _MOVED.

    The server compares and acts in one step: if the program has ended since the last look, no shell can
    get its text.
    """
    if state is None:
        return act.split()
    return ["if-shell", "-F", "-t", pane, state, act, f"{otherwise} display-message -p {_MOVED}"]


def _state(seen: Screen, cursor: bool) -> str:
    """Return tmux's condition that a pane still matches this screen: program, no mode, perhaps the cursor."""
    # Characters that are special in a condition match any; the rest of the name identifies the program.
    program = re.sub(r"[^\w.+-]+", "*", seen.program, flags=re.ASCII)
    wanted, found = f"{seen.pid}|000|{program}", "#{pane_pid}|#{?pane_in_mode,1,0}"
    found += "#{?pane_synchronized,1,0}#{?pane_input_off,1,0}|#{pane_current_command}"
    if cursor:
        x, y = seen.terminal or (seen.cursor_x, seen.cursor_y)
        wanted, found = f"{x}|{y}|{wanted}", "#{cursor_x}|#{cursor_y}|" + found
    return f"#{{m:{wanted},{found}}}"


def _obstacle(values: dict[str, str]) -> str:
    if values["pane_dead"] == "1":
        return "the program in the pane has ended"
    if values["pane_in_mode"] != "0":  # a number, as modes stack
        return "somebody is scrolling in the pane"
    if values["pane_synchronized"] == "1":
        return "the pane is synchronized: text would go to all panes of the window"
    return "the pane's input is switched off" if values["pane_input_off"] == "1" else ""


def owner_of(tty: str) -> Owner:
    """Return the program that gets the text typed into this terminal."""
    found = owner(foreground(tty), lambda name: profile_of(name) is not None)
    # A wrapper's variables are not those of the program inside it.
    return found if found.state is State.WRAPPER else found._replace(agent=name_of(found.identity[0]))


def list_panes(server: str = "") -> list[Found]:
    """Return each pane with the agent program in it, and whether that could take a text now."""
    tmux = Tmux(server)
    found = []
    for pane in {pane.pane: pane for pane in tmux.panes()}.values():
        running = owner_of(pane.tty)
        where = (f"{pane.place} {pane.window}", pane.directory, running.agent)
        if running.state is State.BARRED:
            found.append(Found(pane.pane, pane.program, f"{running.kind}, not a chat program", "", *where))
            continue
        if running.state is State.UNSURE:
            found.append(Found(pane.pane, pane.program, running.kind, "", *where))
            continue
        profile = profile_of(running.name) or GENERIC
        try:
            screen = with_cursor(tmux.look(pane.pane), profile)
            state = not_ready(screen, look_of(profile, screen)) or "idle"
        except ChatGone:
            continue  # closed since the listing
        if running.state is State.WRAPPER:
            found.append(Found(pane.pane, pane.program, "a wrapper", "--option inside=PROGRAM", *where))
        elif profile is GENERIC:
            found.append(Found(pane.pane, pane.program, state, "--option profile=generic", *where))
        else:
            found.append(Found(pane.pane, profile.name, state, "", *where))
    return found


def find_target(name: str, server: str = "", agent: str = "") -> tuple[str, bool]:
    """Return the pane for a pane id, a tmux place (`work:1.0`, `work:build`), a session or a program's name.

    If several match, return the one whose program was started with `agent` as its `XW_NAME`. The second value
    is True if the name is the program's. Raise NotFound if none or several match; the error lists them.
    """
    panes = Tmux(server).panes()
    places = ([p for p in panes if name in p.names[n]] for n in range(len(panes[0].names) if panes else 0))
    placed = next((found for found in places if found), [])
    fitting = placed or [p for p in panes if _runs(p, name)]
    chosen = {p.pane for p in fitting}
    if len(chosen) > 1 and agent:
        chosen = {p.pane for p in fitting if owner_of(p.tty).agent == agent}
    if len(chosen) == 1:
        return chosen.pop(), not placed
    listed = ", ".join(map(_described, {p.pane: p for p in fitting or panes}.values()))
    problem = "no pane, session or program of that name"
    if fitting:
        problem = f"several panes match (give one, such as --target {fitting[0].pane})"
    raise NotFound(f"tmux target {name!r}: {problem}: {listed or 'no tmux server runs'}")


def _described(pane: Pane) -> str:
    agent = owner_of(pane.tty).agent
    about = [pane.place, pane.window, pane.program, pane.directory, *([f"XW_NAME={agent}"] if agent else [])]
    return visible(f"{pane.pane} ({' '.join(about)})", keep="")


def _runs(pane: Pane, name: str) -> bool:
    running = owner_of(pane.tty)
    if running.state is State.KNOWN:
        profile = profile_of(running.name)
        return name in (running.name, profile.name if profile else "")
    return running.state is State.UNKNOWN and name in (running.name, pane.program)
