"""Running a program under strace: the system calls that it makes, and faults put into them.

One process, one thread: `xw` and the driver are that. A call is named by its
name and its number among the process's calls of that name, which is how
strace's `inject` finds it again in the next run of the same command.
"""

import ast
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# All that changes files or makes changes durable; exit_group stands for the moment after the last of them.
CALLS = (
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,link,linkat,unlink,unlinkat,rmdir,rename,renameat,"
    "renameat2,mkdir,mkdirat,utimensat,fchmod,chmod,fchmodat,flock,symlink,symlinkat,exit_group"
)
STDOUT = 1
_ACTS = {
    "linkat": "link",
    "renameat": "rename",
    "renameat2": "rename",
    "unlinkat": "unlink",
    "mkdirat": "mkdir",
}

_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (-?\d+|\?)(?:<.*>)?(?: (.*))?")
_TOKEN = re.compile(r'(AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>|"((?:[^"\\]|\\.)*)"')
_NOISE = re.compile(r"\d+ +(\+\+\+|---) ")


class Call(NamedTuple):
    """One system call: `number` counts the calls of its name from 1; `paths` are absolute, fds resolved.

    `fd` is the descriptor it worked on, `data` what it wrote, `result` what it
    returned (None where the process died in it), `arguments` the raw text.
    """

    name: str
    number: int
    paths: tuple[str, ...]
    fd: int | None
    data: bytes
    result: int | None
    arguments: str

    @property
    def act(self) -> str:
        """The kind of call, the same for absolute paths and for paths relative to an open folder."""
        return _ACTS.get(self.name, self.name)

    @property
    def acknowledges(self) -> bool:
        """True if the call writes to standard output."""
        return self.name == "write" and self.fd == STDOUT


class Run(NamedTuple):
    """A process that has ended, and what it did."""

    code: int
    out: str
    err: str
    calls: list[Call]


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a child."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XW_")}
    kept.pop("PYTHONUNBUFFERED", None)
    # All is compiled when the tests begin (conftest): else each run would have other calls than the last.
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def run(
    command: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    inject: str | None = None,
    calls: str = CALLS,
    stdin: str = "",
) -> Run:
    """Run a command to its end under strace, with a fault in one call if `inject` names one."""
    log = cwd.with_name(f"{cwd.name}.strace")
    # With --seccomp-bpf only the traced calls cost time, but strace 6.1 then loses the signals it injects.
    mode = ["-e", f"inject={inject}"] if inject else ["--seccomp-bpf"]
    tracer = ["strace", "-f", *mode, "-y", "-s", "4000000", "-e", f"trace={calls}"]
    done = subprocess.run(
        [*tracer, "-o", str(log), "--", *command],
        cwd=cwd, env=dict(environ), capture_output=True, text=True, input=stdin, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, done.stderr, parse(log.read_text("latin-1").splitlines()))


def attached(process: int, log: Path, inject: str | None, calls: str) -> "subprocess.Popen[bytes]":
    """Return strace once it has attached to a process, to end with it; the numbers of calls begin there."""
    mode = ["-e", f"inject={inject}"] if inject else []
    tracer = ["strace", "-f", *mode, "-y", "-s", "4000000", "-e", f"trace={calls}"]
    started = subprocess.Popen(
        [*tracer, "-o", str(log), "-p", str(process)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert started.stderr
    said = started.stderr.readline()
    assert b"attached" in said, said
    return started


def killing(call: Call) -> str:
    """Return the fault that kills the process as it enters a call, before the call runs."""
    return f"{call.name}:signal=SIGKILL:when={call.number}"


def failing(call: Call, error: str) -> str:
    """Return the fault that makes a call fail with an error such as `ENOSPC`, before it runs."""
    return f"{call.name}:error={error}:when={call.number}"


def parse(lines: Sequence[str]) -> list[Call]:
    """Return the calls in strace's log; raise for an unknown line, because nothing may be overlooked."""
    counts: dict[str, int] = {}
    calls: list[Call] = []
    for line in lines:
        if _NOISE.match(line):
            continue
        match = _LINE.fullmatch(line)
        assert match, f"strace wrote a line that is not understood: {line[:300]}"
        name, arguments, result = match[1], match[2], match[3]
        counts[name] = counts.get(name, 0) + 1
        paths, fd, data = _arguments(name, arguments)
        calls.append(
            Call(name, counts[name], paths, fd, data, None if result == "?" else int(result), arguments)
        )
    return calls


def _arguments(name: str, arguments: str) -> tuple[tuple[str, ...], int | None, bytes]:
    tokens = list(_TOKEN.finditer(arguments))
    if name in ("write", "pwrite64"):
        return (tokens[0][2],), int(tokens[0][1]), _bytes(tokens[1][3])
    if name in ("fsync", "fdatasync", "fchmod", "flock", "ftruncate"):
        return (tokens[0][2],), int(tokens[0][1]), b""
    paths: list[str] = []
    folder = ""
    for token in tokens:
        if token[3] is None:
            folder = token[2]
        else:
            paths.append(os.path.normpath(os.path.join(folder, _bytes(token[3]).decode())))
            folder = ""
    return tuple(paths), None, b""


def _bytes(text: str) -> bytes:
    """Return the bytes of a string in strace's spelling, which is Python's too."""
    value = ast.literal_eval(f'b"{text}"')
    assert isinstance(value, bytes)
    return value
