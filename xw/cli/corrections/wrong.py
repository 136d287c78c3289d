"""A wrong call, and what its words may be: names of peers, types, ids, numbers."""

from difflib import get_close_matches
from typing import NamedTuple

from xw import ids, layout
from xw.agent.functions import Known
from xw.cli.commands import Command
from xw.cli.synonyms import TYPE_OF

ALL = ("all", "everything", "everyone", "everybody", "*")
LATEST = ("latest", "last", "newest", "recent", "new", "next", "first", "oldest")
Corrections = list[str]


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
        found = {f"--{name}": values[0] for name, values in self.options.items() if values} | self.unknown
        return next((found[flag] for flag in flags if flag in found), None)


def nearest_name(word: str, names: list[str]) -> str | None:
    """Return the name that a misspelt word is closest to, or None."""
    spelt = {name.casefold(): name for name in names}
    close = get_close_matches(word.casefold(), list(spelt), n=1, cutoff=0.7 if len(word) > 3 else 0.6)
    return spelt[close[0]] if close else None


def misspelt(word: str, known: Known) -> str | None:
    """Return the peer whose name a word may be, misspelt, or None."""
    return nearest_name(word, [name for name in known.names if name != known.name])


def peer_in(word: str, known: Known) -> str | None:
    """Return the name that a word is, in any case and with `@` or a comma around it, or None."""
    plain = word.strip(" ,:;<>").removeprefix("@").casefold()
    if plain in ALL:
        return layout.EVERYONE
    return next((name for name in known.names if name.casefold() == plain), None)


def group_in(word: str, known: Known) -> str | None:
    """Return the group that a word is, as `@NAME`, in any case and without the sign too, or None."""
    plain = word.strip(" ,:;<>").lstrip("@#").casefold()
    return next((group for group in known.groups if group == f"@{plain}"), None)


def peers_in(word: str, known: Known) -> list[str]:
    """Return the names and `@` groups in a word such as `a,b`; empty if it has anything else."""
    address = "," in word or word.startswith("@") or peer_in(word, known)
    parts = word.replace(",", " ").split() if address else []
    found = [peer_in(part, known) or (group_in(part, known) if "@" in word else None) for part in parts]
    return [name for name in found if name] if found and all(found) else []


def recipients(wrong: Wrong, known: Known) -> list[str]:
    """Return the names given as recipients, the nearest ones for misspelt ones."""
    found: list[str] = []
    others = [name for name in known.names if name != known.name]
    for value in wrong.options.pop("to", []):
        for one in value.replace(",", " ").split():
            if one in ("and", "&", "+"):
                continue
            name = peer_in(one, known) or group_in(one, known)
            if not name and one.startswith("@"):
                name = nearest_name(one, list(known.groups))
            as_given = one if known.name and not others and layout.is_name(one) else None
            found.append(name or nearest_name(one.lstrip("@"), others) or as_given or "NAME")
    if any(flag in wrong.unknown for flag in ("--all", "--broadcast", "--everyone")):
        found.append(layout.EVERYONE)
    return list(dict.fromkeys(found))


def or_only_peer(to: list[str], known: Known) -> list[str]:
    """Return the recipients; if there are none, the only peer, else `NAME`."""
    others = [name for name in known.names if name != known.name and name not in known.rooms]
    return to or (others if len(others) == 1 else ["NAME"])


def type_of(word: str) -> str | None:
    """Return the type of message that a word stands for, or None."""
    return TYPE_OF.get(word.lower().strip(":,"))


def id_in(word: str, known: Known) -> str | None:
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


def take_ids(wrong: Wrong, known: Known) -> list[str]:
    """Take the ids out of the words and options of a call."""
    given = [value for name in ("token", "tokens", "re") for value in wrong.options.pop(name, [])]
    found = []
    for word in [*given, *wrong.words]:
        parts = [id_in(part, known) for part in word.strip(",").split(",")]
        if all(parts):
            found += [part for part in parts if part]
            if word in wrong.words:
                wrong.words.remove(word)
    return list(dict.fromkeys(found))


def short_ids(names: tuple[str, ...]) -> list[str]:
    """Return the short ids in file names."""
    return [layout.short_id(name) for name in names]


def unanswered(known: Known, sender: str | None = None) -> list[str]:
    """Return the ids of pending tasks and questions, the newest first, perhaps of one sender."""
    found = (layout.file_name(name) for name in reversed(known.pending))
    return [
        layout.short_id(one.id)
        for one in found
        if one and one.type in ("task", "question") and sender in (None, one.sender)
    ]
