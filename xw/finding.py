"""A finding of `doctor`: something right or wrong, with a stable code and numbers for programs.

The doctor's own checks yield findings, and so may every hub. Sentences may change between versions; levels
and codes may not.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock
from xw.codes import Code, Level
from xw.errors import XwError, explain

if TYPE_CHECKING:
    from xw.shapes import upkeep


class Finding(NamedTuple):
    """One result of `doctor`, and how to fix it if it is not in order.

    `number` counts the messages, folders or files concerned, `age_s` is the age of the oldest in seconds,
    `skew_s` the seconds by which a clock is ahead; None if not applicable. `instance` is the instance
    concerned; `doctor` adds its own if it is empty.
    """

    level: Level
    code: Code
    what: str
    fix: str = ""
    number: int | None = None
    age_s: float | None = None
    skew_s: float | None = None
    instance: str = ""

    def to_json(self) -> "upkeep.Finding":
        """Return the object that `--json` prints."""
        told = {"age_s": clock.rounded(self.age_s), "skew_s": clock.rounded(self.skew_s)}
        return cast("upkeep.Finding", self._asdict() | told)


def of_error(error: XwError | OSError) -> Finding:
    """Return the finding for an error that ended a check."""
    told = explain(error)
    return Finding("bad", told.word, str(told))
