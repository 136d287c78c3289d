"""One Agent in many threads: they act one after another, and none waits for one that sleeps."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import xw
from tests.api.conftest import Open

_THREADS = 24  # more than the ten sessions that an SSH server allows on a connection


def test_many_threads_send_through_one_agent(either: Open) -> None:
    """Each thread's message gets there, once."""
    alice, bob = either("alice"), either("bob")
    alice.sync()
    with ThreadPoolExecutor(_THREADS) as threads:
        sent = list(threads.map(lambda number: alice.send("bob", "info", f"{number}"), range(_THREADS)))
    assert all(one.delivered == ("bob",) for one in sent), alice.notes
    assert len({one.id for one in sent}) == _THREADS
    assert {message.id for message in bob.check(all=True)} == {one.id for one in sent}


def test_who_waits_keeps_nobody(either: Open) -> None:
    """While threads wait for answers, for mail and for a transcript's next line, others go on."""
    alice, bob, carol = either("alice"), either("bob"), either("carol")
    alice.sync()

    def answer(agent: xw.Agent) -> None:
        for message in islice(agent.arrivals("question"), 1):
            agent.reply(message, f"{agent.name} is here")

    with ThreadPoolExecutor(_THREADS) as threads:
        followed = threads.submit(lambda: list(islice(alice.log(grep="is here", follow=True), 2)))
        asked = [threads.submit(alice.ask, name, "Who is there?", timeout=60) for name in ("bob", "carol")]
        for agent in (bob, carol):
            threads.submit(answer, agent)
        said = {one.result().body for one in asked}
    assert said == {"bob is here", "carol is here"} == {line.message.body for line in followed.result()}
