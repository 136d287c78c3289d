"""`xw install`: set an agent program up to use xw, as edits of its settings that can be taken back.

`plan` returns the new text of each file, and writes nothing; `carry_out` writes them. `contents` has what
goes where, `pieces` how it goes into a file and out of it, `receipts` what was made anew.
"""

import difflib
import os
import shutil
import stat
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from xw import config, places
from xw.actions import shipped
from xw.actions.installing import json_text, receipts, recovered
from xw.actions.installing.contents import PROGRAMS, Contents, Site
from xw.actions.installing.pieces import Entry, Piece, is_bare, removed
from xw.actions.installing.receipts import Receipt
from xw.actions.installing.targets import target
from xw.errors import Refused, Usage
from xw.files import disk

if TYPE_CHECKING:
    from xw.shapes import upkeep


class Change(NamedTuple):
    """A file and its text before and after; None if there is no such file.

    `target` is the file that is written: another one than `path` if that is a link or lies behind one.
    `edited` is True if a person has changed xw's part, which therefore stays.
    """

    path: str
    target: str
    before: str | None
    after: str | None
    edited: bool = False

    @property
    def linked(self) -> str | None:
        """Return the file that is written in place of a linked one; None if there is no link on the way."""
        return self.target if self.target != self.path else None

    @property
    def place(self) -> str:
        """Return the path as people are shown it: with the file that a link leads to."""
        return f"{self.path} -> {self.linked}" if self.linked else self.path

    def diff(self) -> str:
        """Return the change as a unified diff; empty if there is none."""
        old, new = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        shown = difflib.unified_diff(old, new, self.place, self.place, n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in shown)


class Plan(NamedTuple):
    """What an installation or a removal will write, the receipt afterwards, and notes for the person."""

    program: str
    project: str
    removes: bool
    changes: tuple[Change, ...]
    receipt: Receipt
    notes: tuple[str, ...]

    @property
    def to_write(self) -> list[Change]:
        """Return the files that change."""
        return [one for one in self.changes if one.before != one.after]

    def to_json(self, written: bool) -> "upkeep.Installed":
        """Return the object that `--json` prints."""
        return {
            "format": 1,
            "program": self.program,
            "project": self.project or None,
            "remove": self.removes,
            "written": written,
            "files": [
                {
                    "path": one.path,
                    "target": one.linked,
                    "changed": one.before != one.after,
                    "edited": one.edited,
                    "diff": one.diff(),
                }
                for one in self.changes
            ],
            "notes": list(self.notes),
        }


def plan(program: str, user: bool, project: bool, removes: bool, environ: Mapping[str, str]) -> Plan:
    """Return what `xw install` will write for a program, for the user or in the project here. Raise Usage."""
    if program not in PROGRAMS:
        raise Usage(
            f"cannot install into {program!r}: use {', '.join(PROGRAMS)}; `xw launch` needs none of it"
        )
    if user and project:
        raise Usage("--user or --project: give one")
    folder = "" if user else _project()
    contents = _contents(program, folder, environ, removes)
    return _planned(program, folder, contents, removes)


def stale(environ: Mapping[str, str]) -> list[tuple[str, str, list[str]]]:
    """Return the installations, for the user and in the project here, that this xw would write otherwise.

    Each is the program, the option that names its place, and the files.
    """
    found, here = [], _project(needed=False)
    for receipt in receipts.all_receipts():
        if receipt.program in PROGRAMS and receipt.project in ("", here):
            contents = _contents(receipt.program, receipt.project, environ)
            due = _planned(receipt.program, receipt.project, contents, removes=False).to_write
            if due:
                option = "--project" if receipt.project else "--user"
                found.append((receipt.program, option, [one.path for one in due]))
    return found


def carry_out(planned: Plan) -> None:
    """Write the files. Raise Refused if one has changed since it was read; then repeat."""
    with receipts.locked():
        _carry_out(planned)


def _carry_out(planned: Plan) -> None:
    folders = set(planned.receipt.folders)
    if not planned.removes:
        earlier = receipts.load(planned.program, planned.project)  # another run may have ended meanwhile
        folders |= set(earlier.folders if earlier else ())
        for change in planned.to_write:
            folders |= _make_folder(os.path.dirname(change.path))
        receipts.save(planned.receipt._replace(folders=tuple(sorted(folders))))
    for change in planned.changes:
        with suppress(OSError):  # of a run that was killed
            os.unlink(_scratch(change.target))
    for change in planned.to_write:
        _write(change)
    if planned.removes:
        for path in sorted(folders, key=len, reverse=True):
            try:
                os.rmdir(path)
            except OSError:
                continue  # in use by others, or gone
        for other in _others(planned.receipt):
            if set(other.files) & set(planned.receipt.files):  # now it is the one that leaves no trace
                receipts.save(other.joined(planned.receipt))
        receipts.forget(planned.receipt)


def _planned(program: str, project: str, contents: Contents, removes: bool) -> Plan:
    receipt = receipts.load(program, project) or recovered.receipt(program, project, contents.files, _read)
    changes, created, made = [], set(receipt.created), set(receipt.made)
    notes = [] if removes else [*contents.notes]
    kept_for = {path: other.program for other in _others(receipt) for path in other.files} if removes else {}
    for path, pieces in _files(contents, receipt, removes).items():
        real = target(path, project)
        before = _read(path)
        if path in kept_for and before is not None:
            notes.append(f"{path} keeps xw's part, which is also {kept_for[path]}'s")
            continue
        edited = any(piece.edited(before or "", path) for piece in pieces)
        if removes:
            after = _removed(path, before, pieces, receipt)
        else:
            after = _applied(path, before, pieces)
            made |= {(path, keys) for keys in _missing(path, before, pieces)}
            created |= {path} if before is None else set()
        changes.append(Change(path, real, before, after, edited))
        if after != before is not None and not os.stat(real).st_mode & stat.S_IWUSR:
            raise Refused(f"{changes[-1].place} is read-only: make it writable first (chmod u+w)")
    files = tuple({**dict.fromkeys(receipt.files), **dict.fromkeys(contents.files)})
    kept = Receipt(program, project, files, tuple(created), receipt.folders, tuple(made))
    return Plan(program, project, removes, tuple(changes), kept, tuple(notes))


def _files(contents: Contents, receipt: Receipt, removes: bool) -> dict[str, list[Piece]]:
    """Return the pieces of each file; for a removal, also of one that had another ending when installed."""
    found = dict(contents.files)
    by_stem = {os.path.splitext(path)[0]: pieces for path, pieces in found.items()}
    for path in receipt.files if removes else ():
        found.setdefault(path, by_stem.get(os.path.splitext(path)[0], []))
    return found


def _others(receipt: Receipt) -> list[Receipt]:
    """Return the other installations, which may need the same files."""
    own = receipt.program, receipt.project
    return [one for one in receipts.all_receipts() if (one.program, one.project) != own]


def _contents(program: str, project: str, environ: Mapping[str, str], removes: bool = False) -> Contents:
    words = ("xw",) if project or shutil.which("xw") else (sys.executable, "-m", "xw")
    skill = shipped.text("hub_template", "skill.md")
    return PROGRAMS[program](Site(project, environ, words, skill, removes or find_spec("mcp") is not None))


def _project(needed: bool = True) -> str:
    here = config.here(needed=needed)
    return places.checkout(here) or here


def _applied(path: str, before: str | None, pieces: list[Piece]) -> str:
    text = before or ""
    for piece in pieces:
        text = piece.apply(text, path)
    if path.endswith(".toml"):
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Usage(f"{path} cannot take xw's section: {error}: change the file first") from None
    return text


def _removed(path: str, before: str | None, pieces: list[Piece], receipt: Receipt) -> str | None:
    if before is None:
        return None
    text = removed(before, path, pieces, [keys for file, keys in receipt.made if file == path])
    return None if is_bare(text) and path in receipt.created else text


def _missing(path: str, before: str | None, pieces: list[Piece]) -> set[tuple[str, ...]]:
    """Return the containers that a JSON file lacks for these pieces; the empty path for all of it."""
    blank = not (before or "").strip(json_text.BLANK)
    node = json_text.parse("{}" if blank else before or "", path) if path.endswith(_JSON) else None
    ways = [json_text.missing(node, one.path) for one in pieces if node and isinstance(one, Entry)]
    return {keys for found in ways for keys in found} | ({()} if node and blank else set())


_JSON = (".json", ".jsonc")


def _read(path: str) -> str | None:
    """Return a file's text; None if there is none. Raise Refused or Usage if it cannot be edited."""
    try:
        with open(path, encoding="utf-8", newline="", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{path} is not a regular file: move it away first")
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Usage(f"{path} is not UTF-8 text: repair it first") from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO would wait for a writer


def _make_folder(path: str) -> set[str]:
    """Make a folder and those above it; return those that were missing."""
    made = set()
    while path and not os.path.isdir(path):
        made.add(path)
        path = os.path.dirname(path)
    for one in sorted(made, key=len):
        os.mkdir(one)
    return made


def _scratch(path: str) -> str:
    return f"{path}.xw-new"  # one name: the lock lets one process at a time write


def _write(change: Change) -> None:
    """Replace a file by its new text, through a link if it is one; remove it if there is none."""
    path = change.target
    if os.path.realpath(change.path) != path or _read(path) != change.before:
        raise Refused(f"{change.path} was changed meanwhile: run the command again")
    if change.after is None:
        os.unlink(path)
        return
    scratch = _scratch(path)
    mode = stat.S_IMODE(os.stat(path).st_mode) if change.before is not None else 0o600
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(change.after)
            file.flush()
            os.fchmod(handle, mode)
            disk.fsync(handle)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
