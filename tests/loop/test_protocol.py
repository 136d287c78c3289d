"""Protocol messages: one readable form, read back from wherever it is found, or named with what is wrong."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xw import protocol
from xw.errors import Usage
from xw.protocol import Malformed, Notice

AT = "2026-11-21T05:30:12.123456Z"
HEAD = "[PROTOCOL:STATUS_UPDATE] from alice at 2026-11-21T05:30:12.123Z"

words = st.text(max_size=60)
said = st.text(min_size=1, max_size=60).filter(lambda text: bool(text.split()))
payloads = st.one_of(
    st.builds(
        lambda summary, retained, task: protocol.make(
            "CONTEXT_COMPACTION", summary=summary, retained=retained, current_task=task
        ),
        said,
        st.lists(words.map(lambda item: item.replace(",", " ")), max_size=5),
        words,
    ),
    st.builds(
        lambda status, task, progress: protocol.make(
            "STATUS_UPDATE", status=status, task=task, progress=progress
        ),
        st.sampled_from(["idle", "working", "blocked", "completed"]),
        words,
        words,
    ),
    st.builds(
        lambda task, priority, context: protocol.make(
            "TASK_HANDOFF", task=task, priority=priority, context=context
        ),
        said,
        st.sampled_from(["low", "medium", "high"]),
        words,
    ),
    st.builds(
        lambda error, recoverable, assistance: protocol.make(
            "ERROR_NOTICE", error=error, recoverable=recoverable, needs_assistance=assistance
        ),
        said,
        st.none() | st.booleans(),
        st.none() | st.booleans(),
    ),
    st.builds(
        lambda status, task: protocol.make("HEARTBEAT", status=status, task=task),
        st.sampled_from(["alive", "busy", "idle"]),
        words,
    ),
)


@given(payloads, st.none() | st.integers(0, 10**17))
def test_round_trip(payload: protocol.Payload, seq: int | None) -> None:
    """Any payload, written and read back, alone or amid other text, is the same; so is its stored form."""
    text = protocol.render(payload, "alice", AT, seq)
    expected = Notice("alice", "2026-11-21T05:30:12.123Z", seq, payload)
    assert protocol.parse(text) == [expected]
    assert protocol.parse(f"I say:\n{text}\n\nand more: text\n{text}\n") == [expected, expected]
    assert protocol.parse("\r\n".join(["before", *text.split("\n"), "", "after"])) == [expected]
    assert protocol.load(protocol.dump(payload)) == payload


@given(st.text(), st.text())
def test_any_text_can_be_parsed(before: str, after: str) -> None:
    """The parser raises nothing, whatever text is around or in place of a protocol message."""
    protocol.parse(before + "\n[PROTOCOL:" + after)
    protocol.parse(f"{before}\n{HEAD}\n{after}")


@pytest.mark.parametrize(
    ("kind", "fields", "lines"),
    [
        (
            "CONTEXT_COMPACTION",
            {"summary": "the tests", "retained": ["plan", "names, dates"], "current_task": "go on"},
            ["Summary: the tests", "Retained: plan, names,dates", "Current task: go on"],
        ),
        (
            "STATUS_UPDATE",
            {"status": "working", "task": "a\nb", "progress": "80%"},
            ["Status: working", "Task: a b", "Progress: 80%"],
        ),
        (
            "TASK_HANDOFF",
            {"task": "review", "priority": "high", "context": "issue 4"},
            ["Task: review", "Priority: high", "Context: issue 4"],
        ),
        (
            "ERROR_NOTICE",
            {"error": "no disk", "recoverable": False, "needs_assistance": True},
            ["Error: no disk", "Recoverable: false", "Needs assistance: true"],
        ),
        ("HEARTBEAT", {"status": "busy", "task": ""}, ["Status: busy"]),
    ],
)
def test_labels_and_order(kind: str, fields: dict[str, object], lines: list[str]) -> None:
    """Each kind has its labels in their fixed order, a value in one line, and no line without a value."""
    text = protocol.render(protocol.make(kind, **fields), "alice", AT)
    assert text.split("\n") == [f"[PROTOCOL:{kind}] from alice at 2026-11-21T05:30:12.123Z", *lines]


def test_seq_and_decoration() -> None:
    """A number after the header and a program's bullet before it are understood."""
    (found,) = protocol.parse(f"  ● {HEAD} seq=17\n    Status: idle\n")
    assert isinstance(found, Notice) and found.seq == 17


def test_frame_ends_it() -> None:
    """The last line of a bridge's frame is not part of the message."""
    (found,) = protocol.parse(f"{HEAD}\nStatus: idle\n[end k7f3q2m9] no answer needed")
    assert isinstance(found, Notice)


@pytest.mark.parametrize(("no", "yes"), [("false", "true"), ("False", "TRUE"), ("no", "yes")])
def test_other_tools_truth(no: str, yes: str) -> None:
    """True and false are read in any case, and as older versions write them."""
    text = f"[PROTOCOL:ERROR_NOTICE] from bob at 2026-11-21T05:30:12Z\nError: x\nRecoverable: {no}\n"
    (found,) = protocol.parse(f"{text}Needs assistance: {yes}\n")
    assert isinstance(found, Notice)
    payload = protocol.make("ERROR_NOTICE", error="x", recoverable=False, needs_assistance=True)
    assert found.payload == payload


def test_what_is_not_known_is_left_out() -> None:
    """An unset truth has neither a line nor a field; an item with commas stays one item."""
    payload = protocol.make("ERROR_NOTICE", error="x")
    assert protocol.render(payload, "alice", AT).endswith("Z\nError: x")
    assert protocol.dump(payload) == {"kind": "ERROR_NOTICE", "error": "x"}
    kept = protocol.make("CONTEXT_COMPACTION", summary="x", retained=["a, b", "c"])
    assert protocol.dump(kept)["retained"] == ["a, b", "c"]
    (read,) = protocol.parse(protocol.render(kept, "alice", AT))
    assert isinstance(read, Notice) and len(read.payload.retained) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f"{HEAD}\nStatus: werking",
            "status is 'werking': expected 'idle', 'working', 'blocked' or",
        ),
        (f"{HEAD}\nTask: x", "status is missing"),
        (f"{HEAD}\nStatus: idle\nPriority: low", "unknown label 'Priority'"),
        (f"{HEAD}\nStatus: idle\nStatus: idle", "Status appears twice"),
        (f"{HEAD}\nStatus: idle\nand so on", "not a `Label: value` line"),
        (HEAD.replace("STATUS_UPDATE", "STATUSUPDATE") + "\nStatus: idle", "did you mean STATUS_UPDATE"),
        ("[PROTOCOL:STATUS_UPDATE] from alice", "the first line is not"),
        (HEAD + " seq=x\nStatus: idle", "the first line is not"),
        ("[PROTOCOL:HEARTBEAT] from bob at 2026-13-01T00:00:00Z\nStatus: idle", "invalid time 2026-13-01T"),
        (
            "[PROTOCOL:ERROR_NOTICE] from bob at 2026-11-21T05:30:12Z\nError: x\nRecoverable: perhaps",
            "recoverable is 'perhaps': expected true or false",
        ),
    ],
)
def test_malformed_is_named(text: str, problem: str) -> None:
    """An invalid text that begins like a protocol message is reported with its problem."""
    (found,) = protocol.parse(text)
    assert isinstance(found, Malformed) and problem in found.problem, found


@pytest.mark.long
def test_many_are_read_in_time() -> None:
    """An answer of first lines alone, 4 MB of them, holds a bridge up for a second, not for two minutes."""
    start = time.process_time()
    assert len(protocol.parse("[PROTOCOL:\n" * 360_000)) == 360_000
    assert time.process_time() - start < 30


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"kind": "STATUS_UPDATE", "status": "idle", "mood": "fine"},
            r"'mood' \(known: status, task, progress\)",
        ),
        ({"kind": "STATUS_UPDATE", "status": 1}, "status is 1: expected 'idle', "),
        ({"kind": "NOTHING"}, "expected a kind that is one of 'CONTEXT_COMPACTION', "),
        ({"status": "idle"}, "expected an object with a kind"),
        ({"kind": "HEARTBEAT", "status": "busy", "taks": "x"}, "did you mean task"),
        ({"kind": "TASK_HANDOFF", "task": " \n"}, r"task is ' \\n': expected a text that is not blank"),
        (
            {"kind": "CONTEXT_COMPACTION", "summary": "x", "retained": "plan"},
            "retained is 'plan': expected a list",
        ),
        ({"kind": "CONTEXT_COMPACTION", "summary": "x", "retained": [1]}, "retained is 1: expected a string"),
        (7, "the payload is 7: expected an object"),
    ],
)
def test_wrong_payload(fields: object, problem: str) -> None:
    """A payload of the wrong shape is refused with the field that is wrong."""
    with pytest.raises(Usage, match=problem):
        protocol.load(fields)
