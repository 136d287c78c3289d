"""Disks that are full, broken, read-only or over quota, and processes out of file handles.

Each time: no acknowledgement, one clear line on stderr and an exit code that
is not 0, the old state whole, and all is well again once the trouble is over.
strace makes single calls fail; as root, a real small file system fills up.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guarantees import sample, scene, traced
from tests.guarantees.scene import OPERATIONS, Ground, acknowledged, doubled, held, problems, promised

# What can go wrong in each call. `EMFILE` is meant for every opening, the others for those that write.
_WRITING = ("ENOSPC", "EDQUOT", "EIO")
_NAMING = ("ENOSPC", "EDQUOT", "EROFS", "EIO")
ERRORS: dict[str, tuple[str, ...]] = {
    "openat": ("EMFILE", "EIO"),
    "openat to create": ("ENOSPC", "EDQUOT", "EROFS", "EMFILE"),
    "write": _WRITING,
    "pwrite64": _WRITING,
    "fsync": ("EIO", "ENOSPC", "EDQUOT"),
    "link": _NAMING,
    "rename": _NAMING,
    "mkdir": _NAMING,
    "unlink": ("EROFS", "EIO"),
    "rmdir": ("EROFS", "EIO"),
    "utimensat": ("EROFS",),
}
BROKEN = ["send", "send two files to two", "done, pending", "done, claimed", "attach", "gc", "retry"]


def errors_of(call: traced.Call) -> tuple[str, ...]:
    """Return the errors that a call may meet."""
    creates = call.name == "openat" and "O_CREAT" in call.arguments
    return ERRORS.get("openat to create" if creates else call.act, ())


def must_be_clear(run: traced.Run, error: str) -> None:
    """A failed command says one line, what and why, and acknowledges nothing."""
    assert run.code in (1, 2, 6), run
    assert run.out == ""
    assert run.err.count("\n") == 1, run.err
    assert run.err.startswith("xw: ")
    assert os.strerror(getattr(errno, error)).lower() in run.err.lower(), run.err


def break_call(name: str, first: Ground, call: traced.Call, error: str, work: Path) -> None:
    """Let one call of an operation fail, look at what is left, and do it again."""
    operation = OPERATIONS[name]
    ground = first.copy(work)
    before = ground.tree()
    command = scene.Command(operation, ground)
    run = command.run(inject=traced.failing(call, error), calls=call.name)
    after = ground.tree()
    assert doubled(after) == []
    # It looked for a second link to what is done already, or read what `done` says of the message besides.
    glance = name.startswith("done") and "O_NONBLOCK" in call.arguments
    if run.code == 0 and ("O_PATH" in call.arguments or glance):
        promise = promised(before, operation.removes(first)) | acknowledged(run.out, operation.who)
        assert problems(after, promise, before) == []
        shutil.rmtree(ground.work)
        return
    must_be_clear(run, error)
    assert problems(after, promised(before, operation.removes(first)), before) == []
    if name != "gc":
        assert held(after) == held(before), "a command that failed has moved or delivered something"
        assert {path for path in after if "/sent/" in path} == {path for path in before if "/sent/" in path}
    again = command.again()
    assert (again.code, again.err) == (0, "")
    promise = promised(before, operation.removes(first)) | acknowledged(again.out, operation.who)
    assert problems(ground.tree(), promise, before) == []
    assert doubled(ground.tree()) == []
    shutil.rmtree(ground.work)


def campaign(name: str, tmp_path: Path, full: bool) -> tuple[int, set[str]]:
    """Break the calls of an operation: each with all its errors, or each kind with one, and none left out."""
    operation = OPERATIONS[name]
    first = Ground(tmp_path / "first")
    first.build()
    operation.prepare(first)
    met: set[tuple[str, str]] = set()
    kinds: set[tuple[str, ...]] = set()
    runs = 0
    for call in scene.steps(operation, first, tmp_path, every=True):
        # A call that finds nothing fails anyway.
        errors = errors_of(call) if call.result == 0 or call.name in ("openat", "write", "pwrite64") else ()
        if call.acknowledges or (call.result or 0) < 0:
            continue
        if errors and not full:
            kind = sample.kind(call)
            new = [error for error in errors if (kind[0] + kind[1], error) not in met]
            if kind in kinds and not new:
                continue  # such a call has met one of them, and all of them were met
            errors = (new[0] if new else errors[len(kinds) % len(errors)],)
            kinds.add(kind)
        for error in errors:
            break_call(name, first, call, error, tmp_path / f"work-{runs}")
            met.add((sample.kind(call)[0] + sample.kind(call)[1], error))
            runs += 1
    return runs, {error for _, error in met}


@pytest.mark.parametrize("name", BROKEN)
def test_calls_that_fail(name: str, quick_disk: Path) -> None:
    """If any call fails, nothing is acknowledged or half done, the error is reported, and a retry works."""
    runs, met = campaign(name, quick_disk, full=False)
    assert runs >= 8
    assert {"EMFILE", "EIO", "EROFS"} <= met
    assert name == "gc" or {"ENOSPC", "EDQUOT"} & met


@pytest.mark.torture
@pytest.mark.parametrize("name", BROKEN)
def test_calls_that_fail_in_every_way(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """At full size: every call with every error."""
    runs, _ = campaign(name, tmp_path, full=True)
    record_property("campaign", ("failing calls, every error", name, runs, 0))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 512 KiB."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "xw-test", str(point)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"this root may not mount: {mounted.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", str(point)], check=True)


def xw(ground: Ground, who: str, *words: str) -> traced.Run:
    """Run `xw` as somebody."""
    done = subprocess.run(
        [scene.XW, *words],
        cwd=ground.work,
        env=traced.environment(XW_NAME=who),
        capture_output=True,
        text=True,
        check=False,
    )
    return traced.Run(done.returncode, done.stdout, done.stderr, [])


def fill(path: Path) -> None:
    """Write a file until the disk has no room for a byte more."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(handle, b"x" * 4096):
            pass
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017  # how many writes it takes is not known
    finally:
        os.close(handle)


@pytest.mark.root
def test_a_full_disk(small_disk: Path) -> None:
    """On a disk that is really full nothing is sent or changed; with room again it is."""
    ground = Ground(small_disk / "work")
    ground.build()
    filler = small_disk / "filler"
    fill(filler)
    before = ground.tree()
    for words in (("task", "hello " * 2000), ("info", "see", "--attach", str(ground.work / "one.txt"))):
        must_be_clear(xw(ground, "alice", "send", "--to", "bob", *words), "ENOSPC")
        assert held(ground.tree()) == held(before)
    assert xw(ground, "bob", "check").code == 0
    filler.unlink()
    sent = xw(ground, "alice", "send", "--to", "bob", "task", "hello")
    assert (sent.code, sent.err) == (0, "")
    assert problems(ground.tree(), promised(before) | acknowledged(sent.out, "alice"), before) == []


@pytest.mark.root
def test_a_read_only_disk(small_disk: Path) -> None:
    """On a disk mounted read-only mail can be read, and all else is refused with the reason."""
    ground = Ground(small_disk / "work")
    ground.build()
    before = ground.tree()
    pending = ground.names("bob", "pending")[0]
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        for who, words in (("alice", ("send", "--to", "bob", "task", "hello")), ("bob", ("done", pending))):
            must_be_clear(run := xw(ground, who, *words), "EROFS")
            assert run.code == 6
        assert pending in xw(ground, "bob", "check").out
        assert "was pending" in xw(ground, "bob", "read", pending).out
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert ground.tree() == before
    assert xw(ground, "bob", "done", pending).code == 0


def test_out_of_file_handles(tmp_path: Path) -> None:
    """With hardly a file handle to open, a command fails in one line and changes nothing; then it works."""
    ground = Ground(tmp_path / "work")
    ground.build()
    before = ground.tree()
    outcomes = set()
    for limit in range(4, 20):
        command = ["prlimit", f"--nofile={limit}", scene.XW, "send", "--to", "bob", "task", "hello"]
        done = subprocess.run(
            command,
            cwd=ground.work,
            env=traced.environment(XW_NAME="alice"),
            capture_output=True,
            text=True,
            check=False,
        )
        outcomes.add(done.returncode)
        if done.returncode == 0:
            break
        assert held(ground.tree()) == held(before)
        assert done.stdout == ""
        if limit >= 5:  # with 4, Python itself cannot list a directory while a file is open
            must_be_clear(traced.Run(done.returncode, done.stdout, done.stderr, []), "EMFILE")
    assert outcomes == {0, 1}
