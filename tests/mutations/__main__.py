"""Run the mutation campaign: `python -m tests.mutations [--unchecked] [PART OF A NAME]…`, all without one.

Each mutation is applied in a copy of the checkout with an environment of its own, two at a time, and its tests
are run there. Before that the tests are run without any mutation, since a test that is red anyway notices
nothing; `--unchecked` leaves that out, for a tree whose suite has just passed.
Prints the Markdown table of docs/torture.md. Exit code 1 if a mutation survives, 2 if the campaign itself fails.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutations import Mutation
from tests.mutations.lists import ALL

_ROOT = Path(__file__).parent.parent.parent
_WORKERS = 2
_HANG_S = 900  # seconds
_UNCHECKED = "--unchecked"
_PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "120")
_RED, _GREEN = 1, 0  # pytest's exit codes; the others say that the run itself failed
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class Copy:
    """A copy of the checkout, in which processes find its own `xw` and nothing of the original's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, names.split("\0")):
            if (_ROOT / name).is_file():  # git also lists what was removed
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(_ROOT / name, place / name)
        home = place / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
        self.python = home / "bin" / "python"
        where: list[str | Path] = [
            self.python,
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ]
        packages = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
        # Dependencies are this environment's, by link: some tests use no .pth file. Its own ones, which lead
        # to the original's code, stay behind.
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if entry.suffix != ".pth":
                Path(packages, entry.name).symlink_to(entry)
        Path(packages, "copy.pth").write_text(f"{place}\n")
        script = home / "bin" / "xw"
        script.write_text(f"#!{self.python}\nimport sys\nfrom xw.__main__ import main\nsys.exit(main())\n")
        script.chmod(0o755)

    def test(self, tests: Sequence[str], *options: str) -> tuple[int, str]:
        """Run tests here: pytest's exit code, and what it printed."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environ["PYTHONDONTWRITEBYTECODE"] = "1"  # a mutation may keep a file's time and size
        environ["PATH"] = f"{self.python.parent}:{environ['PATH']}"
        command: list[str | Path] = [self.python, *_PYTEST, *options, *tests]
        try:
            ran = subprocess.run(
                command,
                cwd=self.place,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_HANG_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, f"not over within {_HANG_S} s"
        return ran.returncode, ran.stdout + ran.stderr

    def try_out(self, mutation: Mutation) -> tuple[bool, str]:
        """Apply a mutation and run its tests: whether one of them noticed, and which, or what happened."""
        file = self.place / mutation.file
        original = file.read_text()
        file.write_text(mutation.applied(original))
        try:
            code, printed = self.test(mutation.tests)
        finally:
            file.write_text(original)
        if code == _RED:
            found = _FAILED.search(printed)
            return True, found[1].partition("[")[0] if found else "a test"
        return False, "**no test**" if code == _GREEN else f"pytest ended with {code}:\n{printed[-2000:]}"


def _is_green(copy: Copy, chosen: Sequence[Mutation]) -> bool:
    """Run all tests that mutations name on the code as it is; True if they pass."""
    tests = sorted({test for one in chosen for test in one.tests})
    print(f"{len(chosen)} mutations; first {len(tests)} tests or files of tests without one", flush=True)
    code, printed = copy.test(tests, "-n", str(_WORKERS))
    if code != _GREEN:
        print(f"red without a mutation:\n{printed[-4000:]}", file=sys.stderr)
    return code == _GREEN


def main(wanted: Sequence[str], checked: bool = True) -> int:
    """Run the mutations whose step or file holds one of the words `wanted`; the exit code."""
    chosen = [one for one in ALL if not wanted or any(word in f"{one.file} {one.step}" for word in wanted)]
    if not chosen:
        print(f"no mutation is named like {' or '.join(wanted)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="xw-mutate-") as folder:
        os.chmod(folder, 0o755)  # root's tests act as other users, who import xw and return to its folder
        copies: SimpleQueue[Copy] = SimpleQueue()
        made = [Copy(Path(folder, str(number))) for number in range(_WORKERS)]
        if checked and not _is_green(made[0], chosen):
            return 2
        for copy in made:
            copies.put(copy)

        def try_one(mutation: Mutation) -> tuple[bool, str]:
            copy = copies.get()
            try:
                return copy.try_out(mutation)
            finally:
                copies.put(copy)

        print("| file | removed step | noticed by |\n|---|---|---|", flush=True)
        survived = 0
        with ThreadPoolExecutor(_WORKERS) as pool:
            for mutation, (noticed, by) in zip(chosen, pool.map(try_one, chosen), strict=True):
                shown = f"`{by}`" if noticed else by
                print(f"| `{mutation.file}` | {mutation.step} | {shown} |", flush=True)
                survived += not noticed
    print(f"\n{len(chosen) - survived} of {len(chosen)} mutations were noticed")
    return 1 if survived else 0


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != _UNCHECKED]
    sys.exit(main(words, _UNCHECKED not in sys.argv))
