"""A process under load: `python -m tests.remote.worker give|take NAME`, in the directory of its xw.json.

`give` sends numbered messages to bob and syncs; each line `sent ID` is an
acknowledgement. `take` syncs, and says of each pending message `shown ID`, then
`done ID` once that is acknowledged. Both go on until they are killed.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress

from xw.actions.inbox import done
from xw.actions.pending import check
from xw.actions.sending import send
from xw.actions.setup import sync
from xw.errors import XwError
from xw.instance import Instance, Options, open_instance


def give(instance: Instance) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"sent {send(instance, 'info', str(number), ['bob']).id}"
        _sync(instance)


def take(instance: Instance) -> Iterator[str]:
    while True:
        _sync(instance)
        for message in check(instance).messages:
            yield f"shown {message.id}"
            (finished,) = done(instance, [message.id])
            assert finished.error is None
            yield f"done {message.id}"


def _sync(instance: Instance) -> None:
    with suppress(XwError):  # the link is cut: so is the campaign
        sync(instance)


if __name__ == "__main__":
    what, name = sys.argv[1:]
    for line in {"give": give, "take": take}[what](open_instance(Options(name))):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
