"""Write a wrong call out again as one that works: for each command, what its words may have meant.

`mistakes` sorts the words of the call; this module gives each its place. A word that only the caller can
know stays open, as `NAME`, `ID` or `TEXT`.
"""

import json
import os
import re
from collections.abc import Callable

from xw.agent.functions import Known
from xw.cli.corrections import mail, others, sending
from xw.cli.corrections.wrong import Corrections, Wrong, nearest_name


def corrected(wrong: Wrong, known: Known) -> Corrections:
    """Return the calls that a wrong one may have meant, the likeliest first."""
    _unpack(wrong)
    wrong.words[:] = [word for word in wrong.words if word.strip("<>") not in ("ID", "TYPE", "NAME", "ROOM")]
    form = wrong.flagged("--format", "--output", "-o")
    form = form or (wrong.take("form") if wrong.command.name != "log" else None)
    if form and form.lower().startswith("json"):
        wrong.options["as_json"] = [""]
    if _is_nobody(wrong, known) and not _rename(wrong, known):
        return others.hold_known(wrong, known) if wrong.command.name in ("hold", "resume") else []
    act = _REBUILD.get(wrong.command.name, others.plainly)
    if wrong.command.name in ("reply", "done") and wrong.flagged(*mail.NOT_DONE) is not None:
        act = mail.fail  # `done ID --failed "why"`
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


def _is_nobody(wrong: Wrong, known: Known) -> bool:
    """Return True if a call names an instance nobody knows, so that any call with this name fails too."""
    given = _acting(wrong)
    new = "--as" in wrong.command.hides  # `init` makes it
    return bool(given and not new and not known.name and known.names and given not in known.names)


def _acting(wrong: Wrong) -> str:
    return wrong.options.get("as_name", [""])[0] or os.environ.get("XW_NAME", "")


def _rename(wrong: Wrong, known: Known) -> bool:
    """Let the call act as the instance with the nearest name; return False if no name is near."""
    near = nearest_name(_acting(wrong), list(known.names))
    if near:
        wrong.options["as_name"] = [near]
    return near is not None


_REBUILD: dict[str, Callable[[Wrong, Known], Corrections]] = {
    "send": sending.send,
    "ask": sending.ask,
    "reply": sending.reply,
    "read": mail.on_received,
    "done": mail.on_received,
    "claim": mail.on_received,
    "release": mail.on_received,
    "trace": mail.on_sent,
    "recall": mail.on_sent,
    "fail": mail.fail,
    "resend": mail.resend,
    "peers": others.peers,
    "unregister": others.unregister,
    "join": others.groups,
    "leave": others.groups,
    "hold": others.hold,
    "resume": others.hold,
    "attach": sending.attach,
    "retry": mail.retry,
    "check": mail.check,
    "log": mail.log,
    "wait": mail.wait,
    "watch": mail.watch,
    "init": others.init,
    "notify status": sending.status,
    "notify heartbeat": sending.status,
    "notify handoff": sending.handoff,
    "notify compaction": sending.one_text,
    "notify error": sending.one_text,
    "room say": sending.room_say,
    "bridge": others.bridge,
    "launch": others.launch,
    "gc": others.gc,
    "who": others.as_peer,
    "prompt": others.as_peer,
    **{
        f"room {name}": others.room
        for name in ("create", "run", "show", "join", "leave", "pause", "resume", "set", "close")
    },
}
