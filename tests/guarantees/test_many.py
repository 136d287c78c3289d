"""Many processes at one hub: every message handled once, each sender's order kept."""

import itertools
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.files.memory import MemoryFiles
from tests.guarantees import traced
from tests.guarantees.worker import LAST
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.layout import INBOX, STATES
from xw.mailbox import Mailbox, Place
from xw.message import encode

SENDERS = tuple(f"sender-{number}" for number in range(8))


def make(root: Path, *more: str) -> DirectoryHub:
    hub = DirectoryHub(LocalFiles(str(root)), str(root))
    create_hub(hub.files, "test", "", group=False, links=True)
    for name in (*SENDERS, *more):
        hub.register(name, {})
    return hub


def start(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.guarantees.worker", *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=traced.environment(PYTHONPATH=str(Path(__file__).parents[2])),
    )


def go(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def finish(worker: subprocess.Popen[str]) -> list[list[str]]:
    """Return the words of each line of a worker, once it has ended without an error."""
    out, err = worker.communicate()
    assert (worker.returncode, err) == (0, "")
    return [line.split(" ", 2) for line in out.splitlines()]


@pytest.mark.long
def test_eight_senders_and_four_claimers(tmp_path: Path) -> None:
    """Each of 1,000 messages is handled once, and every claimer meets each sender's in the order sent."""
    each = 1000 // len(SENDERS) - 1
    hub = make(tmp_path / "hub", "bob")
    takers = [start("claim", tmp_path / "hub", "bob", 1000) for _ in range(4)]
    givers = [start("send", tmp_path / "hub", name, each, "bob") for name in SENDERS]
    go(takers + givers)
    sent = [finish(giver) for giver in givers]
    seen = [finish(taker) for taker in takers]
    numbers = [*map(str, range(each)), LAST]
    for said in sent:
        ids = [words[0] for words in said]
        assert ids == sorted(set(ids))
    handled = Counter((sender, number) for said in seen for _, sender, number in said)
    assert handled == {(sender, number): 1 for sender in SENDERS for number in numbers}
    for said in seen:
        for name in SENDERS:
            mine = [numbers.index(number) for _, sender, number in said if sender == name]
            assert mine == sorted(mine), f"{name}'s messages were seen out of order"
    mailbox = hub.mailbox("bob")
    assert len(mailbox.names(INBOX["done"])) == 1000
    assert not any(mailbox.names(INBOX[state]) for state in STATES if state != "done")


def test_a_listing_never_skips_an_older_message(tmp_path: Path) -> None:
    """However many wait while others arrive, a listing with a message has the sender's earlier ones."""
    hub = make(tmp_path / "hub", "bob")
    givers = [start("send", tmp_path / "hub", name, 400, "bob") for name in SENDERS[:4]]
    go(givers)
    mailbox = hub.mailbox("bob")
    listings: list[list[str]] = []
    while any(giver.poll() is None for giver in givers):
        listings.append(mailbox.pending())
    for giver in givers:
        finish(giver)
    final = mailbox.pending()
    assert len(final) == 4 * 401
    position = {name: index for index, name in enumerate(final)}
    by_sender = {
        sender: [name for name in final if name.endswith(f".{sender}.json")] for sender in SENDERS[:4]
    }
    for listing in listings:
        there = set(listing)
        assert sorted(listing, key=position.__getitem__) == listing
        for names in by_sender.values():
            have = [name in there for name in names]
            assert have == sorted(have, reverse=True), "a later message is listed, an earlier one is not"


class TornListing(MemoryFiles):
    """Lists like a kernel that takes its time: the first listing misses one name, and has a later one."""

    missed = ""

    def _names(self, folder: str) -> list[str]:
        names = super()._names(folder)
        if self.missed in names:
            names.remove(self.missed)
            self.missed = ""
        return names


def test_a_torn_listing_is_mended() -> None:
    """If a listing has a message but not the sender's earlier one, both are found, and nothing newer."""
    files = TornListing(lambda: 0.0)
    mailbox = Mailbox(files, "bob")
    mailbox.make()
    for number in range(400):
        name, data = encode({"from": "alice", "type": "info", "to": ["bob"], "body": ""}, 10**15 + number)
        mailbox.accept(name, data)
    names = mailbox.names(INBOX["pending"])
    for missed in (names[0], names[200]):
        files.missed = missed
        assert mailbox.pending() == names
    files.missed = names[-1]
    assert mailbox.pending() in (names, names[:-1])


@pytest.mark.torture
@pytest.mark.timeout(3000)
def test_thousands_of_kills(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """At full size: senders and claimers killed at random moments and started again, thousands of times."""
    chance = random.Random(20261121)
    root = tmp_path / "hub"
    hub = make(root, "bob")
    mailbox = hub.mailbox("bob")
    acknowledged: set[str] = set()
    kills = 0
    while kills < 2000:
        # The claimers are killed first: without senders they would wait for ever for one more message.
        workers = [start("claim", root, "bob", 1_000_000) for _ in range(2)]
        workers += [start("send", root, name, 10_000, "bob") for name in SENDERS[:3]]
        go(workers)
        for index, worker in enumerate(workers):
            assert worker.stdout is not None
            said = []
            for _ in range(chance.randrange(1, 12)):  # let it get somewhere, then kill it there
                said.append(worker.stdout.readline())
                if not said[-1]:
                    break
            os.kill(worker.pid, signal.SIGKILL)
            kills += 1
            # By the same reader, which has read ahead: what it holds, `communicate` would not see.
            said += worker.stdout.readlines()
            _, err = worker.communicate()
            assert "Traceback" not in err, err
            if index >= 2:  # what senders say; a last line may be cut short
                acknowledged |= {line.split()[0] for line in said if line.endswith("\n")}
    states = {state: mailbox.names(INBOX[state]) for state in STATES}
    everywhere = list(itertools.chain(*states.values()))
    lost = acknowledged - {name.partition(".")[0] for name in everywhere}
    record_property("campaign", ("random kills of many", "send, claim, done", kills, len(lost)))
    assert not lost
    assert len(everywhere) == len(set(everywhere))
    for state, names in states.items():
        for name in names:
            mailbox.read(Place(INBOX[state], name))
    for name in states["processing"]:  # the next holder resumes what was abandoned
        assert mailbox.settle(name)
