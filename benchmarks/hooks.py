"""The costs of the hooks that agent programs run at each turn, beside `xw check`."""

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.commands import XW, environ
from benchmarks.library import send
from benchmarks.project import pair
from benchmarks.timing import Result, Step, compare, run, scratch
from xw.instance import Instance, update_config

_ROUNDS = 100
_LIMIT = 1.3


def hooks() -> Iterator[Result]:
    """A prompt and a turn's end without news, and the start of a session, beside check."""
    with scratch() as folder:
        alice, bob = pair(folder)
        update_config(f"{folder}/xw.json", {}, {"bob": {"delivery": "push"}})  # each event looks for mail
        for _ in range(10):
            send(alice)
        given = Path(folder, "given.json")
        given.write_text(json.dumps({"session_id": "s1", "prompt": "hello", "last_assistant_message": "hi"}))
        check = _fed(bob, given, ["check"])
        for event in ("SessionStart", "UserPromptSubmit", "Stop"):
            hook = _fed(bob, given, ["hook", event, "--program", "claude"])
            yield compare(f"xw hook {event} : check", hook, check, _LIMIT, _ROUNDS)


def _fed(instance: Instance, given: Path, arguments: list[str]) -> Step:
    """Run xw with a file as its standard input, which a hook reads."""
    return lambda: run([XW, *arguments], environ(instance), str(given))
