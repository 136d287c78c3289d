"""The lists of mutations fit the code: otherwise `make mutate` would try something else than it says."""

from pathlib import Path

import pytest

from tests.mutations import LONGEST, Mutation
from tests.mutations.lists import ALL

_ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("mutation", ALL, ids=lambda one: one.step)
def test_it_can_be_applied(mutation: Mutation) -> None:
    """Its text occurs once, what comes of it is Python, and its tests exist."""
    changed = mutation.applied((_ROOT / mutation.file).read_text())
    compile(changed, mutation.file, "exec")
    assert len(mutation.step) <= LONGEST
    assert mutation.tests
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert (_ROOT / path).exists(), test
        assert not name or f"def {name.partition('[')[0]}(" in (_ROOT / path).read_text(), test


def test_there_are_enough() -> None:
    """Each durable or ordering step has one, and no step is named twice."""
    assert len(ALL) >= 60
    assert len({one.step for one in ALL}) == len(ALL)
