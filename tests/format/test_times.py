"""Ids of one sender strictly increase, whatever the clock does and however many processes send."""

import subprocess
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.team import PATIENCE, XW, call
from tests.files.memory import MemoryFiles
from xw import clock, layout
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.mailbox import Mailbox, Place
from xw.post import Draft, send

_START = 1_795_238_400_000_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(10**12), 10**12), min_size=2, max_size=12))
def test_a_clock_that_goes_back(steps: list[int]) -> None:
    """Ids increase even if the clock stops or goes back, and follow it if it runs ahead."""
    files = MemoryFiles(time.time)
    create_hub(files, "memory", "", group=False, links=True)
    hub = DirectoryHub(files, "memory")
    for name in ("alice", "bob"):
        hub.register(name, {})
    alice = Mailbox(files, "alice")
    moments = [_START + step for step in steps]
    clocks = [partial(int, at) for at in moments]
    ids = [send(alice, hub, Draft("info", ("bob",), "x"), now).id for now in clocks]
    given_out = [clock.from_stamp(layout.time_of(one)) for one in ids]
    assert all(earlier < later for earlier, later in pairwise(given_out))
    for index, at in enumerate(given_out):
        assert at == moments[index] or at == given_out[index - 1] + 1
    assert Mailbox(files, "bob").pending() == [f"{one}.info.alice.json" for one in ids]


def test_concurrent_senders_of_one_name(tmp_path: Path) -> None:
    """Processes that send as one instance at once never give out the same time, and lose nothing."""
    assert call(tmp_path, "init", "--name", "alice").code == 0
    assert call(tmp_path, "init", "--name", "bob").code == 0
    script = f'for i in 1 2 3 4 5 6 7 8; do "{XW}" send info --as alice --to bob "$0 $i" || exit 1; done'
    running = [
        subprocess.Popen(["/bin/sh", "-c", script, str(number)], cwd=tmp_path, stdout=subprocess.DEVNULL)
        for number in range(3)
    ]
    for process in running:
        assert process.wait(timeout=PATIENCE * 2) == 0
    box = Mailbox(LocalFiles(str(tmp_path / ".xw" / "hub")), "bob")
    names = box.pending()
    assert len(names) == 24
    assert len({layout.time_of(name) for name in names}) == 24
    bodies = [box.read(Place("inbox/pending", name)).body for name in names]
    for sender in range(3):
        own = [body for body in bodies if body.startswith(f"{sender} ")]
        assert own == [f"{sender} {number}" for number in range(1, 9)]
