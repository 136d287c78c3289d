"""The answer to one message of an opencode session, from the session's messages. Pure; called by `opencode`.

A turn has a message of the assistant for each step; those that end in tools have `finish: tool-calls`. All
name the prompt as their `parentID`, unless a person's prompt came during a tool: then the last ones, with the
answer to both, name that one. Or opencode shortened the context: a prompt of its own has a `compaction` part,
its answer is a `summary`, and the turn goes on for another prompt of its own. Seen with 1.18.33.
"""

from typing import Any, NamedTuple

_STEPS = ("tool-calls", "unknown")


class Answers(NamedTuple):
    """What a session has in answer to a message: the words so far, the answer, or why there is none.

    `later` is the answer to a later prompt that joined the turn, or continued it after the context was
    shortened; it counts once the session rests.
    """

    said: str = ""
    text: str | None = None
    error: str = ""
    cut: bool = False
    later: str | None = None


def answers(messages: Any, message: str) -> Answers:
    """Return the answers to a message."""
    replies = [one for one in messages if one["info"]["role"] == "assistant"]
    # By the parent alone: a clock that was set back gives an answer an earlier id.
    ours = [one for one in replies if one["info"].get("parentID") == message]
    after = [one for one in messages if one["info"]["id"] > message]
    said = "\n\n".join(filter(None, map(_words, ours)))
    last = ours[-1] if ours else None
    if last and last["info"].get("error"):
        return Answers(said, error=_why(last["info"]["error"]))
    if last and _is_end(last):
        return Answers(said, _words(last), cut=last["info"].get("finish") == "length")
    joined = [one for one in after if one in replies and _is_end(one)] if ours or _shortened(after) else []
    return Answers(said, later=_words(joined[-1]) if joined else None)


def _is_end(one: Any) -> bool:
    """Return True for the last step of a turn."""
    finish = one["info"].get("finish")
    is_last = bool(one["info"]["time"].get("completed") and finish and finish not in _STEPS)
    return is_last and not one["info"].get("summary")


def _shortened(after: list[Any]) -> bool:
    """Return True if opencode began to shorten the context."""
    return any(part.get("type") == "compaction" for one in after for part in one["parts"])


def _words(one: Any) -> str:
    texts = [part.get("text", "") for part in one["parts"] if part.get("type") == "text"]
    return "\n\n".join(text for text in texts if text)


def _why(error: Any) -> str:
    if error.get("name") == "MessageAbortedError":
        return "somebody interrupted the turn in opencode"
    said = error.get("data", {}).get("message")
    return f"{error.get('name')}: {said}" if said else str(error.get("name"))
