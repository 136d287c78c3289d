"""A program's own rows below its answers are found by comparing turns, and no answer loses a row."""

import pytest

from xw.bridges.furniture import without_furniture

RULE = "─" * 120
AIDER = (["", "Tokens: 2.4k sent, 20 received.", RULE], ["", "Tokens: 12k sent, 1.1k received.", RULE])
GOOSE = (["  ⏱ 3.63s", "  ╌╌╌╌╌╌╌╌╌╌╌ 0% 20/128k"], ["  ⏱ 0.06s", "  ╌╌╌╌╌╌╌╌╌╌ 1% 840/128k"])
PLAIN = (["Tokens: 12", "-----"], ["Tokens: 15", "-----"])
METER = (["tokens used: 12 (3 cached)"], ["tokens used: 15 (0 cached)"])
BELOW = (["=====", "Ready for the next one."],) * 2
TABLE = ["┌───┬───┐", "│ a │ 1 │", "└───┴───┘"]


def above(*turns: list[str]) -> list[str]:
    """Return the screen above a mail: earlier mails, wrapped by the program, each with its turn."""
    rows = ["Welcome", ""]
    for number, turn in enumerate(turns):
        rows += [
            f"> [mail aaaaaaa{number}] x from alice ⏎ y ⏎ [end",
            f"> aaaaaaa{number}] answer alice in your next",
        ]
        rows += ["> message", *turn]
    return rows


@pytest.mark.parametrize(("first", "second"), [AIDER, GOOSE, PLAIN, METER, BELOW])
@pytest.mark.parametrize("said", [["One."], ["a", "", "- b", "12 files"], TABLE])
def test_rows_of_each_turn(first: list[str], second: list[str], said: list[str]) -> None:
    """Rules and counts that end each turn are dropped, whatever their numbers; so is what is below them."""
    assert without_furniture([*said, *second], above(["Other.", "", *first])) == said
    assert without_furniture([*said, *second, "", ""], above(["x", *first], ["Other.", *first])) == said


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (["Checked a.", "There are 12 files."], ["Checked b.", "There are 15 files."]),
        (["a", "Yes."], ["b", "Yes."]),  # words alone may be an answer's
        (["a", "", "✅ 12 tests passed"], ["b", "", "✅ 13 tests passed"]),
        (["a", "```"], ["b", "```"]),
        (["a", *TABLE], ["b", *TABLE]),
        (["Tokens: 12"], ["Tokens: 15"]),  # nothing else is said
        (["-----"], ["-----"]),
        (["a", "Tokens: 12 left"], ["b", "Tokens: 12 were left"]),
        (["a", RULE], ["b", RULE, "c"]),
        (["a", "95%"], ["b", "97%"]),
        ([], ["b", RULE]),
    ],
)
def test_rows_of_an_answer(other: list[str], said: list[str]) -> None:
    """A row that is not the same in each turn, or that is not of a program's kind, stays."""
    assert without_furniture(list(said), above(other)) == said


def test_each_turn_counts() -> None:
    """One earlier turn that ends otherwise is enough to keep a row."""
    turns = [["a", RULE], ["b"]]
    assert without_furniture(["c", RULE], above(*turns)) == ["c", RULE]
    assert without_furniture(["c", RULE], above(turns[0])) == ["c"]


def test_before_the_first_mail() -> None:
    """Without an earlier mail, what is above it tells, such as a person's own turn or the start."""
    assert without_furniture(["c", RULE], ["Welcome", RULE]) == ["c"]
    assert without_furniture(["c", RULE], ["Welcome"]) == ["c", RULE]
    assert without_furniture(["c", RULE], []) == ["c", RULE]
