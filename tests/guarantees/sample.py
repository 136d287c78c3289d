"""The part of a fault campaign that `make test` runs: some steps of each kind. `make torture` runs all."""

import zlib
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from tests.guarantees.traced import Call

Step = TypeVar("Step")

# Names that are the same in every mailbox; all others are ids, file names and instances.
_FIXED = {"inbox", "tmp", "pending", "processing", "done", "failed", "outbox", "sent", "attachments"}


def kind(call: Call) -> tuple[str, ...]:
    """Return what a call does to what kind of place, whosever it is."""
    creates = "creates" if "O_CREAT" in call.arguments else ""
    return (call.act, creates, *map(_place, call.paths))


def of_each_kind(
    steps: Sequence[Step], kind: Callable[[Step], Hashable], every: int, name: str
) -> list[Step]:
    """Return the first step of each kind, the last step, and one in `every`, from one that `name` decides."""
    first = {kind(step): number for number, step in reversed(list(enumerate(steps)))}
    turns = range(zlib.crc32(name.encode()) % every, len(steps), every)
    return [steps[number] for number in sorted({*first.values(), *turns, len(steps) - 1})]


def _place(path: str) -> str:
    parts = path.split("/")
    root = next((at for at, part in enumerate(parts) if part in ("hub", "mirror")), len(parts))
    return "/".join(part if part in _FIXED or part.startswith(".") else "*" for part in parts[root + 2 :])
