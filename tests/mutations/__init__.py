"""The mutation campaign: each durable, ordering or safety step removed once, to see a test fail.

`make mutate` runs it (`__main__`), over the lists beside this file, one for each part of the code. A mutation
names the exact text of one step, its replacement, and the tests that must notice.
"""

from typing import NamedTuple

LONGEST = 88


class Mutation(NamedTuple):
    """One step taken out: `old`, which occurs once in `file`, becomes `new`; `tests` are pytest's arguments."""

    step: str
    """The step, as the published table names it."""
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """Return the file's text without the step. Raise ValueError unless it occurs exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(
                f"{self.step}: {self.file} holds its text {text.count(self.old)} times, not once"
            )
        return text.replace(self.old, self.new)
