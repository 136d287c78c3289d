"""Write a wrong call out again as one that works: for each command, what its words may have meant.

`mistakes` sorts the words of the call; this module gives each its place. A word that only the caller can
know stays open, as `NAME`, `ID` or `TEXT`.
"""

import json
import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from itertools import pairwise
from typing import NamedTuple

from xw import ids, layout
from xw.agent.process import Known
from xw.cli.commands import COMMANDS, COMMON, NUMBERS, Command, Param
from xw.cli.synonyms import NOISE, TYPE_OF

_BY_NAME = {command.name: command for command in COMMANDS}
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_UNSAFE = re.compile(r'["$`\\!]')
_LONGEST = 400  # characters of a text in a suggestion; a longer one is the caller's to repeat
_TEXTS = ("body", "task", "summary", "text", "progress", "context")
_ALL = ("all", "everything", "everyone", "everybody", "*")
_LATEST = ("latest", "last", "newest", "recent", "new", "next", "first", "oldest")
_NOISE = frozenset(NOISE.split())
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?[a-z]*(?:\s+ago)?", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_STATES = {
    "idle": ("idle",),
    "working": ("working", "busy"),
    "busy": ("busy", "working"),
    "blocked": ("blocked", "busy"),
    "completed": ("completed", "idle"),
    "done": ("completed", "idle"),
    "alive": ("alive", "working"),
}
_KINDS = ("socket", "tmux", "command", "acp")


class Wrong(NamedTuple):
    """A wrong call: its words, its options by parameter (a switch has one empty value), unknown flags."""

    command: Command
    words: list[str]
    options: dict[str, list[str]]
    unknown: dict[str, str]

    def take(self, *names: str) -> str | None:
        """Remove the options with these names; return the first value."""
        found = [value for name in names for value in self.options.pop(name, [])]
        return found[0] if found else None

    def flagged(self, *flags: str) -> str | None:
        """Return the value of the first of these flags that the command does not have; empty for none."""
        found = {f"--{name}": values[0] for name, values in self.options.items()} | self.unknown
        return next((found[flag] for flag in flags if flag in found), None)


Corrections = list[str]


def corrected(wrong: Wrong, known: Known) -> Corrections:
    """Return the calls that a wrong one may have meant, the likeliest first."""
    _unpack(wrong)
    wrong.words[:] = [word for word in wrong.words if word.strip("<>") not in ("ID", "TYPE", "NAME", "ROOM")]
    form = wrong.flagged("--format", "--output", "-o")
    form = form or (wrong.take("form") if wrong.command.name != "log" else None)
    if form and form.lower().startswith("json"):
        wrong.options["as_json"] = [""]
    _rename(wrong, known)
    act = _REBUILD.get(wrong.command.name, _plainly)
    return [call for call in act(wrong, known) if call]


def _unpack(wrong: Wrong) -> None:
    """Take the options out of a JSON object, or out of words of the form `to=bob`."""
    for word in list(wrong.words):
        given: dict[str, object] = {}
        if word.lstrip().startswith("{"):
            try:
                found = json.loads(word)
            except ValueError:
                continue
            given = found if isinstance(found, dict) else {}
        elif match := re.fullmatch(
            r"(to|type|kind|body|message|text|id|re|from|name)[=:](.+)", word, re.DOTALL
        ):
            given = {match[1]: match[2]}
        names = {"type": "kind", "message": "body", "text": "body", "content": "body", "recipient": "to"}
        taken = {names.get(key, key): value for key, value in given.items() if value}
        if not taken or not set(taken) <= {"to", "kind", "body", "re", "from", "id", "name", "subject"}:
            continue
        wrong.words.remove(word)
        taken.pop("from", None)
        if "id" in taken:
            wrong.words.insert(0, str(taken.pop("id")))
        for key, value in taken.items():
            values = value if isinstance(value, list) else [value]
            wrong.options.setdefault(key, []).extend(map(str, values))


def _rename(wrong: Wrong, known: Known) -> None:
    """Let a call that names an instance nobody knows act as the one with the nearest name."""
    given = wrong.options.get("as_name", [None])[0] or os.environ.get("XW_NAME")
    if given and not known.name and given not in known.names:
        near = _nearest(given, list(known.names))
        if near:
            wrong.options["as_name"] = [near]


# Finding out what a word is


def _nearest(word: str, names: list[str]) -> str | None:
    spelt = {name.casefold(): name for name in names}
    close = get_close_matches(word.casefold(), list(spelt), n=1, cutoff=0.7)
    return spelt[close[0]] if close else None


def _peer(word: str, known: Known) -> str | None:
    """Return the name that a word is, in any case and with `@` or a comma around it, or None."""
    plain = word.strip(" ,:;<>").removeprefix("@").casefold()
    if plain in _ALL:
        return layout.EVERYONE
    return next((name for name in known.names if name.casefold() == plain), None)


def _peers(word: str, known: Known) -> list[str]:
    """Return the names in a word such as `a,b`; empty if it has anything else."""
    parts = word.replace(",", " ").split() if "," in word or _peer(word, known) else []
    found = [_peer(part, known) for part in parts]
    return [name for name in found if name] if found and all(found) else []


def _to(wrong: Wrong, known: Known) -> list[str]:
    """Return the names given as recipients, the nearest ones for misspelt ones."""
    found: list[str] = []
    others = [name for name in known.names if name != known.name]
    for value in wrong.options.pop("to", []):
        for one in value.replace(",", " ").split():
            name = _peer(one, known) or _nearest(one.lstrip("@"), others)
            found.append(name or (one if one.startswith("@") else "NAME"))
    if any(flag in wrong.unknown for flag in ("--all", "--broadcast", "--everyone")):
        found.append(layout.EVERYONE)
    return list(dict.fromkeys(found))


def _or_only_peer(to: list[str], known: Known) -> list[str]:
    others = [name for name in known.names if name != known.name and name not in known.rooms]
    return to or others[:1] if len(others) == 1 else to or ["NAME"]


def _type(word: str) -> str | None:
    return TYPE_OF.get(word.lower().strip(":,"))


def _id(word: str, known: Known) -> str | None:
    """Return a word as an id if a message here has it, or it can only be one."""
    if not ids.may_be(word):
        return None
    text = word.strip(" #,.:;'\"`<>[]()").removeprefix("id:").removeprefix("id=")
    if len(text) < ids.LEAST:
        return None
    every = (*known.pending, *known.handled, *known.sent)
    if any(layout.short_id(name).startswith(text.lower()) or name.startswith(text) for name in every):
        return text
    return text if len(text) >= 8 and any(sign.isdigit() for sign in text) else None


def _ids(wrong: Wrong, known: Known) -> list[str]:
    """Take the ids out of the words and options of a call."""
    given = [value for name in ("token", "tokens", "re") for value in wrong.options.pop(name, [])]
    found = []
    for word in [*given, *wrong.words]:
        parts = [_id(part, known) for part in word.split(",")] if "," in word else [_id(word, known)]
        if all(parts):
            found += [part for part in parts if part]
            if word in wrong.words:
                wrong.words.remove(word)
    return list(dict.fromkeys(found))


def _shorts(names: tuple[str, ...]) -> list[str]:
    return [layout.short_id(name) for name in names]


def _asking(known: Known, sender: str | None = None) -> list[str]:
    """Return the ids of pending tasks and questions, the newest first, perhaps of one sender."""
    found = (layout.file_name(name) for name in reversed(known.pending))
    return [
        layout.short_id(one.id)
        for one in found
        if one and one.type in ("task", "question") and sender in (None, one.sender)
    ]


def _number(text: str, kind: str) -> str:
    """Return a number without its unit, in seconds: `5m` is 300."""
    match = _SPAN.fullmatch(text.strip())
    if not match:
        return text
    value = float(match[1]) * (_UNITS[(match[2] or "s").lower()] if kind == "decimal" else 1)
    return f"{value:g}"


def _when(text: str) -> str:
    days = {"today": "1d", "yesterday": "2d", "hour": "1h", "day": "1d", "week": "1w"}
    match = _SPAN.fullmatch(text.strip())
    if match and match[2] and match[2].lower() != "ms":
        return f"{match[1]}{match[2].lower()}"
    return days.get(text.strip().lower(), text)


# Writing a call


def _call(name: str, words: list[str], wrong: Wrong, **changed: list[str] | str | None) -> str:
    """Return a command line; empty if it would not parse. `changed` replaces options of the wrong call."""
    command = _BY_NAME.get(name)
    if command is None:
        return ""
    options = dict(wrong.options)
    options |= {key: [value] if isinstance(value, str) else value or [] for key, value in changed.items()}
    flags, behind = ["xw", *name.split()], list[str]()
    for param in (*command.params, *COMMON):
        if param.flag:
            written = [part for value in options.get(param.name, []) for part in _option(param, value)]
            (flags if param.name == "to" else behind).extend(written)
    placed = _placed(command, words)
    if placed is None:
        return ""
    dashed = any(word.startswith("-") and word != "-" for word in words)
    return " ".join([*flags, *behind, "--", *placed] if dashed else [*flags, *placed, *behind])


def _option(param: Param, value: str) -> list[str]:
    if param.kind == "switch":
        return [param.flag]
    if param.choices and value not in param.choices:
        value = _type(value) or "" if param.name == "kind" else _nearest(value, list(param.choices)) or ""
        if value not in param.choices:
            return []
    if param.kind in NUMBERS:
        value = _number(value, param.kind)
    if param.metavar == "WHEN":
        value = _when(value)
    return [param.flag, _quoted(value or param.metavar or "TEXT", param.name in _TEXTS)]


def _placed(command: Command, words: list[str]) -> list[str] | None:
    """Return the words in the places of the command's arguments, quoted; None if they do not fit."""
    placed: list[str] = []
    left = list(words)
    for param in command.params:
        if param.flag:
            continue
        taken, left = (left, []) if param.many else (left[:1], left[1:])
        if not taken and param.required:
            taken = [param.metavar or "TEXT"]
        if param.choices and any(word not in param.choices for word in taken):
            return None
        placed += [_quoted(word, param.name in _TEXTS) for word in taken]
    return placed if not left else None


def _quoted(text: str, prose: bool = False) -> str:
    """Return a word for a shell; `prose` is always in quotes, except `-`."""
    if text != text.replace("\n", " ") or len(text) > _LONGEST or not text.isprintable():
        text = "TEXT"
    if text == "-" or (_PLAIN.fullmatch(text) and not prose):
        return text
    if _UNSAFE.search(text):
        from shlex import quote

        return quote(text)
    return f'"{text}"'


# One function for each command whose words need thought


def _send(wrong: Wrong, known: Known) -> Corrections:
    words = list(wrong.words)
    given = wrong.take("kind")
    kind = _type(given) if given else None
    answers, text = wrong.options.get("re"), wrong.take("body")
    if sender := wrong.take("sender"):
        wrong.options["as_name"] = [sender]
    for flag, value in wrong.unknown.items():
        if flag.lstrip("-") in layout.TYPES:
            kind, text = flag.lstrip("-"), text or value or None
    to = _to(wrong, known)
    kind = _leading(words, to, kind, known, full=text is not None)
    if kind is None and len(words) > 1 and words[-1].lower() in layout.TYPES:
        kind = words.pop().lower()
    more = _move_files(wrong, words)
    text = text if text is not None else " ".join(words)
    subject = wrong.flagged("--subject", "--title", "-s")
    if subject:
        text = f"{subject}: {text}" if text else subject
    if "high" in (wrong.flagged("--priority", "--prio") or "") or "--important" in wrong.unknown:
        wrong.options["urgent"] = [""]
    body = (
        [text] if text else [] if wrong.options.get("file") or wrong.options.get("attachments") else ["TEXT"]
    )
    if wrong.flagged("--wait", "--await", "--block", "--timeout", "--sync", "-w") is not None:
        timeout = wrong.flagged("--timeout", "--wait", "-w") or None
        return [_call("ask", body, wrong, to=_or_only_peer(to, known), timeout=timeout)]
    if answers and not to and kind in (None, "reply"):
        token = _id(answers[0], known) or "ID"
        return [_call("reply", [token, *body], wrong)]
    if kind == "reply" and not answers:
        return _answers(wrong, known, body, to)
    kind, to = kind or ("reply" if answers else "info"), _or_only_peer(to, known)
    calls = [_call("send", [kind, *body], wrong, to=to)]
    if more and not body:
        calls.append(_call("send", [kind, *more], _without(wrong, more), to=to))
    return calls


def _move_files(wrong: Wrong, words: list[str]) -> list[str]:
    """Move the words that are files behind an `--attach` to the attachments, and return them."""
    if "attachments" not in wrong.options:
        return []
    more = [word for word in words if " " not in word and os.path.isfile(word)]
    words[:] = [word for word in words if word not in more]
    wrong.options["attachments"] += more
    return more


def _without(wrong: Wrong, files: list[str]) -> Wrong:
    kept = [file for file in wrong.options["attachments"] if file not in files]
    return wrong._replace(options={**wrong.options, "attachments": kept})


def _leading(words: list[str], to: list[str], kind: str | None, known: Known, full: bool) -> str | None:
    """Take names and a type off the front of some words; return the type. `full` if the text is elsewhere."""
    named = bool(to)
    while words:
        more = len(words) > 1 or full
        names = _peers(words[0], known)
        meant = _type(words[0])
        if kind is None and meant and (more or words[0].lower() in layout.TYPES):
            kind = meant
        elif words[0].lower() == "to" and len(words) > 1 and _peers(words[1], known):
            pass
        elif names and (not named or kind is None):
            to += [name for name in names if name not in to]
        elif (
            not to and more and kind is None and " " not in words[0] and (near := _misspelt(words[0], known))
        ):
            to.append(near)
        else:
            break
        words.pop(0)
    return kind


def _misspelt(word: str, known: Known) -> str | None:
    return _nearest(word, [name for name in known.names if name != known.name])


def _answers(wrong: Wrong, known: Known, body: list[str], to: list[str]) -> Corrections:
    """Return the replies that a text may be: one for each open task or question."""
    sender = to[0] if to and to[0] != "NAME" else None
    tokens = _asking(known, sender) or ["ID"]
    for name in ("to", "kind"):
        wrong.options.pop(name, None)
    return [_call("reply", [token, *body], wrong) for token in tokens]


def _ask(wrong: Wrong, known: Known) -> Corrections:
    words, text = list(wrong.words), wrong.take("body")
    to = _to(wrong, known)
    if len(words) > 1 and _type(words[0]) == "question":
        words.pop(0)
    _leading(words, to, "question", known, full=text is not None)
    text = text if text is not None else " ".join(words)
    body = [text] if text else [] if wrong.options.get("file") else ["TEXT"]
    return [_call("ask", body, wrong, to=_or_only_peer(to, known))]


def _reply(wrong: Wrong, known: Known) -> Corrections:
    words, text = list(wrong.words), wrong.take("body")
    tokens = [found for value in [wrong.take("token", "re")] if value and (found := _id(value, known))]
    sender: list[str] = _to(wrong, known)
    for place in (0, -1):
        if not tokens and words and (found := _id(words[place], known)):
            tokens.append(found)
            words.pop(place)
    while tokens and len(words) > 1 and (found := _id(words[0], known)) and found not in tokens:
        tokens.append(found)
        words.pop(0)
    if len(words) > 1 and not tokens and (name := _peer(words[0], known)):
        sender.append(name)
        words.pop(0)
    if words and words[0].lower() in _LATEST and not tokens:
        words.pop(0)
    more = _move_files(wrong, words)
    text = text if text is not None else " ".join(words)
    body = (
        [text] if text else [] if wrong.options.get("attachments") or wrong.options.get("file") else ["TEXT"]
    )
    if not tokens:
        return _answers(wrong, known, body, sender)
    calls = [_call("reply", [token, *body], wrong) for token in tokens]
    if more and not body:
        calls.append(_call("reply", [tokens[0], *more], _without(wrong, more)))
    return calls


def _on_ids(wrong: Wrong, known: Known) -> Corrections:
    """Correct read, done and the other commands on messages that are received."""
    name = wrong.command.name
    several = any(param.many for param in wrong.command.params if not param.flag)
    tokens = _ids(wrong, known)
    said = {word.lower() for word in wrong.words} | {flag.lstrip("-") for flag in wrong.unknown}
    pending = _shorts(known.pending)
    if not tokens:
        senders = [one for word in wrong.words if (one := _peer(word, known)) and one != layout.EVERYONE]
        if senders and not said & {*_LATEST, *_ALL}:
            return [_call("check", [], wrong, sender=senders[0])]
        if said & set(_ALL) and several and 0 < len(pending) <= 20:
            tokens = pending
        elif said & {"first", "oldest"}:
            tokens = pending[:1]
        elif said & set(_LATEST) or (len(pending) == 1 and not wrong.words):
            tokens = pending[-1:]
    if not tokens:
        return [_call("check", [], wrong)]
    if not several:
        return [_call(name, [token], wrong) for token in tokens]
    return [_call(name, tokens, wrong)]


def _on_sent(wrong: Wrong, known: Known) -> Corrections:
    """Correct trace and recall; only a trace is harmless enough to suppose which message is meant."""
    name, tokens = wrong.command.name, _ids(wrong, known)
    sent = _shorts(known.sent)
    if name != "trace":
        return [_call(name, [token], wrong) for token in tokens] or [_call("log", [], wrong)]
    if not tokens and sent:
        peers = [one for word in wrong.words if (one := _peer(word, known)) in known.names and one]
        if peers:
            return [_call("log", [], wrong, peer=peers[0])]
        tokens = sent[-1:]
    return [_call("trace", tokens[:1], wrong)] if tokens else [_call("log", [], wrong)]


def _groups(wrong: Wrong, known: Known) -> Corrections:
    """Correct join and leave, which take groups; a room has commands of its own."""
    rooms = [word for word in wrong.words if word in known.rooms]
    if rooms:
        return [_call(f"room {wrong.command.name}", rooms[:1], wrong)]
    if "room" in wrong.words:
        return [
            _call(f"room {wrong.command.name}", [word for word in wrong.words if word != "room"][:1], wrong)
        ]
    words = [part.removeprefix("@") for word in wrong.words for part in word.split(",") if part]
    return [_call(wrong.command.name, [f"@{word}" for word in words] or ["@GROUP"], wrong)]


def _attach(wrong: Wrong, known: Known) -> Corrections:
    to = _to(wrong, known)
    files = [*wrong.options.pop("files", []), *wrong.options.pop("attachments", [])]
    files += [word for word in wrong.words if os.path.exists(word)]
    wrong.words[:] = [word for word in wrong.words if word not in files]
    tokens = _ids(wrong, known)
    to += [one for word in wrong.words if (one := _peer(word, known))]
    if to and not tokens:
        text = [word for word in wrong.words if not _peer(word, known) and not _type(word)]
        body = [" ".join(text) or "TEXT"]
        return [_call("send", ["info", *body], wrong, to=to, attachments=files or ["FILE"])]
    tokens = tokens or _shorts(known.sent)[-1:] or ["ID"]
    return [_call("attach", [tokens[0], *(files or ["FILE"])], wrong)]


def _retry(wrong: Wrong, known: Known) -> Corrections:
    tokens = _ids(wrong, known)
    if tokens:
        return [_call("retry", [token], wrong) for token in tokens]
    return [_call("check", [], wrong, failed=[""])]


def _check(wrong: Wrong, known: Known) -> Corrections:
    tokens = _ids(wrong, known)
    if tokens:
        return [_call("read", tokens, wrong) or _call("read", tokens[:1], wrong)]
    if wrong.flagged("--wait", "--block", "-w") is not None:
        return [_call("wait", [], wrong, timeout=wrong.flagged("--wait", "-w") or None)]
    if wrong.flagged("--watch", "--follow") is not None:
        return [_call("watch", [], wrong)]
    if since := wrong.flagged("--since", "--after"):
        return [_call("log", [], wrong, since=since, peer=wrong.take("sender"))]
    for sender in wrong.options.get("sender", [])[:1]:
        name = _peer(sender, known) or _misspelt(sender, known)
        wrong.options["sender"] = [name or sender]
    for word in wrong.words:
        lower = word.lower()
        if lower in ("failed", "dead", "errors"):
            wrong.options["failed"] = [""]
        elif lower in ("newest", "latest", "last", "recent"):
            wrong.options["newest"] = [""]
        elif lower in _ALL or lower == "all":
            wrong.options["everything"] = [""]
        elif word.isdigit():
            wrong.options["limit"] = [word]
        elif (name := _peer(word, known)) and name != known.name:
            wrong.options["sender"] = [name]
        elif lower not in _NOISE and (kind := _type(word)):
            wrong.options["kind"] = [kind]
    for value in wrong.options.get("limit", [])[:1]:
        if not re.fullmatch("[1-9][0-9]{0,2}|1000", value):
            del wrong.options["limit"]
            wrong.options["everything"] = [""]
    if "everything" in wrong.options:
        wrong.options.pop("limit", None)
    return [_call("check", [], wrong)]


def _log(wrong: Wrong, known: Known) -> Corrections:
    last = wrong.flagged("-n", "--tail", "--limit", "--last", "--count", "--lines", "--max", "-l", "--head")
    kind = wrong.options.pop("kind", None)
    words: list[str] = []
    tokens = _ids(wrong, known)
    if "thread" not in wrong.options and tokens:
        wrong.options["thread"] = tokens[:1]
    for word in wrong.words:
        name = _peer(word, known)
        if name in known.rooms:
            wrong.options["room"] = [str(name)]
        elif name and name not in (layout.EVERYONE, known.name):
            wrong.options["peer"] = [name]
        elif word.isdigit():
            last = word
        elif word.lower() in ("today", "yesterday"):
            wrong.options["since"] = [word]
        elif word.lower() in ("follow", "live"):
            wrong.options["follow"] = [""]
        elif word.lower() not in _NOISE:
            words.append(word)
    for name in [value for value in wrong.options.get("peer", []) if value not in known.names]:
        wrong.options["peer"] = [_misspelt(name, known) or "NAME"]
    if words and "grep" not in wrong.options:
        wrong.options["grep"] = [" ".join(words)]
    if kind and last is None:
        return [_call("check", [], wrong, kind=kind)]
    call = _call("log", [], wrong)
    if not last or not last.isdigit() or "follow" in wrong.options:
        return [call if last is None or "follow" in wrong.options else f"{call} | tail -n 20"]
    return [f"{call} | tail -n {last}"]


def _wait(wrong: Wrong, known: Known) -> Corrections:
    tokens = _ids(wrong, known)
    if tokens:
        wrong.options["re"] = tokens[:1]
    for word in wrong.words:
        name = _peer(word, known)
        if _SPAN.fullmatch(word):
            wrong.options["timeout"] = [word]
        elif name and name != layout.EVERYONE:
            wrong.options["sender"] = [name]
        elif kind := _type(word):
            wrong.options["kind"] = [kind]
    if not wrong.options.get("timeout") and (given := wrong.flagged("--wait", "--max")):
        wrong.options["timeout"] = [given]
    return [_call("wait", [], wrong)]


def _watch(wrong: Wrong, known: Known) -> Corrections:
    for word in wrong.words:
        name = _peer(word, known)
        if name and name != layout.EVERYONE:
            wrong.options["sender"] = [name]
        elif kind := _type(word):
            wrong.options["kind"] = [kind]
        elif word.lower() not in _NOISE:
            wrong.options.setdefault("execute", [word])
    return [_call("watch", [], wrong)]


def _init(wrong: Wrong, _known: Known) -> Corrections:
    for key in ("as_name", "to"):
        if given := wrong.take(key):
            wrong.options.setdefault("name", [given])
    for word in wrong.words:
        if "/" in word or ":" in word:
            wrong.options.setdefault("hub", [word])
        elif word.lower() not in ("agent", "human", "room", "name", "as", "hub", "here", "."):
            wrong.options.setdefault("name", [word])
        elif word.lower() in ("human", "room"):
            wrong.options["kind"] = [word.lower()]
    for value in wrong.options.get("name", [])[:1]:
        wrong.options["name"] = [layout.name_from(value) or "NAME"]
    if several := wrong.options.get("capabilities"):
        wrong.options["capabilities"] = [
            one.strip() for value in several for one in value.split(",") if one.strip()
        ]
    return [_call("init", [], wrong)]


def _status(wrong: Wrong, _known: Known) -> Corrections:
    words, states = list(wrong.words), _choices(wrong.command)
    state = wrong.take("state") or next((word for word in words if word.lower() in _STATES), "")
    words = [word for word in words if word != state]
    fit = next((one for one in _STATES.get(state.lower(), ()) if one in states), None)
    for word in list(words):
        if re.fullmatch(r"\d+\s*%", word):
            wrong.options["progress"] = [word]
            words.remove(word)
    if words and "task" in {param.name for param in wrong.command.params}:
        wrong.options.setdefault("task", [" ".join(words)])
    return [_call(wrong.command.name, [fit or ("alive" if "alive" in states else "working")], wrong)]


def _choices(command: Command) -> tuple[str, ...]:
    return next((param.choices for param in command.params if not param.flag and param.choices), ())


def _handoff(wrong: Wrong, known: Known) -> Corrections:
    words = list(wrong.words)
    to, text = _to(wrong, known), wrong.take("task")
    _leading(words, to, "task", known, full=text is not None)
    body = text or " ".join(words) or "TEXT"
    return [_call("notify handoff", [body], wrong, to=[one for one in _or_only_peer(to, known) if one][:1])]


def _told(wrong: Wrong, _known: Known) -> Corrections:
    """Correct a command with one text: notify compaction, notify error."""
    text = wrong.take("text", "summary")
    return [_call(wrong.command.name, [text or " ".join(wrong.words) or "TEXT"], wrong)]


def _room_say(wrong: Wrong, known: Known) -> Corrections:
    words, room, text = list(wrong.words), wrong.take("name"), wrong.take("body")
    if not room and words and (words[0] in known.rooms or (len(words) > 1 and not _peer(words[0], known))):
        room = words.pop(0)
        room = room if room in known.rooms else _nearest(room, list(known.rooms)) or room
    if not room and words and _peer(words[0], known):
        return _send(wrong._replace(command=_BY_NAME["send"]), known)
    body = text or " ".join(words)
    room = room or (known.rooms[0] if len(known.rooms) == 1 else "ROOM")
    return [_call("room say", [room, body or "TEXT"], wrong)]


def _room(wrong: Wrong, known: Known) -> Corrections:
    """Correct the other commands on one room; a further word is a member."""
    name, words = wrong.command.name, [*wrong.options.pop("name", []), *wrong.words]
    room = next((word for word in words if word in known.rooms), None)
    if name == "room create":
        room = words[0] if words else None
    elif room is None and words:
        room = _nearest(words[0], list(known.rooms)) or words[0]
    words = [word for word in words if word != room]
    if name == "room create" and words:
        listed = [part for word in words for part in word.split(",") if part]
        members = [part for value in wrong.options.get("members", []) for part in value.split(",")]
        wrong.options["members"] = [",".join([*members, *listed])]
    elif name in ("room join", "room leave") and words and not wrong.options.get("member"):
        wrong.options["member"] = words[:1]
    elif name in ("room resume", "room set"):
        for before, word in pairwise(["turns", *words]):  # `room set tea words 500`, `room resume tea +20`
            if re.fullmatch(r"\+?\d+", word):
                known_one = any(param.name == before for param in wrong.command.params)
                wrong.options[before if known_one else "turns"] = [word]
    only = known.rooms[0] if len(known.rooms) == 1 and name not in ("room create", "room close") else "ROOM"
    return [_call(name, [room or only], wrong)]


def _bridge(wrong: Wrong, _known: Known) -> Corrections:
    words = [word for word in wrong.words if word.lower() not in ("start", "run", "to", "--")]
    if not words or words[0].lower() in ("list", "ls", "show"):
        return [_call("bridge", [], wrong, listing=[""])]
    kind = words[0].lower()
    if kind not in _KINDS:
        return [_call("bridge", ["tmux"], wrong, target=[words[0]])]
    if kind in ("tmux", "socket"):
        if len(words) > 1:
            return [_call("bridge", [kind], wrong, target=[words[1]])]
        return [] if wrong.options.get("target") else [_call("bridge", [kind], wrong, listing=[""])]
    started = " ".join(_quoted(word) for word in words[1:]) or "COMMAND"
    return [f"{_call('bridge', [kind], wrong)} -- {started}"]


def _gc(wrong: Wrong, _known: Known) -> Corrections:
    for word in wrong.words:
        if match := re.fullmatch(r"(\d+)d?(ays)?", word):
            wrong.options["days"] = [match[1]]
    wrong.options["dry_run"] = [""]
    return [_call("gc", [], wrong)]


def _as_peer(wrong: Wrong, known: Known) -> Corrections:
    """Correct who and prompt: a word that is a name is the instance to act as."""
    for word in wrong.words:
        if (name := _peer(word, known)) and name != layout.EVERYONE:
            wrong.options["as_name"] = [name]
    return [_call(wrong.command.name, [], wrong)]


def _plainly(wrong: Wrong, _known: Known) -> Corrections:
    """Give the words of any other command to its arguments; leave out those that have no place."""
    places = [param for param in wrong.command.params if not param.flag]
    given = [value for param in places for value in wrong.options.pop(param.name, [])]
    words = [*given, *(word for word in wrong.words)]
    if not any(param.many for param in places):
        words = words[: len(places)]
    return [_call(wrong.command.name, words, wrong)]


_REBUILD: dict[str, Callable[[Wrong, Known], Corrections]] = {
    "send": _send,
    "ask": _ask,
    "reply": _reply,
    "read": _on_ids,
    "done": _on_ids,
    "claim": _on_ids,
    "release": _on_ids,
    "trace": _on_sent,
    "recall": _on_sent,
    "join": _groups,
    "leave": _groups,
    "attach": _attach,
    "retry": _retry,
    "check": _check,
    "log": _log,
    "wait": _wait,
    "watch": _watch,
    "init": _init,
    "notify status": _status,
    "notify heartbeat": _status,
    "notify handoff": _handoff,
    "notify compaction": _told,
    "notify error": _told,
    "room say": _room_say,
    "bridge": _bridge,
    "gc": _gc,
    "who": _as_peer,
    "prompt": _as_peer,
    **{
        f"room {name}": _room
        for name in ("create", "run", "show", "join", "leave", "pause", "resume", "set", "close")
    },
}
