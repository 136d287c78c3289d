"""Correct the commands that show or settle mail."""

import re

from xw import layout
from xw.agent.functions import Known
from xw.cli.corrections.writing import SPAN, write
from xw.cli.corrections.wrong import (
    ALL,
    LATEST,
    Corrections,
    Wrong,
    misspelt,
    peer_in,
    short_ids,
    take_ids,
    type_of,
    unanswered,
)
from xw.cli.synonyms import NOISE


def on_received(wrong: Wrong, known: Known) -> Corrections:
    """Correct read, done and the other commands on messages that are received."""
    name = wrong.command.name
    several = any(param.many for param in wrong.command.params if not param.flag)
    tokens = take_ids(wrong, known)
    said = {word.lower() for word in wrong.words} | {flag.lstrip("-") for flag in wrong.unknown}
    pending = short_ids(known.pending)
    if not tokens:
        senders = [one for word in wrong.words if (one := peer_in(word, known)) and one != layout.EVERYONE]
        if senders and not said & {*LATEST, *ALL}:
            return [write("check", [], wrong, sender=senders[0])]
        if said & set(ALL) and several and 0 < len(pending) <= 20:
            tokens = pending
        elif said & {"first", "oldest"}:
            tokens = pending[:1]
        elif said & set(LATEST) or (len(pending) == 1 and not wrong.words):
            tokens = pending[-1:]
    if not tokens:
        return [write("check", [], wrong)]
    if not several:
        return [write(name, [token], wrong) for token in tokens]
    return [write(name, tokens, wrong)]


def fail(wrong: Wrong, known: Known) -> Corrections:
    """Correct fail; all words but the ids are the reason."""
    why = wrong.take("why", "body") or wrong.flagged(*NOT_DONE)
    for name in ("failed", "file"):
        wrong.options.pop(name, None)
    tokens = take_ids(wrong, known) or unanswered(known) or ["ID"]
    why = why or " ".join(wrong.words) or "WHY"
    return [write("fail", [token, why], wrong) for token in tokens]


NOT_DONE = ("--failed", "--fail", "--failure", "--error", "--cannot", "--reject", "--reason", "--why")
"""Flags that say of a message, in another command, that it is not handled."""


def resend(wrong: Wrong, known: Known) -> Corrections:
    """Correct resend; without an id, list what the hub has lost."""
    given = wrong.options.pop("force", None)
    tokens = take_ids(wrong, known)
    forced = [value for value in given or [] if value] or (tokens if given else [])
    if not tokens and not forced:
        return [write("sync", [], wrong, repair="yes", dry_run="yes")]
    return [write("resend", [token for token in tokens if token not in forced], wrong, force=forced)]


def on_sent(wrong: Wrong, known: Known) -> Corrections:
    """Correct trace and recall; only a trace is harmless enough to suppose which message is meant."""
    name, tokens = wrong.command.name, take_ids(wrong, known)
    sent = short_ids(known.sent)
    if name != "trace":
        return [write(name, [token], wrong) for token in tokens] or [write("log", [], wrong)]
    if not tokens and sent:
        peers = [one for word in wrong.words if (one := peer_in(word, known)) in known.names and one]
        if peers:
            return [write("log", [], wrong, peer=peers[0])]
        tokens = sent[-1:]
    return [write("trace", tokens[:1], wrong)] if tokens else [write("log", [], wrong)]


def retry(wrong: Wrong, known: Known) -> Corrections:
    """Correct retry; without an id, list the dead letters."""
    tokens = take_ids(wrong, known)
    if tokens:
        return [write("retry", [token], wrong) for token in tokens]
    return [write("check", [], wrong, failed=[""])]


def check(wrong: Wrong, known: Known) -> Corrections:
    """Correct check: its words may be ids, names, types, or belong to wait, watch and log."""
    tokens = take_ids(wrong, known)
    if tokens:
        return [write("read", tokens, wrong) or write("read", tokens[:1], wrong)]
    if wrong.flagged("--wait", "--block", "-w") is not None:
        return [write("wait", [], wrong, timeout=wrong.flagged("--wait", "-w") or None)]
    if wrong.flagged("--watch", "--follow") is not None:
        return [write("watch", [], wrong)]
    if since := wrong.flagged("--since", "--after"):
        return [write("log", [], wrong, since=since, peer=wrong.take("sender"))]
    for sender in wrong.options.get("sender", [])[:1]:
        name = peer_in(sender, known) or misspelt(sender, known)
        wrong.options["sender"] = [name or sender]
    for word in wrong.words:
        lower = word.lower()
        if lower in ("failed", "dead", "errors"):
            wrong.options["failed"] = [""]
        elif lower in ("newest", "latest", "last", "recent"):
            wrong.options["newest"] = [""]
        elif lower in ALL:
            wrong.options["everything"] = [""]
        elif word.isdigit():
            wrong.options["limit"] = [word]
        elif (name := peer_in(word, known)) and name != known.name:
            wrong.options["sender"] = [name]
        elif lower not in NOISE and (kind := type_of(word)):
            wrong.options["kind"] = [kind]
    for value in wrong.options.get("limit", [])[:1]:
        if not re.fullmatch("[1-9][0-9]{0,2}|1000", value):
            del wrong.options["limit"]
            wrong.options["everything"] = [""]
    if "everything" in wrong.options:
        wrong.options.pop("limit", None)
    return [write("check", [], wrong)]


def log(wrong: Wrong, known: Known) -> Corrections:
    """Correct log; a number of lines goes to `tail`."""
    last = wrong.flagged("-n", "--tail", "--limit", "--last", "--count", "--lines", "--max", "-l", "--head")
    kind = wrong.options.pop("kind", None)
    words: list[str] = []
    tokens = take_ids(wrong, known)
    if "thread" not in wrong.options and tokens:
        wrong.options["thread"] = tokens[:1]
    for word in wrong.words:
        name = peer_in(word, known)
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
        elif word.lower() not in NOISE:
            words.append(word)
    for name in [value for value in wrong.options.get("peer", []) if value not in known.names]:
        wrong.options["peer"] = [misspelt(name, known) or "NAME"]
    if words and "grep" not in wrong.options:
        wrong.options["grep"] = [" ".join(words)]
    if kind and last is None:
        return [write("check", [], wrong, kind=kind)]
    call = write("log", [], wrong)
    if not last or not last.isdigit() or "follow" in wrong.options:
        return [call if last is None or "follow" in wrong.options else f"{call} | tail -n 20"]
    return [f"{call} | tail -n {last}"]


def wait(wrong: Wrong, known: Known) -> Corrections:
    """Correct wait: its words may be an id, a time, a name or a type."""
    tokens = take_ids(wrong, known)
    if tokens:
        wrong.options["re"] = tokens[:1]
    for word in wrong.words:
        name = peer_in(word, known)
        if SPAN.fullmatch(word):
            wrong.options["timeout"] = [word]
        elif name and name != layout.EVERYONE:
            wrong.options["sender"] = [name]
        elif kind := type_of(word):
            wrong.options["kind"] = [kind]
    _filters(wrong, known)
    if not wrong.options.get("timeout") and (given := wrong.flagged("--wait", "--max")):
        wrong.options["timeout"] = [given]
    return [write("wait", [], wrong)]


def watch(wrong: Wrong, known: Known) -> Corrections:
    """Correct watch: its words may be a name, a type, or the command for `--exec`."""
    tokens = take_ids(wrong, known)
    if tokens:
        return [write("wait", [], wrong, re=tokens[0])]
    run: list[str] = []
    for word in wrong.words:
        name = peer_in(word, known)
        if not run and name and name != layout.EVERYONE:
            wrong.options["sender"] = [name]
        elif not run and (kind := type_of(word)):
            wrong.options["kind"] = [kind]
        elif run or word.lower() not in NOISE:
            run.append(word)
    _filters(wrong, known)
    if run:
        wrong.options.setdefault("execute", [" ".join(run)])
    elif wrong.options.get("execute") == [""]:
        wrong.options["execute"] = ["xw read $XW_ID"]
    elif wrong.flagged("--timeout", "--once", "--first", "-1", "--one") is not None:
        return [write("wait", [], wrong)]
    return [write("watch", [], wrong)]


def _filters(wrong: Wrong, known: Known) -> None:
    """Let `--from` and `--type` have one known value, or none."""
    if given := wrong.options.pop("sender", None):
        names = (peer_in(part, known) or misspelt(part, known) for part in ",".join(given).split(","))
        wrong.options["sender"] = [name for name in names if name and name != layout.EVERYONE][:1]
    if given := wrong.options.pop("kind", None):
        kinds = (type_of(part) for part in ",".join(given).split(","))
        wrong.options["kind"] = [kind for kind in kinds if kind][:1]
