"""No part of xw reads what an error's text says: what one part tells another is a type or a field."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOREIGN = {f"xw/files/ssh/{name}.py" for name in ("keys", "link", "login", "reach")}
"""Files that tell paramiko's errors apart, which have nothing but their texts."""
FOREIGN |= {"xw/bridges/codex.py"}
"""Codex says only in words that it did not take a text."""

READS = {
    "startswith",
    "endswith",
    "partition",
    "rpartition",
    "split",
    "find",
    "index",
    "removeprefix",
    "removesuffix",
}
PATTERNS = {"match", "search", "fullmatch", "findall", "sub"}


def caught(tree: ast.AST) -> set[str]:
    """Return the names that errors are caught by."""
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name} | {
        "error"
    }


def is_text_of(node: ast.AST, errors: set[str]) -> bool:
    """Return True for `str(error)`, and for that in lower case."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "lower":
        return is_text_of(node.func.value, errors)
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str"
    return called and isinstance(node.args[0], ast.Name) and node.args[0].id in errors  # type: ignore[attr-defined]


def parsed(source: str) -> Iterator[int]:
    """Yield the lines that look into the text of an error."""
    if "str(" not in source:
        return  # most modules: nothing in them needs to be parsed
    tree = ast.parse(source)
    errors = caught(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(one, (ast.In, ast.NotIn)) for one in node.ops):
            if any(is_text_of(one, errors) for one in node.comparators):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            read = node.func.attr in READS and is_text_of(node.func.value, errors)
            if read or (node.func.attr in PATTERNS and any(is_text_of(one, errors) for one in node.args)):
                yield node.lineno


@pytest.mark.parametrize(
    "path", sorted((ROOT / "xw").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_error_text_is_parsed(path: Path) -> None:
    """No module looks into the text of an error that it caught or was given."""
    if str(path.relative_to(ROOT)) not in FOREIGN:
        assert list(parsed(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "what, _, fix = str(error).partition(': nothing was sent. ')",
        "late = 'timeout' in str(error).lower()",
        "kind = re.match('x', str(error))",
        "if str(error).startswith('no answer'): pass",
    ],
)
def test_such_a_line_is_found(line: str) -> None:
    """The check finds what it is for."""
    assert list(parsed(line)) == [1]
