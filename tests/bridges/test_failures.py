"""A provider's error or an interruption is not an answer; an answer that quotes one is."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.bridges.helpers import Agent, until
from tests.bridges.test_tmux import ask, text_of
from xw.bridges.chat import ChatFailed
from xw.bridges.profiles import GENERIC, PROFILES
from xw.bridges.screen import answer

TEXT = text_of("x")
INPUT = {
    "claude": ["", "─" * 40, "❯", "─" * 40, "  auto mode on"],
    "codex": ["", "", "› Ask Codex to do anything", "", "  stub-1 default · /work"],
    "gemini": ["", " " * 60 + "? for shortcuts", "─" * 40, " >   Type your message"],
    "opencode": ["", "  ┃", "  ╹" + "▀" * 20],
    "pi": ["", "─" * 40, "", "─" * 40],
    "llm": ["> "],
    "generic": ["> "],
}
ECHO = {"claude": "  ", "codex": "  ", "gemini": "   ", "opencode": "  ┃  ", "pi": " "}
ENDS = {"claude": ["", "✻ Baked for 1s · done 8:29 AM"], "codex": ["", "  Worked for 1s • 08:29"]}

BAD = ["● API Error: 400 stub says 400"]
FAILURES = [
    ("claude", [*BAD, *[""] * 20, " " * 40 + "◐ medium · /effort"], "API Error: 400 stub says 400"),
    ("claude", [*BAD, "", " " * 40 + "tmux focus-events off · add it"], "API Error: 400"),
    ("claude", ['● API Error: 529 {"type":"e",', '  "error":{"type":"overloaded_error"}}'], "API Error: 529"),
    ("claude", ["● Let me look.", "", "● API Error: Request timed out."], "API Error: Request timed out."),
    ("claude", ["● You've hit your session limit · resets 3pm", "  /upgrade to go on"], "You've hit"),
    ("claude", ["● Claude usage limit reached. Your limit will reset at 3pm"], "Claude usage limit reached"),
    ("claude", ["● 5-hour limit reached ∙ resets 3pm", *ENDS["claude"]], "5-hour limit reached"),
    ("claude", ["● You're out of extra usage · resets 3pm"], "You're out of extra usage"),
    ("claude", ["● Credit balance is too low"], "Credit balance is too low"),
    ("claude", ["● Invalid API key · Please run /login"], "Invalid API key"),
    ("claude", ["● half of an", "  ⎿  Interrupted · What should Claude do instead?"], "Interrupted · What"),
    ("claude", ["  ⎿  API Error: 500 Internal server error"], "API Error: 500"),
    ("codex", ["• half of an ans", "", "■ Conversation interrupted - tell the model", "  what to do"],
     "■ Conversation interrupted - tell the model what to do"),
    ("codex", ["■ You've hit your usage limit. Try again later."], "■ You've hit your usage limit."),
    ("gemini", ["✦ half of", "", "ℹ Request cancelled."], "ℹ Request cancelled."),
    ("gemini", ["✕ [API Error: quota exceeded]"], "✕ [API Error: quota exceeded]"),
    ("opencode", ["     half of an", "", "     ▣  Build · stub-1 · interrupted"],
     "▣  Build · stub-1 · interrupted"),
    ("opencode", ["     ▣  Build · stub-1 · interrupted"], "▣  Build · stub-1 · interrupted"),
    ("pi", [" Error: 400: {\"error\": \"stub says 400\"}"], "Error: 400"),
    ("pi", [" half of an", "", " Operation aborted"], "Operation aborted"),
    ("pi", [" Operation aborted"], "Operation aborted"),
    ("llm", ["Error: Connection error."], "Error: Connection error."),
    ("generic", ["Ran into this error: Request failed: Bad request (400).", "",
                 "Please retry if you think this is transient."], "Ran into this error: Request failed"),
    ("generic", ["✓ extensions ready", "Ran into this error: no.", "", "Please retry if you want.", "",
                 "  ⏱ 0.96s"], "Ran into this error: no."),
    ("generic", ["You've hit your usage limit"], "You've hit your usage limit"),
    ("generic", ["You have reached your monthly limit."], "You have reached your monthly limit."),
    ("generic", ["429 Too Many Requests"], "429 Too Many Requests"),
    ("generic", ["529 overloaded"], "529 overloaded"),
    ("generic", ["Overloaded"], "Overloaded"),
    ("generic", ["Error code: 429 - {'error': 'rate_limit_exceeded'}"], "Error code: 429"),
    ("generic", ["litellm.RateLimitError: AnthropicException"], "litellm.RateLimitError"),
    ("generic", ["HTTP error 503 from the provider"], "HTTP error 503"),
    ("generic", ["Rate limit reached for gpt-4 in organization x on requests."], "Rate limit reached"),
    ("generic", ["Invalid API key provided: sk-x."], "Invalid API key provided"),
    ("generic", ["Quota exceeded for metric x"], "Quota exceeded"),
    ("generic", ["stream disconnected before completion: x"], "stream disconnected"),
    ("generic", ["stream error: x"], "stream error"),
    ("generic", ["RateLimitError(status=429)"], "RateLimitError"),
    ("generic", ["Rate limit exceeded. Try again later."], "Rate limit exceeded"),
    ("generic", ["Credit balance is too low"], "Credit balance"),
]  # fmt: skip

ANSWERS = [
    ("claude", ["● The log says:", "  API Error: 400 stub says 400", "  and it stops.", *ENDS["claude"]]),
    ("claude", ["● API Error: 400 means that the request was bad.", *ENDS["claude"]]),
    ("claude", ["● API Error: 400 stub says 400", "", "  That is what the log has.", *ENDS["claude"]]),
    ("claude", ["● You've hit your usage limit", "", "  is what it says; wait till 3pm.", *ENDS["claude"]]),
    ("claude", ["● Bash(x)", "  ⎿  API Error: 400", "", "● It fails with a 400.", *ENDS["claude"]]),
    ("claude", ["● Quote:", "    ⎿  Interrupted · What should Claude do instead?", *ENDS["claude"]]),
    ("codex", ["• It printed:", "  ■ Conversation interrupted", "  and went on.", *ENDS["codex"]]),
    ("gemini", ["✦ It said", "  ℹ Request cancelled.", "  and so on"]),
    ("gemini", ["✦ I saw: 429 Too Many Requests"]),
    ("pi", [" The log has", "", " Error: 400: bad", "", " so fix the request."]),
    ("pi", [" He saw Operation aborted", "", " and asked why."]),
    ("pi", [" The last line is Operation aborted"]),
    ("llm", ["Error: is what it prints", "", "when it fails."]),
    ("generic", ["The server said:", "429 Too Many Requests"]),
    ("generic", ["You've hit your usage limit is what Claude says.", "Wait until 3pm."]),
    ("generic", ["Overloaded functions are chosen by their arguments."]),
    ("generic", ["Rate limit exceeded means that you should wait."]),
    ("generic", ["Error 404 is a missing page."]),
    ("generic", ["Invalid API key handling lives in auth.py, line 40."]),
    ("generic", ["Stream errors are handled in loop.py"]),
    ("generic", ["RateLimitError → caught in client.py and retried."]),
    ("generic", ["Rate limit reached → back off and retry."]),
    ("generic", ["RateLimitError.retry_after has the seconds."]),
    ("generic", ["Rate limit reached for three users yesterday"]),
    ("generic", ["403 Forbidden"]),
    ("claude", ["● 500 Internal Server Error", *ENDS["claude"]]),
    ("claude", ["● You've hit your limit of three open branches: merge one.", *ENDS["claude"]]),
    ("generic", ["Goose prints", "Ran into this error: x", "when it fails."]),
]  # fmt: skip


def screen(name: str, rows: list[str]) -> list[str]:
    if name in ECHO:
        echo = [ECHO[name] + line for line in TEXT.split("\n")]
    else:
        echo = ["> " + TEXT.replace("\n", " ⏎ ")]
    return [*echo, "", *rows, *INPUT[name]]


@pytest.mark.parametrize(("name", "rows", "reason"), FAILURES)
def test_failure_is_no_answer(name: str, rows: list[str], reason: str) -> None:
    """The program's own line is the reason, without its decoration and with nothing around it."""
    found = answer(screen(name, rows), PROFILES[name], TEXT)
    assert found.failure.startswith(reason)
    assert "/effort" not in found.failure and "focus" not in found.failure


@pytest.mark.parametrize(("name", "rows"), ANSWERS)
def test_answer_that_quotes_a_failure(name: str, rows: list[str]) -> None:
    """A line of that kind in an answer makes it no failure."""
    found = answer(screen(name, rows), PROFILES[name], TEXT)
    assert found.text and not found.failure, found.failure


def test_failure_in_a_pane(agent: Callable[..., Agent]) -> None:
    """The turn fails with the program's line as its reason; the next one is answered."""
    fake = agent()
    chat = fake.chat()
    mark, text = ask(chat, "raw:●_API_Error:_429_slow_down")
    with pytest.raises(ChatFailed, match=r"^API Error: 429 slow down$"):
        until(lambda: chat.capture(mark, text))
    mark, text = ask(chat, "say:It_says:|API_Error:_429_slow_down", "b2222222")
    assert until(lambda: chat.capture(mark, text)).text == "It says:\nAPI Error: 429 slow down"
    mark, text = ask(chat, "raw:●_half_of|__⎿__Interrupted_·_What_should_Claude_do_instead?", "b3333333")
    with pytest.raises(ChatFailed, match="Interrupted"):
        until(lambda: chat.capture(mark, text))


def test_failure_in_lines(agent: Callable[..., Agent]) -> None:
    """An unknown program's error is a failure too, and its reason has no text of an earlier turn."""
    chat = agent("--lines").chat(GENERIC._replace(pause_s=0.0, settle_s=0.05))
    until(lambda: chat.ready() is None)
    mark, text = ask(chat, "say:swordfish")
    assert until(lambda: chat.capture(mark, text)).text == "swordfish"
    until(lambda: chat.ready() is None)
    mark, text = ask(chat, "say:You've_hit_your_usage_limit", "b2222222")
    with pytest.raises(ChatFailed, match=r"^You've hit your usage limit$"):
        until(lambda: chat.capture(mark, text))


def test_lost_text_fails_the_turn(agent: Callable[..., Agent]) -> None:
    """If the mail has left an unknown program's screen, nothing is filed: the rows may be of another turn."""
    fake = agent("--lines")
    chat = fake.chat(GENERIC._replace(pause_s=0.0, settle_s=0.05))
    until(lambda: chat.ready() is None)
    mark, text = ask(chat, "say:swordfish")
    until(lambda: chat.capture(mark, text))
    fake.tmux.run("send-keys", "-R", "-t", fake.pane)
    fake.tmux.run("clear-history", "-t", fake.pane)
    fake.tmux.run("send-keys", "-t", fake.pane, "-l", "say:swordfish")
    fake.tmux.press(fake.pane, "Enter")
    until(lambda: chat.ready() is None)
    with pytest.raises(ChatFailed, match="has left the program's screen"):
        until(lambda: chat.capture(mark, text))


def test_same_long_answer_after_a_restart(
    agent: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bridge that saw no work takes an equal answer longer than the screen, if it is another turn's."""
    monkeypatch.setattr("xw.bridges.tmux.SILENT_S", 1.0)
    fake = agent("--alt")
    for short in ("b1111111", "b2222222"):
        chat = fake.chat()
        mark, text = ask(chat, f"lines:60 took:{short[1]}", short)
        after = fake.chat()
        assert until(partial(after.capture, mark, text)).text.endswith("line 60 of 60")
    unasked = fake.chat()
    mark = unasked.mark()
    with pytest.raises(ChatFailed, match="shows no answer"):  # nothing has changed since this mark
        until(partial(unasked.capture, mark, text_of("x", "b3333333")))


def test_same_long_answer_twice(agent: Callable[..., Agent]) -> None:
    """An answer longer than the screen is taken a second time as well: the program was seen at work."""
    chat = agent("--alt").chat()
    for short in ("b1111111", "b2222222"):
        until(lambda: chat.ready() is None)
        mark, text = ask(chat, "lines:60 delay:1", short)
        reply = until(partial(chat.capture, mark, text))
        assert reply.truncated and reply.text.endswith("line 60 of 60")
