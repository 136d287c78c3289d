"""The looks of agent programs in a terminal, as data: one table, one row per program.

`screen.py` reads screens by these rows and knows no program by name. Observed with
Claude Code 2.1.332, Codex 0.171, Gemini CLI 0.61, opencode 1.18, pi 1.6, Qwen Code
0.24 and llm 0.36 under tmux 3.3a; `tests/bridges/screens/` holds their screens.
`looks.py` has the other looks of these programs.

In all of them the cursor stands at the start of an empty input, before the pale
suggestion that some show there, so the text left of it tells whether somebody has
typed. All of them print the pasted text in full once it is submitted, so the
frame's last line marks the beginning of the answer.
"""

import re
from typing import NamedTuple

NEVER = re.compile(r"(?!)")


def _row(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


class Profile(NamedTuple):
    """One program: how to recognise, read and write to it. xw searches for each pattern within a row."""

    name: str
    programs: tuple[str, ...]
    """Base names of the program's file, or of the script that an interpreter runs."""
    prompt: re.Pattern[str]
    """The whole text left of the cursor in an empty input (fullmatch)."""
    above: re.Pattern[str] = _row("")
    """The row above an empty input; tells the second row of a half-typed text from an empty one."""
    starting: re.Pattern[str] = NEVER
    """Anywhere on the screen, across line breaks, while the program shows its input line but does not read
    it yet, or holds back the submitted text."""
    busy: re.Pattern[str] = NEVER
    """While the program works, in a row where it draws its state: below the cursor, or near the `floor`."""
    floor: re.Pattern[str] = NEVER
    """The upper edge of the input (the nearest such row at or above the cursor), if the state is there."""
    reach: int = 0
    """Rows above the floor in which the program may draw its state; never above an answer's `end`."""
    busy_title: re.Pattern[str] = NEVER
    ready_title: re.Pattern[str] = NEVER
    """A title that shows that the program does not work, whatever its rows show."""
    animated: bool = False
    """True if the sign of work moves: one that stands still belongs to an answer."""
    dialog: re.Pattern[str] = NEVER
    """In one of the last `dialog_rows` rows while the program waits for a person's decision."""
    dialog_title: re.Pattern[str] = NEVER
    dialog_rows: int = 14
    asks: re.Pattern[str] = NEVER
    """Left of the cursor in a question: text typed there would answer it."""
    furniture: tuple[re.Pattern[str], ...] = ()
    """Below the cursor while the program waits or works, each in some row: no shell's prompt has these."""
    collapsed: re.Pattern[str] = NEVER
    """Stands in the input for a long text."""
    end: re.Pattern[str] = NEVER
    """The row below a finished answer; nothing more comes after it."""
    chrome: re.Pattern[str] = NEVER
    """The first row below the answer that belongs to the program: rules, the input, the next turn."""
    turn: re.Pattern[str] = NEVER
    """In exactly one row of each turn, the waiting input included. If a program has no such row, rows
    without the presented text may belong to any turn."""
    broken: re.Pattern[str] = NEVER
    """The program's own row, unlike any of an answer, that reports an interrupted or failed turn."""
    error: re.Pattern[str] = NEVER
    """Opens an error that is drawn like an answer."""
    shaded: bool = False
    """True if the program draws people's prompts on a background, which tells them from its own words."""
    last_words: re.Pattern[str] = NEVER
    """Searched in the whole answer: its only group with a text is an error or interruption at its end."""
    bullet: str = ""
    """Opens each block of an answer; the blocks' other rows have the same indent."""
    hang: int = -1
    """Indent of a block's other rows, if it is not the bullet's width."""
    tool: re.Pattern[str] = NEVER
    """Marks its block as a tool's, not the answer's."""
    aside: re.Pattern[str] = NEVER
    """Opens a block that is not the answer's, where the program gives that one another sign."""
    redraws: bool = False
    """True if the unfinished form of a block may stay above the finished one."""
    repeats: bool = False
    """True if the program shows an error like an answer, and again below the `end` row."""
    remedy: str = ""
    """How a person starts the program so that a long answer stays readable."""
    indent: int = 0
    line_mode: bool = False
    """True if the program reads lines: it shows a text once, and its empty prompt only after its answer."""
    one_line: bool = False
    """True if the program takes each newline for Enter: xw types a visible character instead."""
    draws_cursor: bool = False
    """True if the program may hide the terminal's cursor, and draw one where a person types."""
    limit: int = 0
    """The longest text in bytes; 0 = any. Programs take pastes of hundreds of kilobytes."""
    signs: tuple[tuple[str, str], ...] = ()
    """Characters that the program would not take as text, each with the one to type instead."""
    submit: str = "Enter"
    pause_s: float = 0.15
    """Pause between the paste and the submit key."""
    settle_s: float = 1.0
    """An answer without an end mark is finished once the screen rests this long."""


_SPINNER = "[\u2801-\u28ff]"
_RULE = "─{20}"

CLAUDE = Profile(
    "claude",
    programs=("claude", "claude-code"),
    prompt=_row(r"[❯>]\s?"),
    above=_row(_RULE),
    busy=_row(r"esc to interrupt"),
    busy_title=_row(r"^[◐◑]"),
    dialog=_row(
        r"Do you want to |^\s*❯ (1\. Yes|(\d\. )?(No, exit|Yes, I trust))|Esc to cancel|Enter to confirm"
    ),
    furniture=(
        _row("^" + _RULE),
        _row(r"^  .*( mode on\b|shift\+tab to cycle|\? for shortcuts|esc to interrupt)"),
    ),
    collapsed=_row(r"\[Pasted text #\d+[^]]*\]"),
    end=_row(r"^✻ \S+ for .*\d"),
    chrome=_row("^" + _RULE + r"|^❯ |^\s{20,}.*(· /effort|tmux focus-events)"),
    turn=_row(r"^❯"),
    broken=_row(r"^  ⎿ \s*(Interrupted( by user|\s*·|$)|API Error)"),
    error=_row(r"API Error(:| \()(?!\s?\d{3}\s(is|was|means?|says?|said)\b)"),
    bullet="● ",
    tool=_row(r"^  ⎿"),
)

CODEX = Profile(
    "codex",
    programs=("codex",),
    prompt=_row(r"›\s?"),
    above=_row(r"^\s*$"),
    # For some seconds it draws its input line and reads nothing, then for some more it only queues.
    # The first one only before the first turn, for an answer may quote it.
    starting=_row(
        r"\A(?!(?s:.*)\n  Worked for )(?s:.*)>_ OpenAI Codex .*\n +loading *(\n|$)"
        r"|\n +Waiting for startup +· esc cancel\s*\Z"
    ),
    busy=_row(r"^[•◦] .*\((\d+[hms] ?)+• esc to interrupt\)"),
    busy_title=_row("^" + _SPINNER),
    floor=_row("^› "),
    reach=10,
    animated=True,
    dialog=_row(r"Press enter to confirm|Would you like to |^› 1\. "),
    dialog_title=_row(r"Action Required"),
    furniture=(
        _row(r"^  .* · [~/]|\d% (context )?left"),
        _row(r"^  .*(for shortcuts|for agents|esc to interrupt)"),
    ),
    collapsed=_row(r"\[Pasted Content \d+[^]]*\]"),
    end=_row(r"^  Worked for .*\d"),
    chrome=_row(r"^› |^  └ Tip: |^" + _RULE),
    turn=_row(r"^›"),
    broken=_row(r"^■ "),
    bullet="• ",
    tool=_row(r"^  └(?! Tip:)"),
    pause_s=0.3,
)

GEMINI = Profile(
    "gemini",
    programs=("gemini",),
    # `*` if it runs tools without asking (--yolo); `!` would be its shell.
    prompt=_row(r" [>*] ?"),
    above=_row(r"^\s*$|[▀▄]{20}"),  # ▄ inside tmux, which it knows by $TMUX
    busy=_row(r"^ ?" + _SPINNER + r" .*\(esc to cancel"),
    busy_title=_row(r"^[✦⏲]"),
    ready_title=_row(r"^◇"),
    floor=_row("^" + _RULE),
    reach=6,
    animated=True,
    dialog=_row(r"Allow execution|Action Required|│ ● 1\. |Apply this change|Do you want to proceed"),
    dialog_title=_row(r"^✋|Action Required"),
    furniture=(_row(r"\bsandbox\b"), _row(r" /model\b|\(\d+% context left\)")),
    collapsed=_row(r"\[Pasted Text: \d+[^]]*\]"),
    chrome=_row(r"^\s{40,}\? for shortcuts|^ Press Ctrl\+O |^" + _RULE + r"|^ [>*] |^▄{20}"),
    turn=_row(r"^ [>*]( |$)"),
    broken=_row(r"^ ?([✕✖] |ℹ Request cancelled)"),
    bullet="✦ ",
    tool=_row(r"^[╭│╰]"),
    pause_s=0.5,
)

QWEN = Profile(
    "qwen",
    programs=("qwen",),
    prompt=_row(r"[>*]\s?"),
    above=_row(_RULE),
    busy=_row(r"^  \S+ .*\(.*\d[hms] · esc to cancel\)"),
    busy_title=_row(r"^[◐◑◒◓]"),
    ready_title=_row(r"^Qwen -"),
    floor=_row("^" + _RULE),
    reach=6,
    dialog=_row(r"Waiting for user confirmation|Allow execution of|^\s+› 1\. |Apply this change"),
    dialog_title=_row(r"^✳"),
    furniture=(_row("^" + _RULE), _row(r"^  .*(to cycle\)|for shortcuts)")),
    collapsed=_row(r"\[Pasted Content \d+[^]]*\]"),
    chrome=_row("^" + _RULE + r"|^  [>*] "),
    turn=_row(r"^(  )?[>*] "),
    broken=_row(r"^  ✕ |^  \S+ Request cancelled"),
    bullet="  ◆\ufe0e ",
    hang=4,
    aside=_row(r"^  \S"),
    pause_s=0.5,
)

OPENCODE = Profile(
    "opencode",
    programs=("opencode",),
    prompt=_row(r"\s*┃\s{1,2}"),
    above=_row(r"^\s*┃\s*$"),
    busy=_row(r"esc (again to )?interrupt"),
    dialog=_row(r"Permission required|Allow once|Allow always"),
    furniture=(_row(r"^\s*╹▀{5}"), _row(r"ctrl\+p commands")),
    collapsed=_row(r"\[Pasted ~?\d+[^]]*\]"),
    end=_row(r"^\s+▣ .*·.*\d(ms|s|m|h)\s*$"),
    chrome=_row(r"^\s+▣ |^\s*╹▀{5}"),
    turn=_row(r"^\s+▣ "),
    broken=_row(r"^\s+▣ .* · interrupted$"),
    tool=_row(r"^\s*┃"),
    indent=5,
)

PI = Profile(
    "pi",
    programs=("pi",),
    prompt=_row(r""),
    above=_row(_RULE),
    # In its own row, and from 1.6 on in the rule above the input.
    busy=_row(r"^\s*" + _SPINNER + r" \S|^─+ " + _SPINNER + " "),
    floor=_row("^" + _RULE + "|^─+ " + _SPINNER + " "),
    reach=2,
    animated=True,
    shaded=True,
    furniture=(_row("^" + _RULE), _row(r"^↑\S+ ↓\S+.*%/")),
    collapsed=_row(r"\[paste #\d+[^]]*\]"),
    chrome=_row("^" + _RULE + "|^─+ " + _SPINNER + " "),
    last_words=_row(r"(?:^|\n\n)(Operation aborted)$"),
    indent=1,
    # From 1.6 on it has the alternate screen, and no mark of its turns.
    remedy="pi --tui-mode regular",
)

LLM = Profile(
    "llm",
    programs=("llm",),
    prompt=_row(r"> ?"),
    chrome=_row(r"^> ?$"),
    error=_row(r"Error: "),
    line_mode=True,
    one_line=True,
    # It binds the backslash to a cursor movement (`readline.parse_and_bind("\\e[C: forward-char")`).
    signs=(("\\", "＼"),),
    settle_s=0.5,
)

_CALLS = r"(?:you|me|human|prompt|chat|ask|message|query|question|say)\s?:\s?"
"""Prompts that end in a colon and ask only for a text."""

_ASKED = (
    "password|passphrase|passcode|passwd|pin|otp|user ?name|login|e-?mail|token|secret|api.?key|file|path"
    "|port|host|url|branch|directory|folder|overwrite|continue|proceed|confirm|delete|remove|replace|retry|abort"
    "|are you sure|press|enter|select|cho(os|ic)e"
)
"""Words of a question; text typed behind them would answer it."""

_FOREIGN = (
    r"(\w@\w|\b(PS|mysql|mariadb|sqlite|\w*sql|cqlsh|postgres|redis|mongo|irb|pry|s?ftp|gdb|i?pdb|iex|ghci"
    r"|prelude|julia|scala|php|jshell|nix-repl|octave|hive|telnet|msf\d*|meterpreter)\b.*>|=[>#]|DB<)"
)
"""Prompts of shells and REPLs, in case one runs where no process shows it."""

GENERIC = Profile(
    "generic",
    programs=(),
    # `> `, `bot>>> `, `❯ `, `you: `; no prompt for a name, a password or a file.
    prompt=_row(rf"(?!.*{_FOREIGN})\s*(\S[^>:❯›$#»]{{0,24}})?[>❯›»]{{1,3}}\s?|(?i:{_CALLS})"),
    asks=_row(
        rf"(?i)^(?!{_CALLS}$).*:\s*$|^\s*[?¿◆◇]\s|[?]\W*$|[\[(](y|yes|n|no)\b.*[\])]|\by(es)?\s?(/|or)\s?no?\b|\b({_ASKED})\b"
    ),
    # A question may have its prompt in the next row.
    above=_row(
        r"(?i)^(?!.*([\[(](y(es)?/no?|no?/y(es)?)\b.*[\])]\W*$|\b(password|username|passphrase)\s*:\s*$))"
    ),
    busy=_row(r"esc to (interrupt|cancel)|^\s*" + _SPINNER + r" \S"),
    last_words=_row(
        r"(?m)^(Ran into this error: (?:.*\n)+?)\s*Please retry if "
        # A Python console, if the person took it for a chat program.
        r'|\A *File "<\w+>", line \d+\n(?:.*\n)*(SyntaxError: .*)\Z'
    ),
    dialog=_row(r"\[[yY]/[nN]\]|\([yY]/[nN]\)|\(yes/no\)|Do you want to |Allow |Enter to confirm|Password:"),
    dialog_rows=4,
    draws_cursor=True,
    line_mode=True,
    one_line=True,
    # A terminal in line mode takes LINE_BYTES, and the sign for a newline needs five bytes.
    limit=3600,
    settle_s=3.0,
)

PROFILES: dict[str, Profile] = {p.name: p for p in (CLAUDE, CODEX, GEMINI, QWEN, OPENCODE, PI, LLM, GENERIC)}

NAMES = {program: profile for profile in PROFILES.values() for program in profile.programs}


def profile_of(name: str) -> Profile | None:
    """Return the profile of the program with this name; None if there is none."""
    return NAMES.get(name)
