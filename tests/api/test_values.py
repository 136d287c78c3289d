"""Each value's `to_json` is what its command prints: it fits the command's JSON Schema."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

from tests.api.conftest import Open
from tests.schemas import validate


def test_each_value_fits_its_schema(act: Open, tmp_path: Path) -> None:
    """What a method returns has JSON that fits the schema of its command."""
    for command, value in _values(act, tmp_path / "x.txt"):
        validate.printed(command, json.loads(json.dumps(value.to_json())))


def _values(act: Open, file: Path) -> Iterator[tuple[str, Any]]:
    alice, bob = act("alice"), act("bob")
    file.write_text("x")
    task = alice.send("bob", "task", "x", attach=file, expires="2h")
    yield "send", task
    yield "attach", alice.attach(task, file)
    yield "reply", bob.reply(task, "y")
    yield "check", bob.check()
    yield "read", bob.read(task)
    yield "read", bob.thread(task)
    yield "wait", alice.wait(re=task, timeout=0)
    yield "watch", next(alice.arrivals())
    yield "trace", alice.trace(task)
    yield "done", bob.done(task)
    yield from (("log", line) for line in alice.log())
    answering = Thread(target=lambda: [bob.reply(one, "y") for one in islice(bob.arrivals("question"), 1)])
    answering.start()
    with alice.question("bob", "x?", timeout=30) as asked:
        yield "ask", asked
    answering.join()
    dead = alice.send("bob", "task", "x")
    bob._instance.mailbox.fail(dead.name, "gone", "the program ended")
    yield "check", bob.dead_letters()
    yield "retry", bob.retry(dead)
    yield "notify heartbeat", alice.notify.heartbeat()
    yield "notify status", alice.notify.status("working")
    yield "room create", alice.rooms.create("lobby", ["alice", "bob"], policy="free", seed="x")
    yield "room list", alice.rooms.list()
    yield "room show", alice.rooms.show("lobby")
    yield "room say", alice.rooms.say("lobby", "x")
    yield "room close", alice.rooms.close("lobby")
    yield "room run", alice.rooms.run("lobby")
    yield from (("log", entry) for entry in alice.rooms.log("lobby"))
    for command in ("who", "peers", "prompt", "doctor", "gc", "sync"):
        yield command, getattr(alice, command)()
