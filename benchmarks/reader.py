"""A process that waits for mail and reports when it has read each message (monotonic nanoseconds).

`python -m benchmarks.reader xw|bare FOLDER claim|leave`: the folder is a project with the instance bob, or
one with the folders of `bare`.
"""

import os
import sys
import time
from collections.abc import Iterator

from benchmarks import bare


def main(kind: str, folder: str, then: str) -> None:
    for _ in _WAYS[kind](folder, then == "claim"):
        os.write(1, time.monotonic_ns().to_bytes(8, "big"))


def _xw(folder: str, claim: bool) -> Iterator[None]:
    from xw.actions.waiting import arrivals
    from xw.instance import Options, open_instance

    instance = open_instance(Options("bob", config=f"{folder}/xw.json"))
    for message in arrivals(instance, lambda name, error: sys.exit(f"{name}: {error}")):
        yield
        if claim:
            instance.mailbox.start(message.file_name)


def _bare(folder: str, claim: bool) -> Iterator[None]:
    for name in bare.arrivals(f"{folder}/pending"):
        with open(f"{folder}/pending/{name}", "rb", buffering=0) as file:
            file.read()
        yield
        if claim:
            os.rename(f"{folder}/pending/{name}", f"{folder}/processing/{name}")


_WAYS = {"xw": _xw, "bare": _bare}

if __name__ == "__main__":
    main(*sys.argv[1:])
