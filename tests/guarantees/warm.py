"""Processes that have imported all they need: one server forks a process for each command of a campaign.

Nine tenths of what strace stops in a command are the calls of Python's start and imports, in which no fault
is put. Each command is a real process of its own, which runs `xw`'s `main` (or the driver's) from its
beginning and ends by itself or by the fault. That the order of calls is the same in a process that starts as
users start it is shown by `test_order` and `test_power_cut`, which do not use this.
"""

import atexit
import ctypes
import importlib
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.guarantees import traced

_LIMIT = 1 << 16  # bytes of a request
_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)  # prctl: Yama lets only ancestors trace without it
_LOADED = (
    "xw.__main__",
    "tests.guarantees.driver",
    # What the operations import when they run.
    "filelock",
    *(f"xw.cli.{name}" for name in ("call", "inbox", "outgoing", "setup", "upkeep")),
    *(f"xw.actions.{name}" for name in ("gc", "inbox", "lookup", "pending", "sending", "setup", "stranded")),
    *(f"xw.hub.{name}" for name in ("giving", "handover", "moved")),
    *(f"xw.{name}" for name in ("mirror.parts", "reports", "set_aside")),
    "platformdirs.unix",
)


class Server:
    """A process that has imported xw and the driver, and forks."""

    def __init__(self, path: str) -> None:
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-m", __name__, str(its.fileno())],
                env=traced.environment(PYTHONPATH=path),
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self.stop)

    def run(
        self,
        words: Sequence[str],
        cwd: Path,
        environ: Mapping[str, str],
        inject: str | None = None,
        calls: str | None = traced.CALLS,
    ) -> traced.Run:
        """Run a command to its end under strace, as `traced.run` does; with `calls` None without strace."""
        request = json.dumps({"words": words, "cwd": str(cwd), "environ": dict(environ)}).encode()
        (out, its_out), (err, its_err), (gate, open_gate) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(self._socket, [request], [its_out, its_err, gate])
        for handle in (its_out, its_err, gate):
            os.close(handle)
        process = int(self._answer())
        log = cwd.with_name(f"{cwd.name}.strace")
        tracer = traced.attached(process, log, inject, calls) if calls else None
        os.close(open_gate)
        with open(out, encoding="utf-8") as printed, open(err, encoding="utf-8") as complained:
            texts = printed.read(), complained.read()
        code = int(self._answer())
        if tracer is None:
            return traced.Run(code, *texts, [])
        with tracer:
            tracer.wait()
        return traced.Run(code, *texts, traced.parse(log.read_text("latin-1").splitlines()))

    def _answer(self) -> bytes:
        answer = self._socket.recv(_LIMIT)
        assert answer, "the server has ended"
        return answer

    def stop(self) -> None:
        """End the server, which ends with its socket."""
        self._socket.close()
        self._process.wait()


_servers: dict[tuple[int, str], Server] = {}


def server(path: str) -> Server:
    """Return this process's server for a PYTHONPATH."""
    key = (os.getpid(), path)
    if key not in _servers:
        _servers[key] = Server(path)
    return _servers[key]


def _serve(asked: socket.socket) -> None:
    for module in _LOADED:
        importlib.import_module(module)
    ctypes.CDLL(None).prctl(_SET_PTRACER, _ANY, 0, 0, 0)
    while True:
        request, handles, _, _ = socket.recv_fds(asked, _LIMIT, 3)
        if not request:
            return
        process = os.fork()
        if process == 0:
            asked.close()
            _be(handles, **json.loads(request))
        for handle in handles:
            os.close(handle)
        asked.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _be(handles: Sequence[int], words: list[str], cwd: str, environ: dict[str, str]) -> None:
    """Be the process of a command, once the gate opens."""
    code = 1
    try:
        out, err, gate = handles
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        # The server's own may be of another kind, and a stream keeps what it found of its file when opened.
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environ)
        os.read(gate, 1)
        os.close(gate)
        if words[0] == "xw":
            sys.argv = words
            sys.modules["xw.__main__"].main()
        code = sys.modules["tests.guarantees.driver"].main(words)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  # the server's loop is not this process's to go on with
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
