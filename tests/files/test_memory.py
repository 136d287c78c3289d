"""Cases that the suite cannot reach from outside: two callers of one place in memory, interleaved."""

import pytest

from tests.files.memory import MemoryFiles


def test_a_move_overtaken_by_another() -> None:
    """A caller held up in a move finds the file gone when another has moved it meanwhile."""
    overtaken = False

    def faults(step: str, path: str) -> None:
        nonlocal overtaken
        if step == "rename" and not overtaken:
            overtaken = True
            files.move("one", "theirs")

    files = MemoryFiles(lambda: 0.0, faults)
    files.publish(b"text", "", ["one"])
    with pytest.raises(FileNotFoundError):
        files.move("one", "mine")
    assert files.list_folder("") == ["theirs"]
