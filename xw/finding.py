"""A finding of `doctor`: what is right or wrong, with a stable code and numbers for programs.

The doctor's own checks yield findings, and so may every hub. Sentences may change from version to
version; levels and codes may not.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

from xw import clock
from xw.codes import Code, Level
from xw.errors import XwError, explain

if TYPE_CHECKING:
    from xw.shapes import upkeep


class Finding(NamedTuple):
    """One thing that `doctor` looked at, and how to fix it where it is not in order.

    `number` is how many messages, folders or files it is about, `age_s` the age of the oldest in
    seconds, `skew_s` how far a clock is ahead in seconds; None where that says nothing. `instance`
    is the one that it is about; `doctor` puts in its own where that is empty.
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
