"""Run a helper program within a time limit. Used by `config` and `known_hosts`.

`subprocess.run` alone is not enough: it waits for a helper's background processes, and its timeout leaves the
helper's children running.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO, NamedTuple

Budget = Callable[[float], float]
"""Takes a step's usual limit in seconds; returns the limit that is left for it."""

_PIECE = 65536


class Ended(NamedTuple):
    """An ended program's exit code and output."""

    code: int
    out: str
    err: str


def run(command: Sequence[str], limit: float, environ: Mapping[str, str] | None = None) -> Ended:
    """Run a program with an empty stdin to its end, and return its output.

    Raise TimeoutError after `limit` seconds, when the program and its children are killed; OSError if it
    cannot be started.
    """
    ends = time.monotonic() + limit
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if environ is None else dict(environ),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            out, err = _read(process.stdout, process.stderr, ends)
            code = process.wait(max(0.0, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, signal.SIGKILL)
        return Ended(code, os.fsdecode(out), os.fsdecode(err))


def _read(out: IO[bytes], err: IO[bytes], ends: float) -> tuple[bytes, bytes]:
    """Return all of `out`, and the present content of `err`: a background process may keep `err` open."""
    said = {out: b"", err: b""}
    with DefaultSelector() as selector:
        for pipe in said:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, EVENT_READ, pipe)
        while any(key.data is out for key in selector.get_map().values()):
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                piece = os.read(key.fd, _PIECE)
                said[key.data] += piece
                if not piece:
                    selector.unregister(key.data)
    with suppress(BlockingIOError):
        said[err] += os.read(err.fileno(), _PIECE)
    return said[out], said[err]
