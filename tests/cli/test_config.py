"""xw.json: missing, broken, or only nearly right."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cli.team import Team, call
from xw import config, config_schema
from xw.errors import Damaged, Usage
from xw.message import parse_object

_GOOD: dict[str, Any] = {"format": 1, "hub": ".xw/hub", "instances": {"alice": {}}}


_PYDANTIC = (
    r"\b(Input|should|valid (string|number|integer|list|dictionary|boolean)|Field required|permitted)\b"
)


def _with(**change: object) -> str:
    return json.dumps(_GOOD | change)


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("", ["not valid JSON"]),
        ("{", ["not valid JSON"]),
        ("[" * 100_000, ["not valid JSON"]),
        ("\x00", ["not valid JSON"]),
        ("[]", ["not a JSON object"]),
        ("null", ["not a JSON object"]),
        ('{"format": 1, "format": 1}', ["a key appears twice"]),
        ('{"format": 1, "hub": "h", "offline_s": 1e999}', ["1e999 is too large a number"]),
        ("{}", ["format"]),
        ('{"format": 1}', ["hub", "required"]),
        (_with(format=2), ["format", "1", "found 2"]),
        (_with(format="1"), ["format"]),
        (_with(hub=""), ["hub"]),
        (_with(hub=7), ["hub", "string"]),
        (_with(hub="a\0b"), ["hub"]),
        (_with(hub="\ud800"), ["not valid JSON"]),
        (_with(hub="nats://x/y"), ["xw.json: hub: ", "unknown kind of hub"]),
        (_with(hub="file://"), ["xw.json: hub: ", "not a path"]),
        (_with(instances=[]), ["instances", "an object, {…}", "found []"]),
        (_with(instances={"Alice": {}}), ["instances.Alice: expected an instance name: 1 to 32 of a-z"]),
        (_with(instances={"alice\n": {}}), ["instances.alice"]),
        (_with(instances={"all": {}}), ["'all' is reserved"]),
        (_with(instances={"alice": []}), ["instances.alice"]),
        (_with(instances={"alice": {"kind": "robot"}}), ["instances.alice.kind", "'agent'", "robot"]),
        (_with(instances={"alice": {"capabilities": "x"}}), ["instances.alice.capabilities", "list"]),
        (_with(instances={"alice": {"capabilities": [1]}}), ["instances.alice.capabilities.0", "string"]),
        (_with(instances={"alice": {"descripton": "x"}}), ["descripton", "did you mean description"]),
        (_with(instances={"alice": {"zzzz": "x"}}), ["zzzz", "known: description"]),
        (_with(instnaces={}), ["instnaces", "did you mean instances"]),
        (_with(offline_s=0), ["offline_s", "greater than 0"]),
        (_with(offline_s="5"), ["offline_s: expected a number, found '5'"]),
        (_with(offline_s=2e9), ["offline_s: expected a number less than 1,000,000,000"]),
        (_with(offline_s=10**400), ["too large a number"]),
        (_with(offline_s=float("nan")), ["NaN is not JSON"]),
        (_with(offline_s=-1.0), ["offline_s", "greater than 0", "-1.0"]),
        (_with(retention_days=0), ["retention_days", "a whole number, 1 or more"]),
        (_with(retention_days=1.5), ["retention_days", "a whole number", "found 1.5"]),
        (_with(peers=[]), ["peers"]),
        (_with(**{"\x1b[31m": 1}), [r"\x1b[31m"]),
    ],
)  # fmt: skip
def test_a_broken_configuration(empty: Path, text: str, hints: list[str]) -> None:
    """A configuration that cannot be used: exit 2, one line with the file, the key and what is expected."""
    (empty / "xw.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    for command in ("check", "peers", "init"):
        broken = call(empty, command)
        assert (broken.code, broken.out) == (2, ""), broken
        assert broken.err.count("\n") == 1
        for hint in hints:
            assert hint in broken.err
        assert "\x1b" not in broken.err
        assert f"{empty}/xw.json: " in broken.err
    assert (empty / "xw.json").read_bytes() == text.encode("utf-8", "surrogatepass")


def test_a_directory_in_place_of_the_configuration(empty: Path) -> None:
    """An xw.json that is a directory is a usage error."""
    (empty / "xw.json").mkdir()
    for command in ("check", "init"):
        broken = call(empty, command)
        assert (broken.code, "Is a directory" in broken.err) == (2, True)


def test_a_configuration_without_instances(team: Team) -> None:
    """A configuration that names no instance asks for one."""
    (team.folder / "xw.json").write_text('{"format": 1, "hub": ".xw/hub"}')
    none = team.run("check", by=None)
    assert none.code == 2
    assert "names no instance" in none.err


def test_concurrent_inits(team: Team) -> None:
    """Instances that are added at once are all in the configuration afterwards."""
    names = [f"agent-{number}" for number in range(6)]
    started = [team.start("init", "--name", name, by=name) for name in names]
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, ""), out
    written = json.loads((team.folder / "xw.json").read_text())["instances"]
    assert set(names) <= set(written)
    assert [peer["name"] for peer in team.json("peers")["peers"]] == sorted([*names, "bob", "carol"])


def test_unknown_values_survive_in_the_configuration(team: Team) -> None:
    """Writing the configuration keeps what it says of peers, bridges and times."""
    path = team.folder / "xw.json"
    said = json.loads(path.read_text()) | {"offline_s": 2.5, "retention_days": 7}
    said["$schema"] = "schemas/xw.json"
    said["instances"]["bob"]["bridge"] = {"kind": "tmux", "target": "x:0"}
    path.write_text(json.dumps(said))
    team.ok("init", "--name", "dave")
    team.ok("sync")
    written = json.loads(path.read_text())
    assert (written["offline_s"], written["retention_days"]) == (2.5, 7)
    assert written["$schema"] == "schemas/xw.json"
    assert written["instances"]["bob"]["bridge"] == {"kind": "tmux", "target": "x:0"}


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.floats(), st.text(max_size=4),
    st.just("\ud800"), st.just("\0"), st.just(10**400),
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_NAMES = st.one_of(
    st.sampled_from(["alice", "a", "x" * 32, "x" * 33, "all", "-a", "A", "a\n", ""]), st.text()
)
_ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "description": st.one_of(st.text(max_size=3), _VALUES),
        "capabilities": st.one_of(st.lists(st.text(max_size=3), max_size=2), _VALUES),
        "model": st.one_of(st.text(max_size=3), _VALUES),
        "kind": st.one_of(st.sampled_from(["agent", "human", "room"]), _VALUES),
        "bridge": st.one_of(st.dictionaries(st.text(max_size=3), _VALUES, max_size=2), _VALUES),
        "other": _VALUES,
    },
)
_CONFIGS = st.fixed_dictionaries(
    {"format": st.one_of(st.just(1), _VALUES), "hub": st.one_of(st.just("hub"), st.text(), _VALUES)},
    optional={
        "instances": st.one_of(st.dictionaries(_NAMES, st.one_of(_ENTRIES, _VALUES), max_size=2), _VALUES),
        "peers": st.one_of(st.dictionaries(st.text(max_size=3), _VALUES, max_size=2), _VALUES),
        "offline_s": st.one_of(st.floats(), _VALUES),
        "retention_days": st.one_of(st.integers(), _VALUES),
        "$schema": _VALUES,
        "other": _VALUES,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(_CONFIGS, _VALUES))
@example({"format": 1, "hub": "h", "offline_s": 10**400})
@example({"format": 1, "hub": "\ud800"})
@example({"format": 1, "hub": "h", "instances": {"a": {"description": "\ud800"}}})
@example({"format": 1, "hub": "h", "instances": {"a": {"kind": []}}})
@example({"format": 1, "hub": "h", "peers": {"\ud800": 1}})
@example({"format": 1, "hub": "h", "instances": {"a": {"bridge": {"\ud800": 1}}}})
def test_what_looks_right_is_right(data: object) -> None:
    """A configuration that reading accepts without the schema passes the schema too, and is usable."""
    try:
        parsed = parse_object(json.dumps(data).encode())
    except Damaged:
        return  # it does not get that far
    if config._looks_right(parsed):
        config_schema.check(parsed, "xw.json")
        float(parsed.get("offline_s", 1))  # type: ignore[arg-type]  # a number by now


@settings(max_examples=200, deadline=None)
@given(st.one_of(_CONFIGS, _VALUES))
@example({"format": 1, "hub": "h", "instances": {"a": {"bridge": {"kind": "x", "notify": 1}}}})
@example({"format": 1, "hub": "h", "instances": {"a": {"bridge": {"kind": "x", "options": []}}}})
@example({"format": 1, "hub": "h", "offline_s": float("inf")})
@example({"format": 1, "hub": "h", "retention_days": 0})
def test_what_is_wrong_is_said_in_our_words(data: object) -> None:
    """No error text is pydantic's own, whatever the file contains; each names the file."""
    said = ""
    try:
        config_schema.check(data, "xw.json")
    except Usage as error:
        said = str(error)
    assert re.fullmatch(r"(xw\.json: .*(expected |is required|unknown key|is reserved).*)?", said)
    assert not re.search(_PYDANTIC, said)


def test_what_is_right_looks_right() -> None:
    """A configuration as `init` and `sync` write it needs no second look, so reading it stays cheap."""
    entry = {
        "description": "d",
        "capabilities": ["c"],
        "model": "m",
        "kind": "human",
        "bridge": {"kind": "x"},
    }
    whole = {**_GOOD, "instances": {"alice": entry, "b-2": {}}, "peers": {"bob": {}}}
    assert config._looks_right({**whole, "offline_s": 2.5, "retention_days": 7, "$schema": "x"})
    with pytest.raises(Usage):
        config_schema.check({**whole, "offline_s": -1}, "xw.json")


def test_a_fifo_in_place_of_the_configuration(empty: Path) -> None:
    """An xw.json that is a FIFO is a usage error, and does not keep anybody waiting."""
    os.mkfifo(empty / "xw.json")
    broken = call(empty, "check")
    assert (broken.code, "not a regular file" in broken.err) == (2, True)
