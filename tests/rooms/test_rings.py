"""Rooms that contain each other, in pairs, chains and rings: words reach all, and never go round."""

import itertools

import pytest

from tests.rooms.stage import Stage
from xw.rooms.policies import POLICIES
from xw.words import Policy

SHAPES = {
    "pair": "ab",
    "chain": "ab bc cd",
    "triangle": "ab bc ca",
    "ring of four": "ab bc cd da",
}


def build(stage: Stage, shape: str, policies: tuple[Policy, ...]) -> list[str]:
    """Rooms a, b, …, linked as the shape says; in each lives one agent, `in-a` and so on."""
    links = [set(pair) for pair in SHAPES[shape].split()]
    names = sorted(set().union(*links))
    for name in names:
        stage.add(name, "room")
    for name, policy in zip(names, itertools.cycle(policies)):
        others = [f"{other}:room" for other in names if {name, other} in links]
        limits = {"turns": 0, "per_minute": 0, "words": 0, "quiet_s": 0}
        stage.room(name, " ".join([f"in-{name}", *others]), policy, seed=f"seed of {name}", **limits)
    return names


def converse(stage: Stage, names: list[str]) -> None:
    """Run all rooms until nothing moves; each agent says one thing to everybody, then lets its turns pass."""
    running = [stage.run(name) for name in names]
    spoken: set[str] = set()
    for _ in range(200):
        before = [room.state.turns for room in running]
        for room in running:
            room.step()
        for name in names:
            agent = f"in-{name}"
            if stage.turn(agent):
                stage.answer(agent, "PASS" if agent in spoken else f"@all says {agent}")
                spoken.add(agent)
        if before == [room.state.turns for room in running] and not any(
            stage.instance(name).mailbox.pending() for name in names
        ):
            return
    raise AssertionError(f"they go on and on: {[room.state.turns for room in running]}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "policies", [*((policy,) for policy in POLICIES), ("free", "mention"), ("moderator", "round-robin")]
)
def test_they_come_to_rest(stage: Stage, shape: str, policies: tuple[Policy, ...]) -> None:
    """Without any limit on turns, words or rates, the rooms fall silent once their agents do."""
    names = build(stage, shape, policies)
    converse(stage, names)
    for name in names:
        said = [text for _, text in stage.said(name)]
        assert sum("says" in text and f"in-{name}" in text for text in said) <= 1, "nothing comes back"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("policy", ["free", "round-robin"])
def test_all_are_heard_everywhere(stage: Stage, shape: str, policy: Policy) -> None:
    """If everybody gets turns, a line in one room reaches all rooms linked to it."""
    names = build(stage, shape, (policy,))
    converse(stage, names)
    for name in names:
        heard = "\n".join(text for _, text in stage.said(name))
        assert [other for other in names if f"says in-{other}" not in heard] == [], name
