"""The requests to the real sftp-server in order, and the answers already there at each one.

`problems` returns what a power cut could lose: the rules of docs/format.md, Publishing, over SFTP.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from xw.files import sftp_packets as sftp
from xw.files.sftp_packets import Request
from xw.files.sftp_wire import Wire

_NAMES = {3: "open", 6: "write", 10: "mode", 13: "remove", 14: "mkdir", 15: "rmdir", 18: "rename"}
_EXTENSIONS = {sftp.FSYNC: "fsync", sftp.HARDLINK: "hardlink", sftp.POSIX_RENAME: "rename"}
_CREATES = 0x08


class Step(NamedTuple):
    """A request: what it does to which paths, its number, and how many steps came before its answer."""

    name: str
    paths: tuple[str, ...]
    answered: int


@contextmanager
def watched(root: str) -> Iterator[list[Step]]:
    """Yield the requests below `root` that make, write, sync, name or remove, as they are sent."""
    steps: list[Step] = []
    waiting: dict[tuple[int, int], int] = {}  # (session, number) → the step
    open_file: dict[int, str] = {}  # session → what was opened last: its handle is the one that is guessed
    opening: dict[tuple[int, int], str] = {}  # (session, number) → what is being opened
    handles: dict[tuple[int, bytes], str] = {}  # (session, handle) → what it belongs to
    real_send, real_receive = Wire.send, Wire._receive

    def send(self: Wire, requests: Sequence[Request]) -> list[int]:
        start = len(steps)
        made: list[int | None] = []
        for request in requests:
            opened = (
                open_file.get(id(self), "")
                if self._guessing
                else handles.get((id(self), _handle(request)), "")
            )
            step = _step(request, root, opened)
            if request.kind == 3:
                open_file[id(self)] = _below(_text(request.body, 0)[0], root)
            made.append(len(steps) if step else None)
            if step:
                steps.append(step)
        try:
            numbers = real_send(self, requests)
        except BaseException:
            del steps[start:]
            raise
        for number, index, request in zip(numbers, made, requests, strict=True):
            if index is not None:
                waiting[id(self), number] = index
            if request.kind == 3:
                opening[id(self), number] = _below(_text(request.body, 0)[0], root)
        note_answers(self)
        return numbers

    def note_answers(wire: Wire) -> None:
        for key in [key for key in waiting if key[1] in wire._arrived and key[0] == id(wire)]:
            _answer(steps, waiting.pop(key), wire, key[1])
        for key in [key for key in opening if key[1] in wire._arrived and key[0] == id(wire)]:
            reply = wire._arrived[key[1]]
            if reply.kind == sftp.HANDLE:
                handles[id(wire), sftp.handle_of(reply)] = opening[key]
            del opening[key]

    def receive(self: Wire) -> None:
        real_receive(self)
        note_answers(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "send", send)
        patch.setattr(Wire, "_receive", receive)
        yield steps


def _answer(steps: list[Step], index: int, wire: Wire, number: int) -> None:
    good = wire._arrived[number].code == sftp.OK
    # An answer that came while n steps had been sent goes before all that are sent later.
    steps[index] = steps[index]._replace(answered=len(steps) if good else -1)


def _step(request: Request, root: str, opened: str) -> Step | None:
    """Return a request's action; `opened` is the path of its handle, if it has one."""
    body = request.body
    name = _NAMES.get(request.kind, "")
    at = 0
    if request.kind == sftp.EXTENDED:
        extension, at = _text(body, 0)
        name = _EXTENSIONS.get(extension, "")
    if not name:
        return None
    if name in ("fsync", "write", "mode"):
        return Step(name, (opened,), 0)
    first, at = _text(body, at)
    if name == "open":
        creates = int.from_bytes(body[at : at + 4], "big") & _CREATES
        return Step("create", (_below(first, root),), 0) if creates else None
    paths = [first, _text(body, at)[0]] if name in ("rename", "hardlink") else [first]
    return Step(name, tuple(_below(path, root) for path in paths), 0)


def _handle(request: Request) -> bytes:
    """Return the handle at the start of a request, or after an extension's name."""
    at = _text(request.body, 0)[1] if request.kind == sftp.EXTENDED else 0
    return request.body[at + 4 : at + 4 + int.from_bytes(request.body[at : at + 4], "big")]


def _text(body: bytes, at: int) -> tuple[str, int]:
    end = at + 4 + int.from_bytes(body[at : at + 4], "big")
    return body[at + 4 : end].decode(errors="replace"), end


def _below(path: str, root: str) -> str:
    return path.removeprefix(root).strip("/")


def problems(steps: Sequence[Step], scratch: Sequence[str] = ("tmp",)) -> list[str]:
    """Return what could be lost. The entries of `scratch` folders need not be durable themselves."""
    return [*_bytes(steps), *_names(steps, scratch)]


def _done(step: Step, before: int | None = None) -> bool:
    """Return True if a step had its good answer before the step `before` was sent."""
    return step.answered > 0 and (before is None or step.answered <= before)


def _bytes(steps: Sequence[Step]) -> Iterator[str]:
    """Check that no file gets its name before its bytes are on the disk, and none stays without a sync."""
    for at, step in enumerate(steps):
        if step.name in ("hardlink", "rename"):
            source = step.paths[0]
            made = [other for other in steps[:at] if other.name == "create" and other.paths[0] == source]
            last = max(
                (n for n, s in enumerate(steps[:at]) if s.name == "write" and s.paths[0] == source),
                default=-1,
            )
            syncs = [s for s in steps[last + 1 : at] if s.name == "fsync" and s.paths[0] == source]
            if made and not any(_done(sync, at) for sync in syncs):
                yield f"{step.name} of {step.paths} before its bytes are durable"
        if step.name == "create" and step.answered > 0:
            later = [s for s in steps[at:] if s.name == "fsync" and s.paths[0] == step.paths[0]]
            if not any(map(_done, later)):
                yield f"{step.paths[0]} is written and not synced"


def _names(steps: Sequence[Step], scratch: Sequence[str]) -> Iterator[str]:
    """Every folder whose names were changed is synced afterwards, and the sync is answered at the end."""
    for at, step in enumerate(steps):
        if not _done(step) or step.name in ("write", "fsync", "mode"):
            continue
        changed = {
            "hardlink": step.paths[1:],
            "rename": step.paths if step.paths[0].rpartition("/")[0] not in scratch else step.paths[1:],
        }.get(step.name, step.paths)
        for path in changed:
            folder = path.rpartition("/")[0]
            syncs = [s for s in steps[at + 1 :] if s.name == "fsync" and s.paths[0] == folder]
            gone = any(s.name == "rmdir" and s.paths[0] == folder for s in steps[at + 1 :])
            if path and folder not in scratch and not gone and not any(map(_done, syncs)):
                yield f"{step.name} of {path} and no sync of {folder or 'the root'} after it"
