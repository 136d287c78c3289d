"""The costs of the commands that agents call all the time, as whole processes of the installed script."""

import os
import sys
import sysconfig
from collections.abc import Iterator

from benchmarks import bare
from benchmarks.library import send
from benchmarks.project import pair
from benchmarks.timing import Result, Step, compare, run, scratch
from xw import clock, layout
from xw.instance import Instance
from xw.message import encode

XW = os.path.join(sysconfig.get_path("scripts"), "xw")
_ROUNDS = 100


def hot() -> Iterator[Result]:
    """check, read and done beside a bare start of the same interpreter; send beside bare system calls."""
    with scratch() as folder:
        alice, bob = pair(folder)
        for _ in range(10):
            send(alice)
        oldest = layout.short_id(bob.mailbox.pending()[0])
        start = _python(bob, "-c", "pass")
        for name, arguments, limit in (
            ("check, 10 pending", ["check"], 2.5),
            ("read", ["read", oldest], 2.7),
        ):
            yield compare(f"xw {name}", _xw(bob, arguments), start, limit, _ROUNDS)
        yield compare("xw done", lambda: _done(alice, bob), start, 2.7, _ROUNDS)
        sending = _xw(alice, ["send", "--to", "bob", "task", 100 * "x"])
        yield compare("xw send", sending, _python(alice, bare.__file__, folder), 3.0, _ROUNDS)


def large() -> Iterator[Result]:
    """check of a mailbox that nobody has looked into for long."""
    with scratch() as few, scratch() as many:
        small, large = pair(few)[1], pair(many)[1]
        _fill(small, 10)
        _fill(large, 100_000)
        yield compare(
            "xw check, 100,000 pending : 10", _xw(large, ["check"]), _xw(small, ["check"]), 10.0, 30
        )


def _xw(instance: Instance, arguments: list[str]) -> Step:
    return lambda: run([XW, *arguments], environ(instance))


def _python(instance: Instance, *arguments: str) -> Step:
    return lambda: run([sys.executable, *arguments], environ(instance))


def _done(alice: Instance, bob: Instance) -> float:
    send(alice)
    return run([XW, "done", layout.short_id(bob.mailbox.pending()[-1])], environ(bob))


def _fill(instance: Instance, count: int) -> None:
    """Put messages into an inbox, unsynced: only reading them is measured."""
    start, folder = clock.now(), f"{instance.root}/{instance.mailbox.at('inbox/pending')}"
    for number in range(count):
        name, data = encode(
            {"from": "alice", "type": "info", "to": [instance.name], "body": "x"}, start + number
        )
        with open(f"{folder}/{name}", "wb", buffering=0) as file:
            file.write(data)


def environ(instance: Instance) -> dict[str, str]:
    # With bytecode kept, as an installed xw has it: compiling at each start would double the time.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "XW_NAME": instance.name, "XW_CONFIG": str(instance.config.path)}
