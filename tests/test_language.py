"""Plain English in everything that a person or an agent reads: help, errors, prompts, schemas and pages.

Docstrings and comments are not read here: ruff's pydocstyle rules look at those.
"""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_IS = r"(?:is|was|are|were|has|have|had|can|cannot|may|must|does|do|did|will|would|could)"
_ASKED = r"(?:where|what|which|when|how|why|who)"

WORDS = {
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\brights\b": "permissions",
    r"\bon the side\b": "in the background",
    r"\bfor good\b": "permanently",
    r"\bfor ever\b": "forever",
    r"\bdumb\b(?!-)": "unresponsive",
    r"\banew\b": "again",
    r"\bbut for\b": "except for",
    r"\bat work\b": "running",
    r"\bgiven out\b": "issued",
    r"\bone's\b|\boneself\b": "your own",
    r"\bone who\b": "name the person",
    r"\b(?:hubs?|is|are) elsewhere\b": "on another host",
    r"\bthat there (?:is|are)\b": "name the thing",
    r"\bstands? (?:there|in|after|behind|beside)\b|\bas it stands\b": "is in",
    r"\b(?:lies?|lay) (?:in|below|beside|inside|within|elsewhere|there|on|at|here)\b": "is in",
    r"\bgo(?:es)? together\b|\b(?:does|do) not go with\b": "exclude each other",
    r"\b(?:is|are|was|were|be|been) (?:said|told)\b": "report",
    r"\b(?:is|are|was|were|be|been) looked at\b": "check, read",
    r"\b(?:is|are|was|were|be|been) (?:never )?taken for\b": "treat as, mistake for",
    r"\bsaid to be\b": "report",
    rf"\bsays (?:so|{_ASKED[3:-1]})\b": "report, show",
    rf"(?<!cannot )\btells? {_ASKED}\b": "show",
    r"\bgo(?:es|ing)? on\b": "continue",
    r"\bgives? (?:itself|themselves) away\b": "show",
    r"\bput (?:it |them )?right\b": "fix",
    r"(?<![Tt]here )\b(?:is|are) no (?!longer\b|more\b|less\b|later\b|such\b)\w+": "is not a …",
    rf"\b(?:what|whoever|whatever) (?:\w+ )?{_IS} (?:\w+ )?{_IS}\b": "name the thing",
    r"(?:^|[.;] )(?:What|Who|Whoever|Whatever|Whether) (?![^.]*\?)": "name the thing or the person",
    r"(?:^|[.;] )Where\b(?![^.]*\?)": "If …",
}
"""Patterns of what a native engineer would not write, each with what to write instead (shared/STYLE.md)."""

MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "xw").rglob("*.py"))
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "hub_template").glob("*.md"))
)


@functools.cache  # three of four literals occur more than once
def _found(text: str) -> list[str]:
    return [
        f"{match.group(0).strip()!r}: {better}"
        for pattern, better in WORDS.items()
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]


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
    """Yield each string literal, except docstrings: errors, help, findings, frames, schemas."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield _written(node)
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _literals(child)


def _prose(path: Path) -> str:
    """Return a page without code blocks, inline code, headings, and table rows that name a test."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^\|.*`tests/.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"^#.*$", "", re.sub(r"`[^`]*`", "`…`", text), flags=re.MULTILINE)


def _texts_of(name: str) -> Iterable[str]:
    if name in PAGES:
        return [_prose(ROOT / name)]
    return _literals(ast.parse((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", [*PAGES, *MODULES])
def test_texts_use_plain_english(name: str) -> None:
    """No page has any of `WORDS`, nor any text in the code."""
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
        "its reason lies in failed/",
        "`xw trace` tells where a message is",
        "each row says why it stands there",
        "`xw doctor` names those that there are",
        "an answer is never taken for a failure",
        "--adopt and --watch do not go together",
    ],
)
def test_old_prose_is_found(text: str) -> None:
    """The list finds sentences that stood in xw."""
    assert _found(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is a hub?",
        "There is no peer yet.",
        "It is no longer there; tell its sender.",
        "xw cannot tell which of them it is.",
        "It says that none is needed.",
    ],
)
def test_plain_prose_is_not_found(text: str) -> None:
    """Questions, and the same words in good sentences, stay."""
    assert _found(text) == []
