"""The plan of a sync: a pure function from two listings to actions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xw.layout import RANK, STATES
from xw.mirror.plan import Action, Advance, Fetch, Settle, plan
from xw.words import State

NAMES = [f"20261121T05301212345{n}Z-k7f3q2m9.task.alice.json" for n in range(4)]
LISTINGS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(STATES))
M = NAMES[0]


@pytest.mark.parametrize(
    ("mirror", "hub", "expected"),
    [
        (None, "pending", [Fetch(M, "pending")]),
        (None, "processing", [Fetch(M, "processing")]),
        (None, "done", []),
        (None, "failed", []),
        ("pending", "pending", []),
        ("pending", "processing", [Advance(M, "pending", "processing")]),
        ("pending", "done", [Advance(M, "pending", "done")]),
        ("pending", "failed", [Advance(M, "pending", "failed")]),
        ("pending", None, []),
        ("processing", "pending", [Settle(M, "pending", "processing")]),
        ("processing", "processing", []),
        ("processing", "done", [Advance(M, "processing", "done")]),
        ("done", "pending", [Settle(M, "pending", "done")]),
        ("done", "processing", [Settle(M, "processing", "done")]),
        ("done", "failed", [Settle(M, "failed", "done")]),
        ("done", "done", []),
        ("done", None, []),
        ("failed", "pending", [Settle(M, "pending", "failed")]),
        ("failed", "done", [Advance(M, "failed", "done")]),
    ],
)
def test_each_case(mirror: State | None, hub: State | None, expected: list[Action]) -> None:
    """Each pair of states has the action that the table of cases says."""
    assert plan({M: mirror} if mirror else {}, {M: hub} if hub else {}) == expected


@given(LISTINGS, LISTINGS)
def test_done_once_it_is_done(mirror: dict[str, State], hub: dict[str, State]) -> None:
    """After the actions are carried out, a second plan is empty, and no state has moved backward."""
    before = dict(mirror), dict(hub)
    for action in plan(mirror, hub):
        (hub if isinstance(action, Settle) else mirror)[action.name] = action.state
    assert plan(mirror, hub) == []
    for old, new in zip(before, (mirror, hub), strict=True):
        assert all(RANK[new[name]] >= RANK[state] for name, state in old.items())
