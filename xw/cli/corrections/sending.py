"""Correct the commands that send a text: send, ask, reply, attach, notify, room say."""

import os
import re

from xw import layout
from xw.agent.functions import Known
from xw.cli.commands import Command
from xw.cli.corrections.writing import BY_NAME, write
from xw.cli.corrections.wrong import (
    LATEST,
    Corrections,
    Wrong,
    id_in,
    misspelt,
    nearest_name,
    or_only_peer,
    peer_in,
    peers_in,
    recipients,
    short_ids,
    take_ids,
    type_of,
    unanswered,
)

_STATES = {
    "idle": ("idle",),
    "working": ("working", "busy"),
    "busy": ("busy", "working"),
    "active": ("working", "busy"),
    "blocked": ("blocked", "busy"),
    "stuck": ("blocked", "busy"),
    "waiting": ("blocked", "busy"),
    "completed": ("completed", "idle"),
    "complete": ("completed", "idle"),
    "finished": ("completed", "idle"),
    "done": ("completed", "idle"),
    "ready": ("idle",),
    "alive": ("alive", "working"),
}
_URGENT = ("urgent", "high", "important", "critical", "asap")


def send(wrong: Wrong, known: Known) -> Corrections:
    """Correct send; what waits for an answer is ask, what answers is reply."""
    words = list(wrong.words)
    given = wrong.take("kind")
    kind = type_of(given) if given else None
    if given and given.lower() in _URGENT:
        wrong.options["urgent"] = [""]
    answers, text = wrong.options.get("re"), wrong.take("body")
    if sender := wrong.take("sender"):
        wrong.options["as_name"] = [sender]
    for flag, value in wrong.unknown.items():
        if flag.lstrip("-") in layout.TYPES:
            kind, text = flag.lstrip("-"), text or value or None
    to = recipients(wrong, known)
    if to and len(words) > 1 and words[0].lower() in _URGENT:
        del words[0]
        wrong.options["urgent"] = [""]
    kind = _leading(words, to, kind, known, full=text is not None)
    if kind is None and len(words) > 1 and words[-1].lower() in layout.TYPES:
        kind = words.pop().lower()
    more = _move_files(wrong, words)
    text = text if text is not None else " ".join(words)
    subject = wrong.flagged("--subject", "--title", "-s")
    if subject:
        text = f"{subject}: {text}" if text else subject
    priority = (wrong.flagged("--priority", "--prio") or "").lower()
    if priority in (*_URGENT, "7", "8", "9") or "--important" in wrong.unknown:
        wrong.options["urgent"] = [""]
    body = _body(wrong, text)
    if wrong.flagged("--wait", "--await", "--block", "--timeout", "--sync", "-w") is not None:
        timeout = wrong.flagged("--timeout", "--wait", "-w") or None
        return [write("ask", body, wrong, to=or_only_peer(to, known), timeout=timeout)]
    if answers and not to and kind in (None, "reply"):
        token = id_in(answers[0], known) or "ID"
        return [write("reply", [token, *body], wrong)]
    if kind == "reply" and not answers:
        return _answers(wrong, known, body, to)
    kind, to = kind or ("reply" if answers else "info"), or_only_peer(to, known)
    calls = [write("send", [kind, *body], wrong, to=to)]
    if more and not body:
        calls.append(write("send", [kind, *more], _without(wrong, more), to=to))
    return calls


def ask(wrong: Wrong, known: Known) -> Corrections:
    """Correct ask."""
    words, text = list(wrong.words), wrong.take("body")
    to = recipients(wrong, known)
    if len(words) > 1 and type_of(words[0]) == "question":
        words.pop(0)
    _leading(words, to, "question", known, full=text is not None)
    text = text if text is not None else " ".join(words)
    body = [text] if text else [] if wrong.options.get("file") else ["TEXT"]
    return [write("ask", body, wrong, to=or_only_peer(to, known))]


def reply(wrong: Wrong, known: Known) -> Corrections:
    """Correct reply; without an id, one for each open task or question."""
    words, text = list(wrong.words), wrong.take("body")
    tokens = [found for value in [wrong.take("token", "re")] if value and (found := id_in(value, known))]
    sender: list[str] = recipients(wrong, known)
    for place in (0, -1):
        if not tokens and words and (found := id_in(words[place], known)):
            tokens.append(found)
            words.pop(place)
    while tokens and len(words) > 1 and (found := id_in(words[0], known)) and found not in tokens:
        tokens.append(found)
        words.pop(0)
    if len(words) > 1 and not tokens and (name := peer_in(words[0], known)):
        sender.append(name)
        words.pop(0)
    if words and words[0].lower() in LATEST and not tokens:
        words.pop(0)
    more = _move_files(wrong, words)
    text = text if text is not None else " ".join(words)
    body = _body(wrong, text)
    if not tokens:
        return _answers(wrong, known, body, sender)
    calls = [write("reply", [token, *body], wrong) for token in tokens]
    if more and not body:
        calls.append(write("reply", [tokens[0], *more], _without(wrong, more)))
    return calls


def _body(wrong: Wrong, text: str) -> list[str]:
    """Return the text as an argument: none if files stand for it."""
    files = wrong.options.get("file") or wrong.options.get("attachments")
    return [text] if text else [] if files else ["TEXT"]


def _answers(wrong: Wrong, known: Known, body: list[str], to: list[str]) -> Corrections:
    """Return the replies that a text may be: one for each open task or question."""
    sender = to[0] if to and to[0] != "NAME" else None
    tokens = unanswered(known, sender) or ["ID"]
    for name in ("to", "kind"):
        wrong.options.pop(name, None)
    return [write("reply", [token, *body], wrong) for token in tokens]


def _leading(words: list[str], to: list[str], kind: str | None, known: Known, full: bool) -> str | None:
    """Take names and a type off the front of some words; return the type. `full` if the text is elsewhere."""
    named = bool(to)
    while words:
        more = len(words) > 1 or full
        names = peers_in(words[0], known)
        meant = type_of(words[0])
        if kind is None and meant and (more or words[0].lower() in layout.TYPES):
            kind = meant
        elif words[0].lower() == "to" and len(words) > 1 and peers_in(words[1], known):
            pass
        elif names and (not named or kind is None):
            to += [name for name in names if name not in to]
        elif not to and more and kind is None and " " not in words[0] and (near := misspelt(words[0], known)):
            to.append(near)
        elif not to and more and kind is None and _may_be_new(words[0], known):
            to.append(words[0])
        else:
            break
        words.pop(0)
    return kind


def _may_be_new(word: str, known: Known) -> bool:
    """Return True for a word that may name an instance, where there is nobody else to send to yet."""
    return layout.is_name(word) and set(known.names) <= {known.name}


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


def attach(wrong: Wrong, known: Known) -> Corrections:
    """Correct attach; without an id but with a name, send the files."""
    to = recipients(wrong, known)
    files = [*wrong.options.pop("files", []), *wrong.options.pop("attachments", [])]
    files += [word for word in wrong.words if os.path.exists(word)]
    wrong.words[:] = [word for word in wrong.words if word not in files]
    tokens = take_ids(wrong, known)
    to += [one for word in wrong.words if (one := peer_in(word, known))]
    if to and not tokens:
        text = [word for word in wrong.words if not peer_in(word, known) and not type_of(word)]
        body = [" ".join(text) or "TEXT"]
        return [write("send", ["info", *body], wrong, to=to, attachments=files or ["FILE"])]
    tokens = tokens or short_ids(known.sent)[-1:] or ["ID"]
    return [write("attach", [tokens[0], *(files or ["FILE"])], wrong)]


def handoff(wrong: Wrong, known: Known) -> Corrections:
    """Correct notify handoff."""
    words = list(wrong.words)
    to, text = recipients(wrong, known), wrong.take("task")
    _leading(words, to, "task", known, full=text is not None)
    body = text or " ".join(words) or "TEXT"
    return [write("notify handoff", [body], wrong, to=or_only_peer(to, known)[:1])]


def one_text(wrong: Wrong, _known: Known) -> Corrections:
    """Correct a command with one text: notify compaction, notify error."""
    text = wrong.take("text", "summary")
    words = list(wrong.words)
    if "retained" in wrong.options and len(words) > 1:  # `--retained a b`
        wrong.options["retained"] += words[0 if text else 1 :]
        del words[1:]
    return [write(wrong.command.name, [text or " ".join(words) or "TEXT"], wrong)]


def status(wrong: Wrong, _known: Known) -> Corrections:
    """Correct notify status and notify heartbeat."""
    words, states = list(wrong.words), _choices(wrong.command)
    if given := wrong.take("state"):
        words.insert(0, given)
    if words:  # `"blocked on review"`
        words[:1] = words[0].split(None, 1)
    state = next((word for word in words if word.lower() in _STATES), "")
    words = [word for word in words if word != state]
    fit = next((one for one in _STATES.get(state.lower(), ()) if one in states), None)
    for word in list(words):
        if re.fullmatch(r"\d+\s*%", word):
            wrong.options["progress"] = [word]
            words.remove(word)
    if words and "task" in {param.name for param in wrong.command.params}:
        wrong.options.setdefault("task", [" ".join(words)])
    return [write(wrong.command.name, [fit or ("alive" if "alive" in states else "working")], wrong)]


def _choices(command: Command) -> tuple[str, ...]:
    return next((param.choices for param in command.params if not param.flag and param.choices), ())


def room_say(wrong: Wrong, known: Known) -> Corrections:
    """Correct room say; to a name that is no room, send."""
    words, room, text = list(wrong.words), wrong.take("name"), wrong.take("body")
    if not room and words and (words[0] in known.rooms or (len(words) > 1 and not peer_in(words[0], known))):
        room = words.pop(0)
        room = room if room in known.rooms else nearest_name(room, list(known.rooms)) or room
    if not room and words and peer_in(words[0], known):
        return send(wrong._replace(command=BY_NAME["send"]), known)
    body = text or " ".join(words)
    room = room or (known.rooms[0] if len(known.rooms) == 1 else "ROOM")
    return [write("room say", [room, body or "TEXT"], wrong)]
