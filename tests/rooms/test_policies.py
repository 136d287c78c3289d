"""The policies as pure functions: a table of cases each, and what must hold whatever happens."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xw import words
from xw.cli.commands import COMMANDS
from xw.rooms.policies import POLICIES
from xw.rooms.scene import MINUTE, Limits, Line, Member, Scene, is_pass, mentions

NOW = 1_000 * MINUTE
A, B, C = (Member(name) for name in "abc")
H = Member("h", "human")


def said(*words: str) -> list[Line]:
    """Lines written as `author: text`."""
    lines = []
    for number, word in enumerate(words):
        author, _, text = word.partition(": ")
        lines.append(Line(str(number), author, text, number, frozenset(), mentions(text), is_pass(text)))
    return lines


def had(member: Member, turned: int, heard: int) -> Member:
    """Return a member after a turn."""
    return member._replace(turned=turned, heard=heard)


def asked(policy: words.Policy, members: Sequence[Member], lines: list[Line], **more: object) -> str:
    """Return the next speaker, as one word."""
    turns = max((member.turned for member in members), default=0)
    scene = Scene(tuple(members), lines, turns=turns)._replace(**more)  # type: ignore[arg-type]
    return "".join(POLICIES[policy].speakers(scene, NOW))


FULL = tuple(NOW - 1 for _ in range(6))
OPENED = said("room: hello")
ROUND_ROBIN = {
    "nothing said": ((A, B), [], ""),
    "the first opens": ((A, B, C), OPENED, "a"),
    "then the second": ((had(A, 1, 1), B, C), said("room: hi", "a: x"), "b"),
    "and the first again": ((had(A, 1, 1), had(B, 2, 2)), said("room: hi", "a: x", "b: y"), "a"),
    "one has the floor": ((A._replace(open="id"), B), OPENED, ""),
    "one who is away is left out": ((A._replace(away=True), B), OPENED, "b"),
    "one with nothing new to hear is left out": ((had(A, 1, 1), had(B, 2, 1)), said("room: hi", "a: x"), "b"),
    "a pass is nothing to hear": ((had(A, 1, 2), had(B, 2, 1)), said("room: hi", "a: PASS"), ""),
    "who joins waits as long as all": ((had(A, 3, 1), had(B, 2, 1), had(C, 3, 0)), said("r: 1", "h: 2"), "b"),
    "one over its rate is waited for": ((A._replace(spoke=FULL), B), OPENED, ""),
    "a person is not asked": ((H, B), OPENED, "b"),
    "nobody is there": ((), OPENED, ""),
}
FREE = {
    "nothing said": ((A, B), [], ""),
    "all are asked": ((A, B, C), OPENED, "abc"),
    "the author is not": ((had(A, 1, 1), B, C), said("room: hi", "a: x"), "bc"),
    "one with an open turn is not": ((A._replace(open="id"), B), OPENED, "b"),
    "one over its rate is not": ((A._replace(spoke=FULL), B), OPENED, "b"),
    "one who is away is not": ((A, B._replace(away=True)), OPENED, "a"),
    "a person is not": ((A, H), OPENED, "a"),
}
MENTION = {
    "nobody is named: the first opens": ((A, B), OPENED, "a"),
    "the seed names one": ((A, B), said("room: @b, begin"), "b"),
    "the first named comes first": ((A, B, C), said("room: @c and @b"), "c"),
    "then the next": ((A, B, had(C, 1, 1)), said("room: @c and @b", "c: so"), "b"),
    "older calls before newer": ((A, B, had(C, 1, 1)), said("room: @c @b", "c: @a"), "b"),
    "nobody is named any more": ((had(A, 1, 1), B), said("room: hi", "a: well"), ""),
    "oneself cannot be named": ((had(A, 1, 1), B), said("room: hi", "a: @a"), ""),
    "a stranger is named": ((had(A, 1, 1), B), said("room: hi", "a: @zoe"), ""),
    "all are named": ((had(A, 1, 1), B, C), said("room: hi", "a: @all"), "b"),
    "a person is asked when named": ((had(A, 1, 1), H), said("room: hi", "a: @h?"), "h"),
    "one who is away is left out": ((A, B._replace(away=True), C), said("room: @b @c"), "c"),
    "one over its rate is waited for": ((A, B._replace(spoke=FULL), C), said("room: @b @c"), ""),
    "one has the floor": ((A._replace(open="id"), B), said("room: @b"), ""),
}
MODERATOR = {
    "the moderator opens": ((A, B, C), OPENED, "a"),
    "its word decides": ((had(A, 1, 1), B, C), said("room: hi", "a: @c"), "c"),
    "in the order of its words": ((had(A, 1, 1), B, C), said("room: hi", "a: @c, then @b"), "c"),
    "then the second": ((had(A, 1, 1), B, had(C, 2, 2)), said("room: hi", "a: @c, then @b", "c: x"), "b"),
    "then it is asked again": ((had(A, 1, 1), B, had(C, 2, 2)), said("room: hi", "a: @c", "c: x"), "a"),
    "others' words decide nothing": ((had(A, 1, 1), B, had(C, 2, 2)), said("r: hi", "a: @c", "c: @b"), "a"),
    "it names nobody": ((had(A, 1, 1), B, C), said("room: hi", "a: well"), ""),
    "all are named": ((had(A, 1, 1), B, C), said("room: hi", "a: @all"), "b"),
    "a person speaks: it is asked": ((had(A, 1, 1), B), said("room: hi", "a: well", "h: go on"), "a"),
    "it is away: the others speak in turn": ((A._replace(away=True), B, had(C, 1, 0)), OPENED, "b"),
    "a person who moderates is waited for": ((H._replace(name="a", away=True), B), OPENED, ""),
    "whom it names is away": ((had(A, 1, 1), B._replace(away=True)), said("r: hi", "a: @b", "h: x"), "a"),
    "it has left: the others speak in turn": ((B, C), OPENED, "b"),
    "one has the floor": ((A, B._replace(open="id")), OPENED, ""),
}
CASES = [
    pytest.param(policy, *case, id=f"{policy}: {name}")
    for policy, table in (
        ("round-robin", ROUND_ROBIN),
        ("free", FREE),
        ("mention", MENTION),
        ("moderator", MODERATOR),
    )
    for name, case in table.items()
]


@pytest.mark.parametrize(("policy", "members", "lines", "expected"), CASES)
def test_table(policy: words.Policy, members: tuple[Member, ...], lines: list[Line], expected: str) -> None:
    """Each case of the table has exactly the speakers that it names."""
    assert asked(policy, members, lines, moderator="a") == expected


def test_the_command_line_offers_the_policies_there_are() -> None:
    """`--policy` knows every policy of the table, and no other."""
    create = next(command for command in COMMANDS if command.name == "room create")
    (policy,) = (param for param in create.params if param.name == "policy")
    assert set(policy.choices) == set(POLICIES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@bob and @carol", ("bob", "carol")),
        ("@Bob, @bob!", ("bob",)),
        ("mail bob@carol.org", ()),
        ("(@bob) '@carol'", ("bob", "carol")),
        ("@@bob @-x", ()),
        ("@bob- done", ("bob",)),
        ("@all", ("all",)),
    ],
)
def test_mentions(text: str, expected: tuple[str, ...]) -> None:
    """A name after an `@` is a mention; an e-mail address is not."""
    assert mentions(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("PASS", True), (" *pass*. ", True), ("pass the salt", False), ("", False)]
)
def test_a_pass_is_the_word_alone(text: str, expected: bool) -> None:
    """Only an answer that is nothing but PASS says nothing."""
    assert is_pass(text) is expected


NAMES = ("a", "b", "c", "d")
members_ = st.tuples(
    *(
        st.builds(
            Member,
            st.just(name),
            st.sampled_from(["agent", "agent", "agent", "human"]),
            turned=st.integers(0, 9),
            heard=st.integers(0, 6),
            open=st.sampled_from([None, None, None, "turn"]),
            away=st.sampled_from([False, False, True]),
            spoke=st.lists(st.integers(NOW - 2 * MINUTE, NOW), max_size=3).map(
                lambda times: tuple(sorted(times))
            ),
        )
        for name in NAMES
    )
)
lines_ = st.lists(
    st.builds(
        lambda author, text: f"{author}: {text}",
        st.sampled_from([*NAMES, "room"]),
        st.sampled_from(["x", "PASS", "@a", "@b @c", "@d and @a", "@all", "@nobody"]),
    ),
    max_size=8,
).map(lambda words: said(*words))
scenes = st.builds(
    Scene,
    members_,
    lines_,
    st.builds(Limits, per_minute=st.integers(0, 3)),
    st.integers(0, 9),
    st.sampled_from(NAMES),
)


@given(scenes, st.sampled_from(sorted(POLICIES)))
def test_only_those_who_may_speak_are_chosen(scene: Scene, policy: words.Policy) -> None:
    """A member that is away, has the floor, has no news or is over its rate never gets a turn."""
    chosen = POLICIES[policy].speakers(scene, NOW)
    present = {member.name: member for member in scene.present()}
    assert len(set(chosen)) == len(chosen)
    for name in chosen:
        assert name in present
        assert scene.free_at(present[name]) <= NOW


@given(scenes)
def test_one_at_a_time(scene: Scene) -> None:
    """All policies but free let one member speak at a time."""
    for policy in sorted(set(POLICIES) - {"free"}):
        chosen = POLICIES[policy].speakers(scene, NOW)
        assert len(chosen) <= (0 if scene.waits else 1)


@given(scenes)
def test_free_asks_everybody_it_may(scene: Scene) -> None:
    """`free` leaves out nobody who may speak."""
    may = [m.name for m in scene.present() if m.kind != "human" and scene.free_at(m) <= NOW]
    assert list(POLICIES["free"].speakers(scene, NOW)) == may


@given(scenes)
def test_mention_follows_names(scene: Scene) -> None:
    """`mention` gives the turn to somebody whom another has named, or opens the room."""
    for name in POLICIES["mention"].speakers(scene, NOW):
        (member,) = (one for one in scene.members if one.name == name)
        unheard = scene.lines[member.heard :]
        called = any(line.author != name and {name, "all"} & set(line.names) for line in unheard)
        assert called or scene.turns == 0


@given(scenes)
def test_the_moderators_word_decides(scene: Scene) -> None:
    """`moderator` gives the turn to whom its last word names, or to the moderator, while there is one."""
    if all(member.name != scene.moderator or member.away for member in scene.members):
        return
    for name in POLICIES["moderator"].speakers(scene, NOW):
        words = [line for line in scene.lines if line.author == scene.moderator and not line.silent]
        called = bool(words) and bool({name, "all"} & set(words[-1].names))
        assert name == scene.moderator or called


@given(st.lists(st.sampled_from(["say", "say", "pass", "join", "leave"]), max_size=60), st.integers(2, 4))
def test_round_robin_starves_nobody(deeds: list[str], size: int) -> None:
    """Between two turns of a member, all others who wait have theirs, whoever joins, leaves or passes."""
    names = [f"m{number}" for number in range(size)]
    members = {name: Member(name) for name in names}
    lines = said("room: go")
    waited: dict[str, int] = {}
    for turns, deed in enumerate(deeds):
        if deed == "join":
            members[f"n{turns}"] = Member(f"n{turns}", turned=turns)
        elif deed == "leave" and len(members) > 2:
            gone = next(iter(members))
            del members[gone]
            waited.pop(gone, None)
        lines += said(f"h: {turns}")  # everybody has something to hear at every turn
        scene = Scene(tuple(members.values()), lines, Limits(per_minute=0), turns)
        (name,) = POLICIES["round-robin"].speakers(scene, NOW)
        members[name] = members[name]._replace(turned=turns + 1, heard=len(lines))
        lines += said(f"{name}: {'PASS' if deed == 'pass' else 'x'}")
        waited = {other: waited.get(other, 0) + 1 for other in members} | {name: 0}
        assert max(waited.values()) <= len(members) + deeds[:turns].count("leave")
