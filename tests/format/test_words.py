"""The closed sets of the format: the code, the type checker and the docs name the same words."""

import re
from pathlib import Path
from typing import get_args

from xw import failure, layout, words

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_what_the_start_up_path_spells_out() -> None:
    """Modules that may not import typing name all the words of a set, in its order."""
    assert get_args(words.Type) == layout.TYPES
    assert get_args(words.State) == layout.STATES
    assert set(get_args(words.Kept)) == {*layout.STATES, layout.SENT, layout.OUTBOX}
    assert set(layout.RANK) == set(layout.INBOX) == set(layout.STATES)


def test_kinds_in_the_docs() -> None:
    """The standard lists each kind of a dead letter, and the page of bridges each that a bridge reports."""
    kinds = set(get_args(failure.Kind)) - {"empty"} | {"withdrawn"}  # by its sender, so nobody is told
    (listed,) = re.findall(r"Kinds: (.*?)\.\n", (DOCS / "format.md").read_text(), re.S)
    assert set(re.findall(r"`([a-z]+)`", listed)) == kinds
    table = (DOCS / "bridges.md").read_text().partition("| kind of failure |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", "".join(re.findall(r"(?m)^\| (.*?) \|", table)))) <= kinds
