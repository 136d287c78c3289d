"""Data is split into batches."""

from xw.batches import batches


def test_bursts_are_small_and_in_order() -> None:
    """About 256 KiB go together; what is larger goes alone; nothing makes no batch."""
    kib = [1, 255, 1, 300, 10, 0, 256]
    assert list(batches(kib, lambda size: size * 1024)) == [[1, 255], [1], [300], [10, 0], [256]]
    assert list(batches([], len)) == []


def test_many_small_ones() -> None:
    """Each counts for a KiB at least."""
    assert [len(batch) for batch in batches([""] * 600, len)] == [256, 256, 88]
