"""`docs/python-api.md` is the whole description: its tables are compared with the code."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import xw
from xw.agent import Agent
from xw.agent.notify import Notify
from xw.agent.rooms import Rooms

PAGE = (Path(__file__).parent.parent.parent / "docs" / "python-api.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^#+ ", PAGE, flags=re.MULTILINE)}
_CALL = re.compile(r"^\| `(\w+)(\(.*?\))` \| (.*?) \|", re.MULTILINE)
_KINDS = {
    Agent: ("Sending", "Receiving", "Waiting", "Looking", "Upkeep"),
    Notify: ("Presence: `agent.notify`",),
    Rooms: ("Rooms: `agent.rooms`",),
}
_PARTS = {"Attachment", "Limits", "Member"}  # of other values, or arguments
_VALUES = [name for name in xw._NAMES if name not in {"Agent", "open", *_PARTS}]


def _methods(kind: type) -> dict[str, Any]:
    return {
        name: method
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }


def _shown(method: Any) -> str:
    """Return a signature as the page has it: without self and types, functions as `…`."""
    parts, starred = [], False
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        starred = starred or bool(star)
        plain = isinstance(parameter.default, (str, int, float, tuple, type(None))) and not hasattr(
            parameter.default, "_fields"
        )
        default = f"={parameter.default!r}" if plain else "=…"
        parts.append(star + parameter.name + ("" if parameter.default is parameter.empty else default))
    return f"({', '.join(parts)})"


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__)
def test_each_method_is_described(kind: type) -> None:
    """The tables have each public method once, with its parameters and what it returns; and no other."""
    text = "\n".join(SECTIONS[title] for title in _KINDS[kind])
    rows = {name: (signature, returned) for name, signature, returned in _CALL.findall(text)}
    methods = {name: method for name, method in _methods(kind).items() if (kind, name) != (Agent, "close")}
    assert {name: signature for name, (signature, _) in rows.items()} == {
        name: _shown(method) for name, method in methods.items()
    }
    for name, (_, returned) in rows.items():
        (value,) = re.findall(r"`(\w+)`", returned)
        assert re.search(rf"\b{value}\b", _annotation(methods[name])), name


def _annotation(method: Any) -> str:
    return str(inspect.unwrap(method).__annotations__["return"])


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.__name__)
def test_what_a_method_returns_has_its_json(kind: type) -> None:
    """Each value that a method returns is public, and its `to_json` returns a type of `xw/shapes`."""
    shapes = [import_module(f"xw.shapes.{name}") for name in ("mail", "rooms", "upkeep")]
    for name, method in _methods(kind).items():
        if (kind, name) == (Agent, "close"):
            continue
        values = [word for word in re.findall(r"\w+", _annotation(method)) if word in xw._NAMES]
        assert values, f"{name} returns nothing that is public"
        for value in values:
            shape = getattr(xw, value).to_json.__annotations__["return"].rpartition(".")[2]
            assert any(hasattr(module, shape) for module in shapes), (value, shape)


def test_the_signature_of_open() -> None:
    """`xw.open` is described as it is."""
    _, *more = inspect.signature(xw.open).parameters.values()
    given = ", ".join(f"{one.name}={one.default!r}" for one in more)
    assert f"`xw.open(name=None, *, {given})`" in PAGE


def test_each_value_is_described() -> None:
    """Each public value and error has its row, or is named in one; fields are named as they are."""
    named = set(re.findall(r"`(?:xw\.)?(\w+)`", PAGE))
    assert set(_VALUES) - named == set()
    for name, fields in re.findall(r"^\| `(\w+)` \| (.*) \|$", SECTIONS["Values"], re.MULTILINE):
        own = getattr(getattr(xw, name), "_fields", None)
        if own:
            assert set(own) <= set(re.findall(r"`(\w+)`", fields)), name


def test_the_codes_of_errors() -> None:
    """An error's exit code is the one in its row."""
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|", SECTIONS["Errors"], re.MULTILINE)
    assert len(rows) > 8
    assert {name: int(code) for name, code in rows} == {name: getattr(xw, name).code for name, _ in rows}
