"""A process killed by SIGKILL at the calls that change or sync a file: some of each kind, at full size all.

strace kills it as it enters the call. Then nothing acknowledged is lost, nothing torn is visible, no message
went back, another delivery leaves exactly one, and the same command completes.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees import sample, scene, traced
from tests.guarantees.scene import OPERATIONS, Ground, acknowledged, doubled, held, problems, promised
from xw import layout
from xw.layout import INBOX
from xw.message import decode

# At least so many calls each has; together they are far over the 60 that are asked for.
LEAST = {
    "send": 12,
    "send two files to two": 60,
    "claim": 5,
    "done, pending": 5,
    "done, claimed": 5,
    "attach": 25,
    "gc": 12,
    "send from afar": 40,
    "flush": 20,
    "fail": 8,
    "retry": 15,
    "set aside": 15,
}
EVERY = 7  # of the calls whose kind was met before
MOST = 3000  # about so many double kills of one operation


def test_there_are_enough_points() -> None:
    """Every operation is in the table, and send, claim, done, attach and gc have 60 points and more."""
    assert set(LEAST) == set(OPERATIONS)
    assert sum(LEAST[name] for name in ("send", "claim", "done, pending", "attach", "gc")) >= 59
    assert sum(LEAST.values()) >= 200


def kill(name: str, first: Ground, call: traced.Call, work: Path) -> tuple[Ground, str, scene.Promise]:
    """Run an operation on a copy of its ground, killed at a call: the ground, its output, what must hold."""
    operation = OPERATIONS[name]
    ground = first.copy(work)
    before = ground.tree()
    command = scene.Command(operation, ground)
    killed = command.run(inject=traced.killing(call), calls=call.name)
    assert killed.code == -9, f"{name} was not killed in {call}"
    # Where it was killed is where it was meant to be: names differ from run to run, folders do not.
    last = killed.calls[-1]
    assert last.result is None
    assert [_folder(path, ground) for path in last.paths] == [_folder(path, ground) for path in call.paths]
    promise = promised(before, operation.removes(first)) | acknowledged(killed.out, operation.who)
    assert problems(ground.tree(), promise, before) == []
    assert doubled(ground.tree()) == []
    return ground, killed.out, promise


def recover(name: str, ground: Ground, promise: scene.Promise, before: scene.Tree) -> None:
    """Deliver again what is visible, repeat the operation, and look at everything once more."""
    operation = OPERATIONS[name]
    deliver_again(ground, before)
    assert problems(ground.tree(), promise, before) == []
    assert doubled(ground.tree()) == []
    command = scene.Command(operation, ground)
    again = command.again()
    repeated = any(word.startswith("{") for word in operation.command)
    if not (repeated and again.code == 3):  # 3: it was done when it was killed, and there is no more
        assert (again.code, again.err if "check" not in command.words else "") == (0, ""), again
    promise = promise | acknowledged(again.out, operation.who)
    deliver_again(ground, before)
    tree = ground.tree()
    assert problems(tree, promise, before) == []
    assert doubled(tree) == []
    assert name != "flush" or not any("outbox" in states for states in held(tree).values())


def deliver_again(ground: Ground, before: scene.Tree) -> None:
    """Offer each new message that can be seen anywhere to all its recipients, twice, with its files."""
    for path, data in ground.tree().items():
        name = path.rpartition("/")[2]
        if path in before or not layout.is_message(name) or "/outbox/" in path or "/failed/" in path:
            continue
        for to in decode(name, data).to:
            mailbox = ground.mailbox(to)
            message = decode(name, data)
            if mailbox.missing(message.re or message.id, message.attached) or mailbox.missing(
                message.id, message.attachments
            ):
                continue  # a copy in `sent/` alone: the killed process had not handed its files over
            for _ in range(2):
                mailbox.accept(name, data)
            assert sum(name in mailbox.names(folder) for folder in INBOX.values()) == 1


def campaign(name: str, tmp_path: Path, full: bool) -> tuple[int, int]:
    """Kill an operation at all its calls, or some of each kind; how many it has, and how many were met."""
    operation = OPERATIONS[name]
    first = Ground(tmp_path / "first")
    first.build()
    operation.prepare(first)
    calls = scene.steps(operation, first, tmp_path)
    points = calls if full else sample.of_each_kind(calls, sample.kind, EVERY, name)
    before = first.tree()
    for number, call in enumerate(points):
        ground, _, promise = kill(name, first, call, tmp_path / f"work-{number}")
        recover(name, ground, promise, before)
        shutil.rmtree(ground.work)
    return len(calls), len(points)


def _folder(path: str, ground: Ground) -> str:
    """Return the folder of a path below the ground, without ids, for any copy of the ground."""
    parts = path.split("/")
    at = next((i for i, part in enumerate(parts) if part in ("hub", "mirror")), len(parts))
    return "/".join("id" if layout.is_id(part) else part for part in parts[at:-1])


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_kind_of_call(name: str, quick_disk: Path) -> None:
    """Wherever the operation is killed, its acknowledgements hold, and it can be repeated."""
    calls, points = campaign(name, quick_disk, full=False)
    assert calls >= LEAST[name]
    assert points >= min(calls, LEAST[name] // 2)


@pytest.mark.torture
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_call(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """At full size: killed at every call that changes or syncs a file."""
    calls, _ = campaign(name, tmp_path, full=True)
    record_property("campaign", ("kill at each call", name, calls, 0))


@pytest.mark.torture
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_twice(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """At full size: killed at every call, reading ones included, and again while it is repeated.

    Of a long operation's repetition each time some of the calls, in turn: else its campaign takes hours.
    """
    operation = OPERATIONS[name]
    first = Ground(tmp_path / "first")
    first.build()
    operation.prepare(first)
    before = first.tree()
    count = 0
    points = scene.steps(operation, first, tmp_path, every=True)
    stride = 1 + len(points) ** 2 // MOST
    for number, call in enumerate(points):
        ground, _, promise = kill(name, first, call, tmp_path / f"work-{number}")
        second = tmp_path / f"again-{number}"
        second.mkdir()
        try:
            calls = scene.steps(operation, ground, second)
        except AssertionError:
            calls = []  # there is nothing left to do
        for again, later in enumerate(calls[number % stride :: stride]):
            copy, _, kept = kill(name, ground, later, second / f"work-{again}")
            recover(name, copy, promise | kept, before)
            shutil.rmtree(copy.work)
            count += 1
        shutil.rmtree(ground.work)
    record_property("campaign", ("kill, and kill the repetition", name, count, 0))


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.torture)])
def test_init_killed_while_it_makes_a_hub(quick_disk: Path, full: bool) -> None:
    """Killed at any call until the hub is there, `init` leaves nothing that the next one stumbles over."""
    whole = quick_disk / "whole"
    whole.mkdir()

    def init(work: Path, inject: str | None = None, calls: str | None = traced.CALLS) -> traced.Run:
        return scene.run(["xw", "init", "--name", "alice"], work, traced.environment(), inject, calls)

    changing = [
        call
        for call in init(whole).calls
        if call.act in ("mkdir", "fsync", "link", "unlink", "rename", "utimensat")
        and all(path.startswith(str(whole)) for path in call.paths)
    ]
    (made,) = (at for at, call in enumerate(changing) if call.paths[-1].endswith("/hub.json"))
    assert made > 8
    points = changing[: made + 3]
    if not full:
        points = [*sample.of_each_kind(points[:-4], sample.kind, EVERY, "init"), *points[-4:]]
    for number, call in enumerate(points):
        work = quick_disk / str(number)
        work.mkdir()
        killed = init(work, traced.killing(call), call.name)
        assert killed.code == -9, call
        again = init(work, calls=None)
        assert (again.code, again.err) == (0, ""), (call, os.listdir(work / ".xw" / "hub"))
        assert (work / ".xw" / "hub" / "hub.json").exists()
