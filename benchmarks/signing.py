"""The cost of signatures: the same commands with signed and with unsigned mail."""

import os
from collections.abc import Iterator
from shutil import rmtree

from benchmarks.commands import XW, environ
from benchmarks.project import pair
from benchmarks.timing import Result, Step, compare, run, scratch
from xw import layout
from xw.instance import Instance

_ROUNDS = 100


def signing() -> Iterator[Result]:
    """check of 10 messages that were verified before; send and reply, each beside the unsigned one."""
    with scratch() as with_keys, scratch() as without:
        signed, plain = _Side(with_keys, keys=True), _Side(without, keys=False)
        for side in (signed, plain):
            for _ in range(10):
                side.step(side.alice, "send", "--to", "bob", "task", 100 * "x")()
        for name, arguments, limit in (
            ("check, 10 signed : unsigned", ["check"], 1.15),
            ("reply, signed : unsigned", ["reply", "", 100 * "x"], 1.35),
        ):
            yield compare(f"xw {name}", signed.bobs(arguments), plain.bobs(arguments), limit, _ROUNDS)
        text = ("send", "--to", "bob", "task", 100 * "x")
        ours, baseline = (side.step(side.alice, *text) for side in (signed, plain))
        yield compare("xw send, signed : unsigned", ours, baseline, 1.35, _ROUNDS)


class _Side:
    """A project whose instances sign, or never had a key; its user's configuration is in it."""

    def __init__(self, folder: str, keys: bool) -> None:
        self._home = f"{folder}/config"
        self.alice, self.bob = pair(folder, {"XDG_CONFIG_HOME": self._home})
        if not keys:
            rmtree(self._home)
            os.mkdir(self._home)
            for name in ("alice", "bob"):
                os.remove(f"{self.alice.root}/{name}/{layout.KEY}")

    def step(self, by: Instance, *arguments: str) -> Step:
        """Return a step that runs a command as one of the two."""
        variables = {**environ(by), "XDG_CONFIG_HOME": self._home}
        return lambda: run([XW, *arguments], variables)

    def bobs(self, arguments: list[str]) -> Step:
        """Return a step of bob's; an empty argument stands for his oldest message."""
        oldest = layout.short_id(self.bob.mailbox.pending()[0])
        return self.step(self.bob, *(argument or oldest for argument in arguments))
