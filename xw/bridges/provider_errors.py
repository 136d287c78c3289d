"""Recognise the errors that known agent programs print as an answer when their model's provider fails.

Such a program still ends with exit status 0, or a normal stop reason. Only a short text that begins with a
known mark is an error, because an answer may mention errors. Marks belong to programs; any output of an
unknown program is its answer. `error_in` serves the command, acp and socket chats; `PROVIDER_ERROR` serves
the reading of screens, where a profile has its program's own marks and a provider's error stands alone.
"""

import os
import re
import shlex
from collections.abc import Iterable, Sequence

from xw.bridges.command_lines import Kind, read

_LONGEST = 2000
"""Characters of the longest error: a status, and the provider's JSON."""

_END = r"\s*([·∙|.!]|$)"
"""Ends a mark that must be the whole sentence."""

_LIMIT = (
    r"You['’]ve (hit|reached) your (\w+ ){0,2}limit\b(?! of\b)"
    r"|You['’](ve hit|ve reached) your org['’]s .{0,40}limit|You['’]re out of (extra )?(usage|credits)"
    r"|You have (hit|reached|exceeded) your .{0,40}(limit|quota)"
)
_CLAUDE = (
    rf"API Error\b.{{0,3}}[:(]|(Claude (AI )?usage|5-hour|Session|Usage|(\w+ )?[Ww]eekly) limit reached{_END}"
    rf"|(Credit balance (is )?too low|Invalid API key|Not logged in|Please run /login){_END}"
    r"|OAuth token (has )?(expired|(been )?revoked)|OAuth authentication is currently not"
)
_GEMINI = r"\[API Error: |Error when talking to \S+ API|Quota exceeded for"
_CODEX = (
    r"ERROR: (?=[^\n]{0,200}?(limit|quota|credit|\b[45]\d\d\b|stream|status|exceeded|unauthori|overloaded))"
    r"|(stream|unexpected) (error|status)\b"
)
_ERROR = r"Error: "
_GOOSE = r"Ran into this error: |Error: "

_SENTENCE = r"\W*\d*\W*\b(is|was|means?|says?)\b"
"""Follows a mark in a sentence about an error."""

_HINT = (
    r"(/|\(|[{]|\"|https?:|[Pp]lease |[Tt]ry |[Rr]etry|[Rr]un |[Ss]ee |[Uu]pgrade|To |This is a |[Rr]equest)"
)
"""Begins a paragraph that a program adds to an error; any other paragraph makes the text an answer."""

_MARKS = {
    "claude": _CLAUDE,
    "claude-agent-acp": _CLAUDE,
    "claude-code-acp": _CLAUDE,
    "codex": _CODEX,
    "codex-acp": _CODEX,
    "gemini": f"{_GEMINI}|API Error: ",
    "qwen": f"{_GEMINI}|API Error: ",
    "opencode": _ERROR,
    "pi": _ERROR,
    "goose": _GOOSE,
    "wibwob": f"{_CLAUDE}|{_ERROR}",
}


PROVIDER_ERROR = re.compile(
    r"""(?ix) \W* (?:
      (?: (?:api|http|request|provider|model|server) \s )? error \W{1,3} (?:code \W{1,3})? [45]\d\d \b
    | [45]\d\d \W{1,3} (?: [{] | too\ many\ requests | overloaded
        | (?: bad\ request | unauthorized | forbidden | internal\ server\ error | service\ unavailable )
          \W+ \w )
    | you (?:['’]ve|\ have) \ (?:hit|reached|exceeded) \ (?:your|the) \b .{0,40}? \b (?:limit|quota) s?
    | you (?:['’]re|\ are) \ out\ of \ (?:\w+\ )? (?:usage|credits)
    | overloaded (?: _error | [.]? $ | :\ ) | ran\ into\ this\ error:
    | (?:
      (?:[\w-]+\ ){0,3} [\w-]* (?:usage|rate|session|hour|weekly|daily|request|token) \ limit
      \ (?:reached|exceeded|hit)
    | quota\ exceeded | (?:credit|account) \ balance \ is \ too \ low
    | (?:\w+\.)* \w* (?:rate_?limit|overloaded|api_?status|apiconnection|badrequest|authentication
      |internalserver) _?error\b
    | invalid\ api\ key | (?:oauth|api) \ (?:token|key) \ (?:has\ )? (?:expired|been\ revoked)
    | resource_?exhausted | insufficient_quota | stream\ (?:error|disconnected)
      ) (?= \s* (?: $ | [.] (?:\s|$) | [:,;·∙|!({\[] | [-–—]\s | provided | supplied | before\ completion
        | please | try\ again | to\ access | for\ (?: quota | metric | model | requests | \S*[\d.]\S* ) ) )
    )
    (?! \W?\s+ (?:is|was|are|were|means?|says?|said|indicates?|errors?|of|by|when|if|would|should|can|comes?
      |happens?) \b)
    """
)
"""Begins a provider's own error in any program; does not match a sentence about one."""


def error_in(program: Sequence[str], text: str) -> str | None:
    """Return the line in which this program reports a provider's error; None if `text` is an answer."""
    said = text.strip()
    if not said or len(said) > _LONGEST:
        return None
    first, *more = re.split(r"\n\s*\n", said)
    if any(not re.match(_HINT, paragraph.strip()) for paragraph in more):
        return None
    for name in _names(program):
        mark = _MARKS.get(name)
        if mark and re.match(rf"[^\w>`\"']{{0,4}}({mark}|{_LIMIT})(?!{_SENTENCE})", said):
            return first.splitlines()[0].strip()
    return None


def _names(program: Sequence[str]) -> Iterable[str]:
    """Yield the possible names of a command line: its own, and those of the program that a wrapper runs."""
    words = list(program[:1])
    if read(words).kind is not Kind.PROGRAM:
        for word in program[1:4]:
            try:
                words += shlex.split(word)
            except ValueError:
                words.append(word)  # not a command line: take it as it is
    for word in words:
        yield re.sub(r"\.(js|mjs|cjs|py|exe)$", "", os.path.basename(word).partition("@")[0])
