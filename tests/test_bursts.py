"""Data is split into bursts."""

from xw.bursts import bursts


def test_bursts_are_small_and_in_order() -> None:
    """About 256 KiB go together; what is larger goes alone; nothing makes no burst."""
    kib = [1, 255, 1, 300, 10, 0, 256]
    assert list(bursts(kib, lambda size: size * 1024)) == [[1, 255], [1], [300], [10, 0], [256]]
    assert list(bursts([], len)) == []


def test_many_small_ones() -> None:
    """Each counts for a KiB at least."""
    assert [len(burst) for burst in bursts([""] * 600, len)] == [256, 256, 88]
