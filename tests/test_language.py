"""Plain English in help, errors and pages: today's words, no clause with "what" or "who" as its subject."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from xw.cli.commands import COMMANDS, COMMON, GROUPS

ROOT = Path(__file__).parent.parent
_IS = r"(?:is|was|are|were|has|have|had|can|cannot|may|must|does|do|did|will|would|could)"

WORDS = {
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\brights\b": "permissions",
    r"\bon the side\b": "in the background",
    r"\bfor good\b": "permanently",
    r"\bdumb\b": "unresponsive",
    r"\bnone that there (?:is|are)\b": "invalid",
    r"\b(?:is|are|was|were|be|been) (?:said|told)\b": "report",
    r"\bsaid to be\b": "report",
    r"\bgo(?:es|ing)? on\b": "continue",
    r"\bput (?:it |them )?right\b": "fix",
    r"(?<![Tt]here )\b(?:is|are) no (?!longer\b|more\b|less\b|later\b|such\b)\w+": "is not a …",
    rf"\b(?:what|whoever|whatever) (?:\w+ )?{_IS} (?:\w+ )?{_IS}\b": "name the thing",
    r"(?:^|[.;] )(?:What|Who|Whoever|Whatever|Whether)\b(?![^.]*\?)": "name the thing or the person",
}
"""Patterns of what a native engineer would not write, each with what to write instead (shared/STYLE.md)."""

REPORTS = {"complain", "warn", "tell", "_tell", "fail", "_end", "Finding", "_refusal", "problem"}
"""Functions that print or send their text, as an exception does."""


def _found(text: str) -> list[str]:
    return [
        f"{match.group(0).strip()!r}: {better}"
        for pattern, better in WORDS.items()
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]


def _texts(value: object) -> Iterator[str]:
    """Yield each text in nested tuples and dicts, such as the definition of a command."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(tuple(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _texts(part)


def _written(node: ast.AST) -> str:
    """Return the text of a string literal, with … for each value in an f-string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            "…" if isinstance(part, ast.FormattedValue) else _written(part) for part in node.values
        )
    return ""


def _literals(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield _written(node)
        return
    for child in ast.iter_child_nodes(node):
        yield from _literals(child)


def _is_report(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return True
    name = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", ""))
    return isinstance(node, ast.Call) and name in REPORTS


def _errors(path: Path) -> Iterator[str]:
    """Yield the literals of a module in raise statements and in calls of `REPORTS`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if _is_report(node):
            yield from _literals(node)


def _prose(path: Path) -> str:
    """Return a page without code blocks, inline code and headings."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^#.*$", "", re.sub(r"`[^`]*`", "`…`", text), flags=re.MULTILINE)


HELP = "xw/cli/commands.py"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "xw").rglob("*.py"))
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "hub_template").glob("*.md"))
)


def _texts_of(name: str) -> Iterable[str]:
    """Return the texts of a file that a person or an agent reads: prose, or errors and help."""
    if name in PAGES:
        return [_prose(ROOT / name)]
    return [*_errors(ROOT / name), *(_texts((COMMANDS, COMMON, GROUPS)) if name == HELP else ())]


@pytest.mark.parametrize("name", [*PAGES, *MODULES])
def test_texts_use_plain_english(name: str) -> None:
    """Help, errors and pages have none of `WORDS`."""
    found = {(text[:80], finding) for text in _texts_of(name) for finding in _found(text)}
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "what is damaged is said where it is set aside",
        "What ails the hub is raised.",
        "Who has the lock is told.",
        "its time is none that there is",
        "it mends the rights of a folder on the side, for good",
    ],
)
def test_old_prose_is_found(text: str) -> None:
    """The list finds sentences that stood in xw."""
    assert _found(text)


@pytest.mark.parametrize(
    "text", ["What is a hub?", "There is no peer yet.", "It is no longer there; tell its sender."]
)
def test_plain_prose_is_not_found(text: str) -> None:
    """Questions, and the same words in good sentences, stay."""
    assert _found(text) == []
