"""Commands of xw forked from one process that has imported all of it: most of a command's CPU is imports.

Each command is a process of its own, with its own environment, directory and streams, which runs `xw`'s
`main` from its beginning. That `xw` works as users start it is for the tests that do not use this.

Run as a program, this is the server, with nothing but Python's own library and the xw of that Python: an
older release has no tests. `scripts` holds an `xw` for shells and programs, which asks the server.
"""

import atexit
import contextlib
import gc
import importlib
import os
import pkgutil
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

_LIMIT = 1 << 20  # bytes of a request
_PATIENCE_S = 60
_SELDOM = r"xw\.(mcp|bridges\.acp)"
"""Modules whose libraries take a second each, and which few commands need."""
_CLIENT = """#!{python} -IS
import _socket, os, sys
from array import array
asked = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
asked.connect({place!r})
words = [sys.argv[0], *sys.argv[1:]]
told = [os.getcwd(), str(len(words)), *words, *(name + "=" + value for name, value in os.environ.items())]
handles = array("i", [0, 1, 2])
rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, handles)]
asked.sendmsg([os.fsencode("\\0".join(told))], rights)
answer = asked.recv(16)
code = int(answer or 255)
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Server:
    """A process that has imported the xw of a Python, and forks for each command."""

    def __init__(self, python: str) -> None:
        # The path of a socket must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="xw-warm-")
        self.scripts = f"{self._folder.name}/bin"
        Path(self.scripts).mkdir()
        self._place = place = f"{self._folder.name}/asked"
        client = Path(self.scripts, "xw")
        client.write_text(_CLIENT.format(python=python, place=place))
        client.chmod(0o755)
        self._process = subprocess.Popen(
            [python, str(Path(__file__)), place],
            stdin=subprocess.PIPE,  # at its end the server ends, also when this process is killed
            stdout=subprocess.DEVNULL,
            cwd=self._folder.name,
        )
        deadline = time.monotonic() + _PATIENCE_S
        while not Path(place).exists():
            assert self._process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.01)
        self.program = str(client)
        # A Python whose scripts are these, for a program that looks for `xw` beside its own Python.
        Path(self._folder.name, "pyvenv.cfg").write_text(f"home = {Path(python).resolve().parent}\n")
        self.python = f"{self.scripts}/python"
        Path(self.python).symlink_to(python)

    def run(self, *arguments: str, cwd: Path, environ: Mapping[str, str]) -> tuple[int, str, str]:
        """Run a command with no input to its end; return its exit code and what it printed."""
        words = [self.program, *arguments]
        told = [str(cwd), str(len(words)), *words, *map("=".join, environ.items())]
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked,
            open(os.devnull, "rb") as nothing,
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
        ):
            asked.settimeout(2 * _PATIENCE_S)
            asked.connect(self._place)
            handles = [nothing.fileno(), out.fileno(), err.fileno()]
            socket.send_fds(asked, [os.fsencode("\0".join(told))], handles)
            code = int(asked.recv(16))
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read()

    def stop(self) -> None:
        """End the server, and what is left of its commands."""
        self._process.communicate()
        self._folder.cleanup()


_servers: dict[tuple[int, str], Server] = {}


def server(python: str = sys.executable) -> Server:
    """Return this process's server for a Python."""
    key = (os.getpid(), python)
    if key not in _servers:
        _servers[key] = Server(python)
        atexit.register(_servers[key].stop)
    return _servers[key]


def _import_all() -> None:
    # As `main` does before it imports anything: paramiko takes invoke for not installed.
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
    package = importlib.import_module("xw")
    for module in pkgutil.walk_packages(package.__path__, "xw."):
        if not re.match(_SELDOM, module.name):
            importlib.import_module(module.name)
    gc.freeze()  # what is never collected is not copied after a fork


def _serve(place: str) -> None:
    """Fork for each command; a client that is gone takes its command with it."""
    _import_all()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(f"{place}.new")
    listening.listen(64)
    Path(f"{place}.new").rename(place)
    waiting = selectors.DefaultSelector()
    waiting.register(listening, selectors.EVENT_READ)
    running: dict[int, tuple[int, socket.socket]] = {}  # by the handle of the process

    waiting.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is listening:
                client, _ = listening.accept()
                request, handles, _, _ = socket.recv_fds(client, _LIMIT, 3)
                process = os.fork()
                if process == 0:
                    listening.close()
                    client.close()
                    waiting.close()
                    for _, other in running.values():
                        other.close()
                    _be(request, handles)
                for handle in handles:
                    os.close(handle)
                watched = os.pidfd_open(process)
                running[watched] = (process, client)
                waiting.register(watched, selectors.EVENT_READ)
                waiting.register(client, selectors.EVENT_READ, process)
            elif key.fileobj == 0:
                for process, _ in running.values():
                    os.kill(process, signal.SIGTERM)
                return
            elif isinstance(key.fileobj, int):
                process, client = running.pop(key.fileobj)
                _, status = os.waitpid(process, 0)
                waiting.unregister(key.fileobj)
                os.close(key.fileobj)
                with contextlib.suppress(KeyError):
                    waiting.unregister(client)
                with contextlib.suppress(OSError):
                    client.send(str(os.waitstatus_to_exitcode(status)).encode())
                client.close()
            else:  # the client has been ended
                waiting.unregister(key.fileobj)
                os.kill(key.data, signal.SIGTERM)


def _be(request: bytes, handles: list[int]) -> None:
    """Be the process of a command."""
    try:
        for number, handle in enumerate(handles):
            os.dup2(handle, number)
            os.close(handle)
        # A stream keeps what it found of its file when opened.
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the end
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        folder, count, *told = os.fsdecode(request).split("\0")
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(pair.partition("=")[::2] for pair in told[int(count) :])
        sys.argv = told[: int(count)]
        sys.path[0] = str(Path(sys.argv[0]).parent)
        sys.modules["xw.__main__"].main()
    except SystemExit as exit:
        traceback.print_exc()
        os._exit(exit.code if isinstance(exit.code, int) else 1)
    except BaseException:  # noqa: BLE001  # the server's loop is not this process's to continue with
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # not the tests
    _serve(sys.argv[1])
