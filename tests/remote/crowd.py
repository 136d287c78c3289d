"""Many agents who start at the same moment: `python -m tests.remote.crowd COUNT WORD…`, in their directory.

One process imports what `xw` needs, then becomes COUNT processes that run `xw WORD…` as `agent-0`, `agent-1`
and so on. Prints a JSON list of their exit codes and what each wrote to stderr.
"""

import json
import os
import sys
import tempfile

import xw.__main__
from xw.files.ssh import link  # noqa: F401  # paramiko: 40 imports at once would take a busy machine 10 s


def main(count: int, words: list[str]) -> None:
    """Run them, and wait for all."""
    with tempfile.TemporaryDirectory(prefix="xw-crowd-") as folder:
        said = [os.path.join(folder, str(number)) for number in range(count)]
        started = [_start(number, words, said[number]) for number in range(count)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in started]
        results = []
        for code, path in zip(codes, said, strict=True):
            with open(path, encoding="utf-8") as file:
                results.append((code, file.read()))
    sys.stdout.write(json.dumps(results))


def _start(number: int, words: list[str], said: str) -> int:
    process = os.fork()
    if process == 0:
        try:
            handle = os.open(said, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(handle, sys.stderr.fileno())
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.argv = ["xw", "--as", f"agent-{number}", *words]
            xw.__main__.main()
        finally:
            os._exit(70)  # `main` has not ended the process
    return process


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
