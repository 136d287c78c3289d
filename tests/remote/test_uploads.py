"""A large file over a line that is cut again and again, and a small mail beside it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.conftest import Join, behind
from tests.remote.machine import Machine
from tests.remote.proxy import Proxy
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd

SIZE, CUT = 3_000_000, 400_000


@pytest.fixture
def proxy(known: Sshd, home: Home, keys: Keys) -> Iterator[Proxy]:
    yield from behind(known, home, keys, delay=0.0)


def look(machine: Machine, proxy: Proxy) -> str:
    """Return what `doctor` prints over a line that is not cut meanwhile."""
    cut_after, proxy.cut_after = proxy.cut_after, 0
    said = machine.run("doctor").out
    proxy.cut_after = cut_after
    return said


def test_a_file_that_is_cut_again_and_again(join: Join, proxy: Proxy, hub: Path, tmp_path: Path) -> None:
    """It goes on where it was cut, is whole in the end, leaves nothing, and delays no other recipient."""
    join("bob"), join("carol")
    alice = Machine(tmp_path / "alice", "alice", f"ssh://127.0.0.1:{proxy.port}{hub}")
    alice.join()
    large = alice.folder / "large.bin"
    large.write_bytes(os.urandom(SIZE))
    proxy.cut_after, sent = CUT, proxy.passed[0]
    first = alice.run("send", "--to", "bob", "task", "see", "--attach", str(large))
    assert first.code == 0
    assert [*(hub / "bob/inbox/tmp").glob("*.part")] != []
    later = alice.run("send", "--to", "bob", "task", "after it")
    assert later.code == 0
    assert "sent to bob before it, and its file large.bin (3,000,000 bytes)" in later.err
    assert alice.run("send", "--to", "carol", "info", "small", "--offline").code == 0
    assert alice.run("sync").code == 5
    assert len([*(hub / "carol/inbox/pending").iterdir()]) == 1
    assert "1 uploads to the hub were cut off" in look(alice, proxy)
    tries = 0
    while alice.run("sync").code:
        tries += 1
        assert tries < 40
    assert tries > 2
    assert proxy.passed[0] - sent < 1.5 * SIZE
    (arrived,) = (hub / "bob/attachments").glob("*/large.bin")
    assert arrived.read_bytes() == large.read_bytes()
    assert len([*(hub / "bob/inbox/pending").iterdir()]) == 2
    for name in ("alice", "bob"):
        assert [*(hub / name / "inbox/tmp").iterdir()] == []


def test_what_nobody_goes_on_with(join: Join, hub: Path) -> None:
    """After a day anybody's `gc` removes what a cut upload has left in any mailbox; a younger one stays."""
    alice, _ = join("alice"), join("bob")
    old, young = (hub / f"bob/inbox/tmp/{name}.part" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 90_000,) * 2)
    assert "bob/inbox/tmp/old.part" in str(alice.json("gc", "--dry-run"))
    alice.ok("gc")
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.root
@pytest.mark.parametrize("apart", ["bob", "bob/inbox/pending"])
def test_another_file_system(join: Join, hub: Path, apart: str) -> None:
    """A mailbox on a file system of its own takes mail; with `pending/` alone on one, `send` says so."""
    alice, bob = join("alice"), join("bob")
    kept = hub / "kept"
    (hub / apart).rename(kept)
    (hub / apart).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700,size=4m", "tmpfs", hub / apart], check=True)
    try:
        for one in kept.iterdir():
            shutil.copytree(one, hub / apart / one.name) if one.is_dir() else shutil.copy(one, hub / apart)
        (alice.folder / "notes.txt").write_text("notes")
        sent = alice.run("send", "--to", "bob", "task", "see", "--attach", str(alice.folder / "notes.txt"))
        assert sent.code == 0
        if apart == "bob":
            assert "delivered to bob" in sent.out
            bob.ok("sync")
            assert "notes.txt" in bob.ok("read", bob.pending()[0])
        else:
            assert "is on another file system than" in sent.err
            assert "hub/bob/inbox/pending" in sent.err
            assert "another file system" in alice.run("sync").err
    finally:
        subprocess.run(["umount", "-l", hub / apart], check=False)
