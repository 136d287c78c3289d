"""Correct the other commands: instances, groups, rooms, bridges, gc."""

import re
from itertools import pairwise

from xw import layout
from xw.agent.process import Known
from xw.cli.corrections.writing import quoted, write
from xw.cli.corrections.wrong import Corrections, Wrong, nearest_name, peer_in

_KINDS = ("socket", "tmux", "command", "acp")


def init(wrong: Wrong, _known: Known) -> Corrections:
    """Correct init: a word may be the hub, the kind or the name."""
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
    return [write("init", [], wrong)]


def as_peer(wrong: Wrong, known: Known) -> Corrections:
    """Correct who and prompt: a word that is a name is the instance to act as."""
    for word in wrong.words:
        if (name := peer_in(word, known)) and name != layout.EVERYONE:
            wrong.options["as_name"] = [name]
    return [write(wrong.command.name, [], wrong)]


def groups(wrong: Wrong, known: Known) -> Corrections:
    """Correct join and leave, which take groups; a room has commands of its own."""
    rooms = [word for word in wrong.words if word in known.rooms]
    if rooms:
        return [write(f"room {wrong.command.name}", rooms[:1], wrong)]
    if "room" in wrong.words:
        return [
            write(f"room {wrong.command.name}", [word for word in wrong.words if word != "room"][:1], wrong)
        ]
    words = [part.removeprefix("@") for word in wrong.words for part in word.split(",") if part]
    return [write(wrong.command.name, [f"@{word}" for word in words] or ["@GROUP"], wrong)]


def room(wrong: Wrong, known: Known) -> Corrections:
    """Correct the other commands on one room; a further word is a member."""
    name, words = wrong.command.name, [*wrong.options.pop("name", []), *wrong.words]
    room = next((word for word in words if word in known.rooms), None)
    if name == "room create":
        room = words[0] if words else None
    elif room is None and words:
        room = nearest_name(words[0], list(known.rooms)) or words[0]
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
    return [write(name, [room or only], wrong)]


def bridge(wrong: Wrong, _known: Known) -> Corrections:
    """Correct bridge: a word that is no kind is a pane of tmux."""
    words = [word for word in wrong.words if word.lower() not in ("start", "run", "to", "--")]
    if not words or words[0].lower() in ("list", "ls", "show"):
        return [write("bridge", [], wrong, listing=[""])]
    kind = words[0].lower()
    if kind not in _KINDS:
        return [write("bridge", ["tmux"], wrong, target=[words[0]])]
    if kind in ("tmux", "socket"):
        if len(words) > 1:
            return [write("bridge", [kind], wrong, target=[words[1]])]
        return [] if wrong.options.get("target") else [write("bridge", [kind], wrong, listing=[""])]
    started = " ".join(quoted(word) for word in words[1:]) or "COMMAND"
    return [f"{write('bridge', [kind], wrong)} -- {started}"]


def gc(wrong: Wrong, _known: Known) -> Corrections:
    """Correct gc, as a dry run."""
    for word in wrong.words:
        if match := re.fullmatch(r"(\d+)d?(ays)?", word):
            wrong.options["days"] = [match[1]]
    wrong.options["dry_run"] = [""]
    return [write("gc", [], wrong)]


def plainly(wrong: Wrong, _known: Known) -> Corrections:
    """Give the words of any other command to its arguments; leave out those that have no place."""
    places = [param for param in wrong.command.params if not param.flag]
    given = [value for param in places for value in wrong.options.pop(param.name, [])]
    words = [*given, *wrong.words]
    if not any(param.many for param in places):
        words = words[: len(places)]
    return [write(wrong.command.name, words, wrong)]
