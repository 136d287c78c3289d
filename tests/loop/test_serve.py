"""Running a bridge: what it says while it cannot go on, with a worker that follows a script."""

from typing import Any

from xw.bridges import serve
from xw.errors import Unreachable


class Script:
    """Worker, pulse and wake-ups in one: steps end as the script says, then the bridge is stopped."""

    doing = ("idle", "")

    def __init__(self, *steps: Exception | None) -> None:
        self.steps = list(steps)
        self.said: list[str] = []
        self.pauses: list[float | None] = []
        self.stop = serve.Stop()

    def step(self) -> None:
        now = self.steps.pop(0)
        self.stop._asked = not self.steps
        if now:
            raise now

    def changed(self) -> None:
        pass

    def wait(self, pause: float | None) -> None:
        self.pauses.append(pause)

    def run(self) -> list[str]:
        me: Any = self
        serve._loop(me, me, me, self.stop, self.said.append, lambda: False)
        return self.said


def full(scratch: str) -> OSError:
    """A full disk, found out at a scratch file, which has another name each time."""
    return OSError(28, "No space left on device", scratch)


def test_each_trouble_is_said_once() -> None:
    """The same trouble is told when it begins, another one when it takes its place, and the end of all."""
    gone = Unreachable("no route to the hub")
    script = Script(full("a"), full("b"), full("c"), gone, gone, None, None, gone, None)
    said = script.run()
    assert [line.partition(":")[0] for line in said] == [
        "cannot go on now",
        "cannot go on now",
        "goes on",
        "cannot go on now",
        "goes on",
    ]
    assert "the disk is full" in said[0] and "no route" in said[1]


def test_tries_become_rarer() -> None:
    """Between tries a bridge waits longer and longer; after a good step it starts anew."""
    script = Script(full("a"), full("b"), full("c"), None, full("d"))
    script.run()
    first, second, third, good, again = script.pauses
    assert first and second and third and first < second < third
    assert good is None and again == first
