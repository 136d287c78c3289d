"""Which answer in a session's journal belongs to which prompt. Pure; called by `claude`.

Claude Code gives each turn an id, and its hooks note it with each prompt and answer. Seen with 2.1.332:

    prompt 1   answer 1                       the normal case
    prompt 1   answer 1   answer 1            a Stop hook continued the turn: the last answer counts
    prompt 1   prompt 2   prompt 3   answer 3 texts of others that waited together: one answer for all
    prompt 1   prompt 1'  answer 1            a text that came while a tool ran: one answer for both
    prompt 1   prompt 1'  answer 1   answer X typed during turn 1, which used no tool: X is its answer, and
                                              no prompt has this id
    prompt 1   prompt 2   answer 2            or: turn 1 was interrupted, and 2 waited; only the transcript
                                              tells the difference
"""

from collections.abc import Sequence

from xw.journal import Event


def prompt(events: Sequence[Event], text: str) -> Event | None:
    """Return the last prompt that has this text, also among others; None if there is none."""
    held = [event for event in events if event.kind == "prompt" and text.strip() in event.text]
    return held[-1] if held else None


def answer(events: Sequence[Event], asked: Event) -> Event | None:
    """Return the last answer of the turn that took this prompt; None if there is none yet."""
    after = _since(events, asked)
    turns = [asked.turn]
    found: Event | None = None
    for event in after:
        if event.kind == "prompt" and not found:
            turns.append(event.turn)
        elif event.kind == "answer" and event.turn == (found.turn if found else event.turn):
            found = event if found or event.turn in turns else None
        elif event.kind == "answer" and found:
            break
    return found


def is_own(asked: Event, answered: Event) -> bool:
    """Return True if the prompt began the answer's turn, so that no interruption is in doubt."""
    return asked.turn == answered.turn


def is_over(events: Sequence[Event], answered: Event) -> bool:
    """Return True if something after an answer shows that its turn has ended."""
    later = [event for event in _since(events, answered) if not _is_compaction(event)]
    return any(event.kind in ("start", "exit") or event.turn != answered.turn for event in later)


def _is_compaction(event: Event) -> bool:
    """Return True for the start that follows a shortened context, also within a turn."""
    return event.kind == "start" and event.text == "compact"


def came_within(events: Sequence[Event], asked: Event) -> bool:
    """Return True if a prompt came during a turn that another one began."""
    return asked in _within(events, asked)


def own_answer(events: Sequence[Event], asked: Event) -> Event | None:
    """Return the answer to a prompt that a person typed, and to no other; None if there is none.

    Of those typed during one turn, the last ones had turns of their own, whose ids no prompt has.
    """
    typed_within = _within(events, asked)
    if asked not in typed_within:
        return answer(events, asked)
    known = {event.turn for event in events if event.kind == "prompt"}
    own: list[Event] = []
    for event in _since(events, asked):
        if event.kind == "prompt" and event.turn != asked.turn:
            break
        if event.kind == "answer" and event.turn not in known:
            own.append(event)
    index = typed_within.index(asked) - len(typed_within) + len(own)
    return own[index] if index >= 0 else None


def _within(events: Sequence[Event], asked: Event) -> list[Event]:
    """Return the prompts of the same turn without the one that began it."""
    return [event for event in events if event.kind == "prompt" and event.turn == asked.turn][1:]


def _since(events: Sequence[Event], event: Event) -> list[Event]:
    return [later for later in events if later.number > event.number]
