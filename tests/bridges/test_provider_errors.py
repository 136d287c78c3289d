"""A provider's error is not an answer, even if the program that prints it exits with status 0."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bridges.helpers import until
from xw.bridges.chat import ChatFailed, Reply
from xw.bridges.command import CommandChat
from xw.bridges.program import Program
from xw.bridges.provider_errors import error_in

ERRORS = [
    (("claude", "-p"), 'API Error: 429 {"type":"error","error":{"type":"rate_limit_error"}}'),
    (("/opt/bin/claude", "-p"), "API Error: 400 stub says 400\n\n"),
    (("sh", "-c", "cd /x && claude -p -c"), "API Error: Connection error."),
    (("env", "A=b", "claude", "-p"), "Claude AI usage limit reached|1764370800"),
    (("claude", "-p"), "You've hit your usage limit · resets 3pm"),
    (("claude", "-p"), "5-hour limit reached ∙ resets 3pm"),
    (("claude", "-p"), "Credit balance is too low"),
    (("claude", "-p"), "Invalid API key · Please run /login"),
    (("claude-agent-acp",), "API Error: 529 Overloaded"),
    (("codex", "exec", "-"), "ERROR: You've hit your usage limit. Upgrade to Pro"),
    (("gemini",), "[API Error: You exhausted your daily quota on this model.]"),
    (("pi", "-p"), 'Error: 400: {"error":"x"}'),
    (("opencode", "run"), "Error: Unauthorized"),
    (("goose", "acp"), "Ran into this error: Rate limit exceeded."),
    (("npx", "claude@2.1", "-p"), "API Error: 500"),
    (("wibwob",), "Error: no key"),
    (("claude", "-p"), "You're out of extra usage · resets 3pm"),
    (("claude", "-p"), "You've hit your limit · resets 3pm"),
    (("claude", "-p"), "You've hit your org's monthly usage limit"),
    (("claude", "-p"), "Opus weekly limit reached ∙ resets Oct 3"),
    (("timeout", "60", "claude", "-p"), "API Error: 400 x"),
    (("nice", "claude", "-p"), "API Error: 400 x"),
    (("python3", "-m", "goose"), "Error: x"),
    (("claude", "-p"), "Not logged in · Please run /login"),
    (("claude", "-p"), 'OAuth token has expired. {"type":"error"}'),
    (("claude", "-p"), "You've hit your limit · resets 3pm\n\n/upgrade to increase it"),
    (("goose", "acp"), "Ran into this error: Overloaded.\n\nPlease retry if you think it is transient."),
    (("codex", "exec", "-"), "ERROR: unexpected status 401 Unauthorized"),
]
ANSWERS = [
    (("claude", "-p"), "The log shows `API Error: 429` three times: the provider's limit was hit."),
    (("claude", "-p"), "You've hit the nail on the head."),
    (("claude", "-p"), "API Errors are listed in docs/errors.md."),
    (("claude", "-p"), "API Error: 429 is what it prints.\n" + "And more to say about it. " * 100),
    (("claude", "-p"), "> API Error: 429\n\nThat is the line."),
    (("claude", "-p"), "API Error: 429 means that you sent too much."),
    (("./agent",), "API Error: 429"),
    (("cat",), "You've hit your usage limit"),
    (("codex", "exec", "-"), "Error handling is in place."),
    (("pi", "-p"), "Errors: none."),
    (("claude", "-p"), ""),
    (("claude", "-p"), "API Error: 429\n\nThat line stands three times in the log."),
    (("claude", "-p"), "OAuth tokens are stored in the keychain."),
    (("claude", "-p"), "Invalid API keys are answered with 401."),
    (("claude", "-p"), "Not logged in users see the start page."),
    (("claude", "-p"), "Usage limit reached by three users yesterday: a, b and c."),
    (("claude", "-p"), "You've hit your limit of three open branches: merge one."),
    (("claude", "-p"), "Please run /login first, then /init."),
    (("codex", "exec", "-"), "ERROR: disk full"),
    (("llm", "-m", "x"), "Error: is how its own errors begin, on stderr and with status 1."),
    (("claude", "-p"), "Done. The last line reads:\nAPI Error: 429 slow down"),
]


@pytest.mark.parametrize(("program", "text"), ERRORS)
def test_an_error_is_recognised(program: tuple[str, ...], text: str) -> None:
    """A known program's error is given by its first line."""
    assert error_in(program, text) == text.strip().splitlines()[0]


@pytest.mark.parametrize(("program", "text"), ANSWERS)
def test_an_answer_is_left_alone(program: tuple[str, ...], text: str) -> None:
    """A text that only mentions errors, or comes from an unknown program, is an answer."""
    assert error_in(program, text) is None


@pytest.mark.parametrize(
    ("name", "fails"), [("claude", True), ("gemini", False), ("agent", False), ("codex", True)]
)
def test_a_command_that_ends_well_with_an_error(tmp_path: Path, name: str, fails: bool) -> None:
    """The command bridge fails the turn of a known program, with its line as the reason."""
    program = tmp_path / name
    said = {"codex": "ERROR: You've hit your usage limit."}.get(name, "API Error: 429 slow down")
    said = "I saw an API Error: 429" if name == "gemini" else said
    program.write_text(f'#!/bin/sh\ncat >/dev/null\necho "{said}"\n')
    program.chmod(0o755)
    chat = CommandChat(Program([str(program), "-p"]), tmp_path / "state")
    mark = chat.mark()
    chat.present(mark, "hi")
    outcome: Callable[[], Reply | None] = lambda: chat.capture(mark, "hi")  # noqa: E731
    if fails:
        with pytest.raises(ChatFailed, match=r"429|usage limit"):
            until(outcome)
    else:
        assert until(outcome).text == said


def test_what_was_taken_for_an_error_is_kept(tmp_path: Path) -> None:
    """The whole text goes with the failure: it may have been an answer after all."""
    said = "API Error: 429\n\nPlease tell me what you make of this line."
    (tmp_path / "claude").write_text(f"#!/bin/sh\ncat >/dev/null\necho '{said}'\n")
    (tmp_path / "claude").chmod(0o755)
    chat = CommandChat(Program([str(tmp_path / "claude")]), tmp_path / "state")
    mark = chat.mark()
    chat.present(mark, "hi")
    with pytest.raises(ChatFailed) as caught:
        until(lambda: chat.capture(mark, "hi"))
    assert caught.value.said == said
