"""A small chat program for tests, with the look and the traps of real agent programs.

It looks like Claude Code (rules, `❯ `, `● `, `✻ … for 0s`) and, as the real
ones do: takes bracketed pastes, runs a text that starts with `!` and treats
one with `/` as a command, makes a new line of Enter after a `\\`, clears its
input on ^C, opens dialogs that Enter approves, shows a pale suggestion in an
empty prompt and collapses long pastes. With --lines it is a program that reads
lines from a terminal in line mode.

Everything that happens to it is a JSON line in --log: {"submitted": …},
{"executed": …}, {"command": …}, {"approved": …}, {"key": …}. Directives in a
text: `lines:N` answers N lines, `delay:S` works for S seconds, `until:PATH` until there is such a
file, `took:S` says that it worked so long, `ask` opens a permission dialog first, `tool` uses a
tool before it answers, `silent` answers nothing, `say:A|B` answers these lines, and `raw:A|B` draws
these rows as they are, as an error or an interruption is drawn (`_` is a blank in both).
"""

import argparse
import json
import os
import re
import select
import sys
import termios
import time
import tty
import unicodedata

RULE = "─" * 60
PALE = '\x1b[7mT\x1b[0m\x1b[2mry "explain this"\x1b[0m'


def log(**record: str) -> None:
    with open(OPTIONS.log, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrapped(text: str, columns: int) -> list[str]:
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for char in line.expandtabs(4):
            if used + width(char) > columns:
                rows.append(row)
                row, used = "", 0
            row, used = row + char, used + width(char)
        rows.append(row)
    return rows


def answer_to(text: str) -> list[str]:
    count = re.search(r"lines:(\d+)", text)
    if count:
        return [f"line {n} of {count[1]}" for n in range(1, int(count[1]) + 1)]
    said = re.search(r"say:(\S+)", text)
    if said:
        return said[1].replace("_", " ").split("|")
    if "silent" in text:
        return []
    return [f"heard {len(text)} characters", "", "that is all"]


class Agent:
    def __init__(self) -> None:
        self.typed = ""  # the input line
        self.transcript: list[str] = []
        self.live = 0  # rows of the live region on the screen
        self.pasting: str | None = None
        self.busy_until = 0.0
        self.dialog = False
        self.todo = ""

    # -- keys

    def feed(self, data: str) -> None:
        while data:
            if self.pasting is not None:
                end = data.find("\x1b[201~")
                self.pasting += data if end < 0 else data[:end]
                data = "" if end < 0 else data[end + 6 :]
                if end >= 0:
                    self.typed += self.pasting
                    self.pasting = None
            elif data.startswith(CTRL_ENTER):
                if self.typed:
                    self.submit()
                data = data[len(CTRL_ENTER) :]
            elif data.startswith("\x1b[200~"):
                self.pasting, data = "", data[6:]
            elif sequence := re.match(r"\x1b\[[0-9;]+[u~]", data):
                log(unknown=sequence[0][1:])
                self.typed += OPTIONS.naive * sequence[0][1:]
                data = data[sequence.end() :]
            else:
                self.key(data[0])
                data = data[1:]
        self.draw()

    def key(self, key: str) -> None:
        if self.dialog:
            if key in "\r1":
                log(approved=self.todo)
                self.dialog = False
                self.work()
            return
        if key == "\r":
            if OPTIONS.deaf > 0:
                OPTIONS.deaf -= 1
            elif OPTIONS.newline:
                self.typed += "\n"
            elif self.typed.endswith("\\"):
                self.typed = self.typed[:-1] + "\n"
            elif self.typed:
                self.submit()
        elif key == "\x7f":
            self.typed = self.typed[:-1]
        elif key == "\x03":
            log(key="^C")
            self.typed = ""
        elif key == "\x04" and not self.typed:
            raise SystemExit(0)
        elif key < " " and key not in "\n\t":
            log(key=f"^{chr(ord(key) + 64)}")
        else:
            self.typed += key

    def submit(self) -> None:
        text, self.typed = self.typed, ""
        if text.startswith("!"):
            log(executed=text[1:])
        elif text.startswith("/"):
            log(command=text)
        else:
            log(submitted=text)
            self.echo(text)
            self.todo = text
            if "ask" in text.split():
                self.dialog = True
            else:
                self.work()

    def work(self) -> None:
        delay = re.search(r"delay:([\d.]+)", self.todo)
        gate = re.search(r"until:(\S+)", self.todo)
        self.gate = gate[1] if gate else ""
        self.busy_until = time.monotonic() + (float(delay[1]) if delay else 0.0)
        self.working = True
        if not delay and not gate:
            self.finish()

    def finish(self) -> None:
        self.working = False
        if "tool" in self.todo.split():
            self.transcript += ["● Bash(ls)", "  ⎿  a.txt", ""]
        rows = answer_to(self.todo)
        raw = re.search(r"raw:(\S+)", self.todo)
        if raw:
            self.transcript += [*raw[1].replace("_", " ").split("|"), ""]
        elif rows:
            self.transcript += ["● " + rows[0], *(f"  {row}".rstrip() for row in rows[1:]), ""]
            took = re.search(r"took:(\d+)", self.todo)
            self.transcript += [f"✻ Pondered for {took[1] if took else 0}s · done 5:50 AM", ""]

    working = False
    gate = ""

    # -- screen

    def echo(self, text: str) -> None:
        rows = wrapped(text, os.get_terminal_size(0).columns - 3)
        self.transcript += ["", "❯ " + rows[0], *("  " + row for row in rows[1:]), ""]

    def prompt_rows(self) -> tuple[list[str], int]:
        if self.dialog:
            return ["Do you want to proceed?", "❯ 1. Yes", "  2. No"], 0
        text = self.typed
        if text.count("\n") > 6 or len(text) > 400:
            text = f"[Pasted text #1 +{text.count(chr(10))} lines]"
        rows = wrapped(text, os.get_terminal_size(0).columns - 3)
        shown = ["❯\xa0" + rows[0], *("  " + row for row in rows[1:])]
        column = 2 + sum(map(width, rows[-1]))
        if not text and OPTIONS.ghost:
            shown[0] += PALE
        return shown, column

    def draw(self) -> None:
        shown, column = self.prompt_rows()
        status = "  auto mode on" + (" · esc to interrupt" if self.working else "")
        live = [RULE, *shown, RULE, status]
        out = ["\x1b[?25l"]
        if OPTIONS.alt:
            size = os.get_terminal_size(0)
            rows = self.transcript[-(size.lines - len(live)) :]
            out.append("\x1b[H\x1b[2J" + "\r\n".join([*rows, *live]))
        else:
            out.append((f"\x1b[{self.live}A" if self.live else "") + "\r\x1b[J")
            out.append("".join(row + "\r\n" for row in self.transcript) + "\r\n".join(live))
            self.transcript = []
        # The cursor stands behind the typed text, two rows above the last.
        out.append(f"\x1b[2A\r\x1b[{column}C")
        self.live = len(live) - 3
        title = "◐ fake" if self.working else "✳ fake"
        out.append(f"\x1b]2;{title}\x07")
        sys.stdout.write("".join(out))
        sys.stdout.flush()

    def run(self) -> None:
        sys.stdout.write(("\x1b[?1049h" if OPTIONS.alt else "") + "\x1b[?2004h")
        self.draw()
        while True:
            left = max(0.0, self.busy_until - time.monotonic()) if self.working else None
            if self.gate and not os.path.exists(self.gate):
                left = 0.02
            if select.select([0], [], [], left)[0]:
                data = os.read(0, 65536)
                while select.select([0], [], [], 0.002)[0]:
                    data += os.read(0, 65536)
                if not data:
                    return
                self.feed(data.decode("utf-8", "replace"))
            elif self.working and (not self.gate or os.path.exists(self.gate)):
                self.finish()
                self.draw()


def in_lines() -> None:
    """A program in line mode: each line is a text, answered in lines of no particular form."""
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        text = sys.stdin.readline()
        if not text:
            return
        text = text.removesuffix("\n")
        if text.startswith(("!", "/")):
            log(executed=text)
            continue
        log(submitted=text)
        delay = re.search(r"delay:([\d.]+)", text)
        for row in answer_to(text):
            sys.stdout.write(row + "\n")
            sys.stdout.flush()
            time.sleep(float(delay[1]) if delay else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", required=True)
    parser.add_argument("--alt", action="store_true", help="use the alternate screen")
    parser.add_argument("--lines", action="store_true", help="read lines, in line mode")
    parser.add_argument("--ghost", action="store_true", help="a pale suggestion in the empty prompt")
    parser.add_argument("--newline", action="store_true", help="Enter is a newline, Ctrl+Enter submits")
    parser.add_argument("--deaf", type=int, default=0, help="miss that many Enters")
    parser.add_argument("--ctrl", default="[13;5u", help="how it reads Ctrl+Enter")
    parser.add_argument("--naive", action="store_true", help="take an unknown sequence for text")
    OPTIONS = parser.parse_args()
    CTRL_ENTER = f"\x1b{OPTIONS.ctrl}"
    if OPTIONS.lines:
        in_lines()
    else:
        before = termios.tcgetattr(0)
        try:
            tty.setraw(0)
            Agent().run()
        finally:
            termios.tcsetattr(0, termios.TCSANOW, before)
