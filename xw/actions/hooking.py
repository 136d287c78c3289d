"""What a hook of an agent program does: note what happens in the session's journal, and choose what to tell.

Called for each event of each session, so it imports little, and it never uses the network: a bridge or `xw
sync --watch` carries the mail. Nothing here may fail a program's turn: what goes wrong is a `problem`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from xw import delivery, journal, presence, sessions, told
from xw.actions import telling
from xw.errors import XwError, explain
from xw.hook_events import Dialect, Given, dialect
from xw.instance import Instance
from xw.journal import AgentSession, Journal
from xw.named_tuple import NamedTuple

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would slow every start
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from xw.actions.telling import News
    from xw.hook_events import HookMoment
    from xw.journal import EventKind

_OLD_S = 30 * 86400.0
_KINDS: "dict[HookMoment, EventKind]" = {
    "start": "start",
    "prompt": "prompt",
    "end": "answer",
    "exit": "exit",
}


class Reply(NamedTuple):
    """What a hook answers: a text for the model and problems for the user; `output` is the program's JSON."""

    text: str
    problems: tuple[str, ...]
    output: dict[str, object]


@contextmanager
def handled(
    instance: Instance, given: Given, moment: "HookMoment", environ: Mapping[str, str] = os.environ
) -> Iterator[Reply]:
    """Note an event of a session, and yield what to answer the program.

    Mail in the text counts as told unless the caller leaves by an error.
    """
    words = dialect(given.program)
    problems: list[str] = []
    try:
        _note(instance, given, moment, words, environ)
    except (OSError, XwError) as error:
        problems.append(f"the session's journal cannot be written: {explain(error)}")
    with ExitStack() as stack:
        lines = [_introduction(instance, environ)] if moment == "start" else []
        try:
            if moment != "exit" and delivery.may_show(instance, moment, environ):
                found = stack.enter_context(_news(instance, given, moment))
                lines.append(telling.text(found, instance.name, instance.now(), moment == "start"))
                if moment == "start" and found.others:
                    lines.append(
                        f"xw: {found.others:,} more pending, shown to this session before: `xw check`"
                    )
        except (OSError, XwError) as error:
            problems.append(f"new mail is not shown, `xw check` lists it: {explain(error)}")
        text = "\n".join(filter(None, lines))
        warning = f"xw: {'; '.join(problems)}" if problems else ""
        yield Reply(text, tuple(problems), words.output(moment, text, warning))
    # Last: whatever keeps the presence from being written must not keep the mail back.
    with suppress(OSError, XwError):
        _be_present(instance, moment)


def _news(instance: Instance, given: Given, moment: "HookMoment") -> "AbstractContextManager[News]":
    if not given.session:
        raise XwError("the program gave no session_id")
    goes_on = given.fields.get("stop_hook_active")
    turn = telling.Turn(goes_on if isinstance(goes_on, bool) else None) if moment == "end" else None
    return telling.news(instance, given.session, turn)


def _introduction(instance: Instance, environ: Mapping[str, str]) -> str:
    """Return the lines that tell an agent who it is, and when it is shown mail."""
    held = delivery.held(instance.mailbox)
    now = delivery.effective(instance, environ).value
    when = {
        "asked": "You are shown mail only when you run `xw check`",
        "start": "After this, you are shown mail only when you run `xw check`",
        "turn": "New mail is shown with your turns",
        "push": "New mail is shown by itself; if it ends with `answer NAME in your next message`, do that: "
        "`xw reply` would replace that message",
    }[now]
    if held:
        when = "Mail is on hold: you are shown it only when you run `xw check`"
    return (
        f"xw: you are {instance.name}; other agents write to you, and you to them: `xw check`, `xw read ID`, "
        f"`xw reply ID TEXT`, `xw send --to NAME task|question|info TEXT`, `xw done ID`, `xw peers`. {when}."
    )


def _note(
    instance: Instance, given: Given, moment: "HookMoment", words: Dialect, environ: Mapping[str, str]
) -> None:
    """Note the session and the event; remove what is known of old sessions."""
    mailbox = instance.mailbox
    if given.session:
        kept = Journal(mailbox, given.program, given.session)
        if moment == "exit" and _goes_on(kept):
            return
        _note_session(kept, given, moment, environ)
        text = {
            "start": given.text("source"),
            "prompt": given.text("prompt"),
            "end": given.text(words.answer) if words.answer else "",
            "exit": given.text("reason"),
        }[moment]
        kept.add(_KINDS[moment], text, given.text("turn_id", "prompt_id"))
    if moment == "start":
        before = mailbox.files.now() - _OLD_S
        journal.remove_old(mailbox, before)
        told.remove_old(mailbox, before)


def _goes_on(kept: Journal) -> bool:
    """Return True if another process has resumed the session: this is the late end of an earlier one."""
    known = kept.session()
    return known is not None and known.lives and known.process != sessions.program_process()


def _be_present(instance: Instance, moment: "HookMoment") -> None:
    """Report to peers that the owner is here, or gone with its last session."""
    if moment != "exit":
        presence.attend(instance.mailbox)
    elif not journal.sessions(instance.mailbox):
        presence.depart(instance.mailbox)


def _note_session(kept: Journal, given: Given, moment: "HookMoment", environ: Mapping[str, str]) -> None:
    """Note what is known of the session, at its start, or if that is not noted or has changed."""
    process = sessions.program_process()
    known = None if moment == "start" else kept.session()
    if known and (known.process == process or moment == "exit"):
        return
    kept.note(
        AgentSession(
            given.program,
            given.session,
            process,
            given.text("cwd"),
            environ.get("CLAUDE_CODE_MESSAGING_SOCKET", ""),
            environ.get("CLAUDE_CODE_MESSAGING_TOKEN", ""),
            given.text("transcript_path"),
            environ.get(delivery.RUN, ""),
        )
    )
