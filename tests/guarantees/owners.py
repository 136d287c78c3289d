"""A project of an ordinary user in which root works too: who runs what there, and whose it all is.

Commands run in forked children of the tests, which become the user: Python
itself may lie where that user cannot read. So all modules are loaded before.
"""

import ast
import functools
import json
import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

import xw
from tests.cli.team import Result, call

ROOT, USER, OTHER, GROUP = 0, 61234, 61235, 61236
"""Root, and users and a group that nobody has."""


_NOT_LOADED = re.compile(r"(xw\.)?mcp\b|xw\.bridges\.acp_|acp\b")
"""Optional packages, which take half of the time, and what needs them: no other user runs it here."""


def load_all() -> None:
    """Import every module that xw may import later, when it is another user."""
    package = Path(xw.__file__).parent
    for path in package.rglob("*.py"):
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    _load(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module:
                module = _load(node.module)
                for alias in node.names:
                    if module and not hasattr(module, alias.name):  # a module of that package
                        _load(f"{node.module}.{alias.name}")


@functools.cache  # most are imported by many, and those that are not there take the longest
def _load(name: str) -> ModuleType | None:
    if not _NOT_LOADED.match(name):
        with suppress(ImportError):
            return import_module(name)
    return None


def use_all(folder: Path) -> None:
    """Run commands of every kind once, for what their libraries import as they go."""
    (folder / "file.txt").write_text("x")
    for words in (
        ("init", "--name", "one"), ("init", "--name", "two", "--kind", "human"), ("peers",), ("who",),
        ("send", "--to", "one", "task", "hello", "--attach", "file.txt"), ("check",), ("log",), ("doctor",),
        ("gc",), ("sync",), ("notify", "status", "working"), ("read", "zzzzzzzz"), ("done", "zzzzzzzz"),
        ("trace", "zzzzzzzz"), ("room", "create", "room", "--members", "one,two"), ("prompt",), ("nonsense",),
        ("wait", "--timeout", "0"), ("init", "--group"), ("check", "--json"), ("--help",),
        ("init", "--group", "0"),
    ):  # fmt: skip
        call(folder, *words, environ={"XW_NAME": "two"})


def become(user: int, groups: Sequence[int] = (), mask: int = 0o022) -> None:
    """Change this process's user, permanently."""
    os.umask(mask)
    if user != ROOT:
        os.setgroups(groups)
        os.setgid(user)
        os.setuid(user)


def as_user(user: int, what: Callable[[], object], groups: Sequence[int] = (), mask: int = 0o022) -> object:
    """Call a function in a child process that has become a user; what it returned, as JSON has it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            become(user, groups, mask)
            with open(writer, "w", encoding="utf-8") as result:
                json.dump(what(), result)
            code = 0
        except BaseException:  # noqa: BLE001  # told here: no exception may leave a child of the tests
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8") as result:
        text = result.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(text)


def run(
    folder: Path, user: int, name: str, *words: str, groups: Sequence[int] = (), mask: int = 0o022
) -> Result:
    """Run a command line in a folder as a user, root included, for an instance."""
    # The homes of the tests themselves are root's alone.
    home = str(folder.parent / f"home-{user}")
    homes = {f"XDG_{kind}_HOME": home for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    found = as_user(user, lambda: call(folder, *words, environ={"XW_NAME": name, **homes}), groups, mask)
    assert isinstance(found, list)
    return Result(*found)


def ok(folder: Path, user: int, name: str, *words: str, groups: Sequence[int] = (), mask: int = 0o022) -> str:
    """Run a command that must succeed with nothing on stderr; what it printed."""
    result = run(folder, user, name, *words, groups=groups, mask=mask)
    # Root's own configuration has no key of the user's, and it says so.
    said = re.sub(r"xw: sent unsigned: no key of \S+ is here: .*\n", "", result.err)
    assert (result.code, said) == (0, ""), (words, result)
    return result.out


def everything(folder: Path) -> Iterator[Path]:
    """Return all files, folders and links below a folder, itself included."""
    yield folder
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(above, name)


def not_of(user: int, folder: Path) -> list[str]:
    """Return what below a folder does not belong to a user and the group of the same number."""
    return [
        f"{path.relative_to(folder.parent)} {found.st_uid}:{found.st_gid}"
        for path in everything(folder)
        if ((found := path.lstat()).st_uid, found.st_gid) != (user, user)
    ]
