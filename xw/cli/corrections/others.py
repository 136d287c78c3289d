"""Correct the other commands: instances, groups, rooms, bridges, gc."""

import re

from xw import layout
from xw.agent.functions import Known
from xw.cli.commands import PROGRAMS
from xw.cli.corrections.writing import SPAN, quoted, seconds, write
from xw.cli.corrections.wrong import ALL, Corrections, Wrong, group_in, misspelt, nearest_name, peer_in

_WITH_TARGET = ("socket", "tmux")
_FINDING = ("claude", "codex", "opencode")  # their chats find the program of the instance by themselves
_STARTED = ("command", "acp")  # a test compares all of these with xw.bridges.kinds


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
    """Correct who and prompt: a word that is a name is the instance to act as; `who` of another is peers."""
    others = [name for word in wrong.words if (name := peer_in(word, known)) and name != known.name]
    if wrong.command.name == "who" and others and others[0] != layout.EVERYONE:
        return [write("peers", others[:1], wrong)]
    for word in wrong.words:
        if (name := peer_in(word, known)) and name != layout.EVERYONE:
            wrong.options["as_name"] = [name]
    return [write(wrong.command.name, [], wrong)]


def peers(wrong: Wrong, known: Known) -> Corrections:
    """Correct peers: one name, or one group."""
    given = [*wrong.options.pop("which", []), *wrong.words]
    words = [part for word in given for part in word.split(",") if part]
    if any(word.lower() in ALL for word in words):
        return [write("peers", [], wrong, everything="yes")]
    named = (peer_in(word, known) or group_in(word, known) or misspelt(word, known) for word in words)
    found = [name for name in named if name] or [
        group for word in words if (group := nearest_name(f"@{word.lstrip('@')}", list(known.groups)))
    ]
    return [write("peers", [name], wrong) for name in found] or [write("peers", [], wrong)]


def unregister(wrong: Wrong, known: Known) -> Corrections:
    """Correct unregister, without `--yes`: it then lists what would happen."""
    wrong.options.pop("confirmed", None)
    given = [*wrong.options.pop("name", []), *wrong.words]
    if not given:
        given = wrong.options.pop("as_name", [])
    own = {"me": known.name, "self": known.name, "myself": known.name}
    words = [part for word in given for part in word.split(",") if part]
    named = (own.get(word.lower()) or peer_in(word, known) or misspelt(word, known) for word in words)
    found = [name for name in named if name and name != layout.EVERYONE]
    return [write("unregister", [name], wrong) for name in found] or [write("peers", [], wrong)]


def hold(wrong: Wrong, known: Known) -> Corrections:
    """Correct hold and resume, which take an instance; a room is paused instead."""
    given = [*wrong.options.pop("name", []), *wrong.words]
    verb = wrong.command.name
    if rooms := [word for word in given if word in known.rooms]:
        return [write(f"room {'pause' if verb == 'hold' else 'resume'}", rooms[:1], wrong)]
    named = (peer_in(word, known) or misspelt(word, known) for word in given)
    return [write(verb, [name], wrong) for name in named if name] or [write("peers", [], wrong)]


def hold_known(wrong: Wrong, known: Known) -> Corrections:
    """Return the call for each instance there is, in place of one that there is not."""
    wrong.options.pop("as_name", None)
    given = [*wrong.options.pop("name", []), *wrong.words]
    return [write(wrong.command.name, [name], wrong) for name in given or known.names if name in known.names]


def groups(wrong: Wrong, known: Known) -> Corrections:
    """Correct join and leave, which take groups; a room has commands of its own."""
    rooms = [word for word in wrong.words if word in known.rooms]
    if rooms:
        return [write(f"room {wrong.command.name}", rooms[:1], wrong)]
    if "room" in wrong.words:
        return [
            write(f"room {wrong.command.name}", [word for word in wrong.words if word != "room"][:1], wrong)
        ]
    given = [*wrong.options.pop("groups", []), *wrong.words]
    words = [part.lstrip("@#").casefold() for word in given for part in word.split(",") if part]
    names = [f"@{word}" for word in words if layout.is_name(word) and word not in layout.RESERVED]
    return [write(wrong.command.name, names or ["@GROUP"], wrong)]


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
        return _settings(wrong, known, room or (known.rooms[0] if len(known.rooms) == 1 else "ROOM"), words)
    only = known.rooms[0] if len(known.rooms) == 1 and name not in ("room create", "room close") else "ROOM"
    return [write(name, [room or only], wrong)]


def _settings(wrong: Wrong, known: Known, room: str, words: list[str]) -> Corrections:
    """Correct room set and room resume: `words 500`, `turns=50`, `+20`, `moderator bob`."""
    flags = {param.flag.lstrip("-"): param for param in wrong.command.params if param.flag}
    left: list[str] = []
    for word in words:
        left += word.split("=", 1) if word.partition("=")[0] in flags else [word]
    while left:
        word = left.pop(0)
        key = word.lower().replace("_", "-")
        if key in flags and left:
            value = left.pop(0)
            if key == "persona" and "=" not in value and left:
                value = f"{value}={left.pop(0)}"
            wrong.options[flags[key].name] = [value]
        elif re.fullmatch(r"\+?\d+", word):
            wrong.options.setdefault("turns", [word])
    if member := wrong.flagged("--members", "--member", "--add", "--invite"):
        return [write("room join", [room], wrong._replace(options={}), member=member.split(",")[0])]
    if topic := wrong.flagged("--topic", "--seed", "--subject"):
        return [write("room say", [room, topic], wrong._replace(options={}))]
    if limit := wrong.flagged("--limit", "--max", "--max-turns"):
        wrong.options.setdefault("turns", [limit])
    for param in flags.values():
        if param.metavar == "N|+N" and param.name in wrong.options:
            wrong.options[param.name] = [_limit(param.flag, wrong.options[param.name][0])]
    policy = wrong.options.get("policy", ["free"])[0]
    if not nearest_name(policy, ["free", "round-robin", "mention", "moderator"]):
        wrong.options["policy"] = ["round-robin"]
    for value in wrong.options.get("moderator", []):
        name = peer_in(value, known) or misspelt(value, known)
        if not name:
            return [write("room show", [room], wrong._replace(options={}))]
        wrong.options.update(policy=["moderator"], moderator=[name])
    set_ones = [param.name for param in flags.values() if param.name in wrong.options]
    if not set_ones and wrong.command.name == "room set":
        return [write("room show", [room], wrong)]
    return [write(wrong.command.name, [room], wrong)]


def _limit(flag: str, given: str) -> str:
    """Return a limit as it is written: a number, of seconds where it is a time, or `+N`."""
    text = given.strip().lower()
    if text in ("never", "none", "no", "off", "unlimited", "infinite", "inf"):
        return "0"
    plus = "+" if "+" in text else ""
    bare = text.strip("+-")
    if flag in ("--quiet", "--answer") and SPAN.fullmatch(bare):
        return plus + seconds(bare)
    return plus + bare if bare.isdigit() else "+20"


def bridge(wrong: Wrong, _known: Known) -> Corrections:
    """Correct bridge: a word that is no kind is a pane of tmux."""
    words = [word for word in wrong.words if word.lower() not in ("start", "run", "to", "--")]
    if not words or words[0].lower() in ("list", "ls", "show"):
        return [write("bridge", [], wrong, listing=[""])]
    kind = words[0].lower()
    if kind not in _WITH_TARGET + _FINDING + _STARTED:
        return [write("bridge", ["tmux"], wrong, target=[words[0]])]
    if kind not in _STARTED:
        if len(words) > 1:
            return [write("bridge", [kind], wrong, target=[words[1]])]
        if kind in _FINDING:
            return [write("bridge", [kind], wrong)]
        return [] if wrong.options.get("target") else [write("bridge", [kind], wrong, listing=[""])]
    started = " ".join(quoted(word) for word in words[1:]) or "COMMAND"
    return [f"{write('bridge', [kind], wrong)} -- {started}"]


def launch(wrong: Wrong, known: Known) -> Corrections:
    """Correct launch: the name stands before the program; several agents are written NAME=PROGRAM."""
    name = wrong.take("as_name", "name")
    wrong.options.pop("as_json", None)
    words = _joined([word for word in wrong.words if word != "-"])
    if not name and words and (match := re.fullmatch("([a-z0-9-]+):(.+)", words[0])):
        words[0] = f"{match[1]}={match[2]}"
    if name and layout.is_name(name) and words and "=" not in words[0]:
        words = words[1:] if words[0] == name else words
    elif words and "=" not in words[0]:
        if words[0] in PROGRAMS:
            name = "alice" if "alice" not in known.rooms else "NAME"
        else:
            name, words = words[0], words[1:]
    if not name or not words or "=" in words[0]:
        return [write("launch", words, wrong)] if words and "=" in words[0] else []
    line = " ".join(quoted(word) for word in words)
    if "room" in wrong.options or "detach" in wrong.options:
        return [write("launch", [f"{name}={' '.join(words)}"], wrong)]
    return [f"{write('launch', [name], wrong)} -- {line}"]


def _joined(words: list[str]) -> list[str]:
    """Return words with `a = claude`, `a= claude` and `a =claude` as one."""
    found: list[str] = []
    for word in words:
        if found and (word.startswith("=") or found[-1].endswith("=")):
            found[-1] += word
        else:
            found.append(word)
    return found


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
