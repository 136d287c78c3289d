"""End a step before or after any change of a file, as kill -9 would: a change is one call of `LocalFiles`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from xw.files.local import LocalFiles

CHANGES = (
    "publish_all",
    "replace",
    "rewrite",
    "store",
    "move_all",
    "remove_all",
    "remove_folder",
    "remove_empty_folder",
    "make_folders",
)


class Killed(BaseException):
    """The process ends here; nothing catches it."""


@contextmanager
def killed_at(number: int, after: bool) -> Iterator[list[str]]:
    """End before, or after, the change with this number; yield the names of those that began."""
    began: list[str] = []

    def patched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:
            began.append(name)
            if len(began) == number and not after:
                raise Killed
            done = real(*arguments, **options)
            if len(began) == number:
                raise Killed
            return done

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(LocalFiles, name, patched(name, getattr(LocalFiles, name)))
        yield began


def at_each_change(act: Callable[[], object], fresh: Callable[[], None], check: Callable[[], None]) -> int:
    """From a fresh ground, kill `act` at each change, and let `check` look; return the number of kills."""
    for number in range(1, 200):
        for after in (False, True):
            fresh()
            try:
                with killed_at(number, after) as began:
                    act()
            except Killed:
                check()
                continue
            assert len(began) < number
            return 2 * (number - 1)
    raise AssertionError("it never ends")
