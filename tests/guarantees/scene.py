"""The ground of the fault tests: a hub with mail, the operations on it, and what must be true of its files.

A tree is a directory's files, path to bytes. The same questions are put to the
tree that a killed process left and to the trees that a power cut may leave.
"""

import functools
import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.guarantees import traced, warm
from xw import clock, layout, post
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.layout import INBOX
from xw.mailbox import Mailbox
from xw.message import Message, decode
from xw.mirror.mirror import Mirror
from xw.post import Draft
from xw.words import State

Tree = Mapping[str, bytes]
# Whose message (owner, short id) must be at least in which state.
Promise = dict[tuple[str, str], str]

NAMES = ("alice", "bob", "carol")
LEVELS = {"outbox": 0, "pending": 1, "processing": 2, "done": 3, "failed": 3}
PYTHON = sys.executable
XW = str(Path(sys.executable).with_name("xw"))
# -S: without the .pth file that puts the checkout of an editable install on the path; see _QUIET.
_PYTHON = (sys.executable, "-S")
_DRIVER = (*_PYTHON, "-m", "tests.guarantees.driver")
_CHECKOUT = Path(__file__).parents[2]
# Python lists a directory of its path anew when it has changed, and the checkout changes all the time: tests
# leave files there. Counted calls need a quiet one.
_QUIET = tempfile.TemporaryDirectory(prefix="xw-path-")
for _package in ("xw", "tests"):
    Path(_QUIET.name, _package).symlink_to(_CHECKOUT / _package)
_PATH = f"{_QUIET.name}:{sysconfig.get_path('purelib')}"
_MAIL = re.compile(r"(?:hub|mirror)/([^/]+)/(inbox|outbox)/([^/]+)/([^/]+)")
_SENT = re.compile(r"(?:hub|mirror)/([^/]+)/sent/([^/]+)")
_DELIVERED = re.compile(r"(\w{8}).* delivered to ([\w, -]+)")
_WAITS = re.compile(r"(\w{8}).* in the outbox for ([\w, -]+):")
_MOVED = {"claimed": "processing", "done": "done", "failed": "failed"}


class Operation(NamedTuple):
    """A command to break: who gives it, on which ground, and what of `done` it may take away."""

    who: str
    command: tuple[str, ...]
    prepare: Callable[["Ground"], None] = lambda ground: None
    removes: Callable[["Ground"], set[str]] = lambda ground: set()


class Ground:
    """A directory with a hub, a mailbox of alice's apart from it (`mirror`), and `xw.json`."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.hub = DirectoryHub(LocalFiles(f"{work}/hub"), f"{work}/hub")

    def build(self) -> None:
        """Make all of it, with some mail in every state."""
        self.work.mkdir()
        create_hub(self.hub.files, "test", "a hub\n", group=False, links=True)
        for name in NAMES:
            self.hub.register(name, {"name": name, "kind": "agent"})
        listed = ", ".join(f'"{name}": {{}}' for name in NAMES)
        (self.work / "xw.json").write_text(f'{{"format": 1, "hub": "./hub", "instances": {{{listed}}}}}\n')
        (self.work / "one.txt").write_text("the first file\n" * 20)
        (self.work / "two.txt").write_text("the second file\n" * 20)
        mirror = LocalFiles(f"{self.work}/mirror")
        mirror.make_folder("")
        Mailbox(mirror, "alice").make()
        for state in ("done", "processing", "pending", "pending"):
            sent = self.send("alice", f"was {state}", "bob")
            if state != "pending":
                assert self.mailbox("bob").start(sent.name)
            if state == "done":
                assert self.mailbox("bob").settle(sent.name)

    def mailbox(self, name: str) -> Mailbox:
        """Return a mailbox on the hub."""
        return self.hub.mailbox(name)

    def mirror(self) -> Mailbox:
        """Alice's mailbox apart from the hub."""
        return Mailbox(LocalFiles(f"{self.work}/mirror"), "alice")

    def send(self, sender: str, body: str, *to: str, files: tuple[str, ...] = ()) -> post.Sent:
        """Send by the library."""
        paths = tuple(str(self.work / file) for file in files)
        return post.send(
            self.mailbox(sender), self.hub, Draft("task", to, body, attachments=paths), clock.now
        )

    def post(self, body: str, *to: str, files: tuple[str, ...] = ()) -> post.Sent:
        """Put a message into the mirror's outbox."""
        paths = tuple(str(self.work / file) for file in files)
        mailbox = self.mirror()
        mirror = Mirror(mailbox, self.hub.url, lambda: self.hub)
        return post.send(mailbox, mirror, Draft("task", to, body, attachments=paths), clock.now)

    def names(self, name: str, state: State) -> list[str]:
        """Return the short ids of an instance's messages in a state, oldest first."""
        return [layout.short_id(file) for file in self.mailbox(name).names(INBOX[state])]

    def age(self, days: float, *folders: str) -> None:
        """Make everything in some folders of the hub look old."""
        then = time.time() - days * 86400
        for folder in folders:
            for path in (self.work / "hub" / folder).rglob("*"):
                os.utime(path, (then, then))
            for path in (self.work / "hub" / folder).iterdir():
                os.utime(path, (then, then))

    def tree(self) -> dict[str, bytes]:
        """Its files."""
        return {
            str(path.relative_to(self.work)): path.read_bytes()
            for root in ("hub", "mirror")
            for path in (self.work / root).rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def copy(self, work: Path) -> "Ground":
        """Return the same ground at another place, times included."""
        shutil.copytree(self.work, work, symlinks=True)
        return Ground(work)


def words(operation: Operation, ground: Ground) -> list[str]:
    """Return the words of an operation: `{pending}` … is bob's oldest such message, `{sent}` alice's last."""
    return [
        word.format(
            pending=next(iter(ground.names("bob", "pending")), ""),
            processing=next(iter(ground.names("bob", "processing")), ""),
            failed=next(iter(ground.names("bob", "failed")), ""),
            sent=layout.short_id(ground.mailbox("alice").names("sent")[-1]),
        )
        for word in operation.command
    ]


def command(operation: Operation, ground: Ground, without: str | None = None) -> list[str]:
    """Return the command line of a process that runs an operation, with a part taken out if asked."""
    asked = words(operation, ground)
    if without:
        return [*_DRIVER, "--without", without, *asked]
    return [*_PYTHON, XW, *asked[1:]] if asked[0] == "xw" else [*_DRIVER, *asked]


def environment(operation: Operation) -> dict[str, str]:
    """Return the environment of its process."""
    return traced.environment(XW_NAME=operation.who, PYTHONPATH=_PATH)


def run(
    words: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    inject: str | None = None,
    calls: str | None = traced.CALLS,
) -> traced.Run:
    """Run `xw` or the driver in a process of the warm server; see `warm.Server.run`."""
    return warm.server(_PATH).run(words, cwd, environ, inject, calls)


class Command:
    """An operation on its ground, as a command that a process of the warm server runs, as often as asked."""

    def __init__(self, operation: Operation, ground: Ground, without: str | None = None) -> None:
        self.words = [*(("--without", without) if without else ()), *words(operation, ground)]
        self._cwd = ground.work
        self._environ = environment(operation)

    def run(self, inject: str | None = None, calls: str | None = traced.CALLS) -> traced.Run:
        """Run it to its end under strace, with a fault in one call if `inject` names one."""
        return run(self.words, self._cwd, self._environ, inject, calls)

    def again(self) -> traced.Run:
        """Run it to its end, without strace."""
        return self.run(calls=None)


def steps(
    operation: Operation, ground: Ground, tmp_path: Path, without: str | None = None, every: bool = False
) -> list[traced.Call]:
    """Return the calls of an operation on its ground's files, and its exit, found by a run on a copy.

    Calls that only open an existing file change nothing, so they are left out.
    """
    copy = ground.copy(tmp_path / "dry")
    done = Command(operation, copy, without).run()
    assert done.code == 0, done.err
    shutil.rmtree(copy.work)
    return [
        call
        for call in done.calls
        if call.name == "exit_group"
        or call.acknowledges
        or (
            (call.paths and call.paths[-1].startswith(f"{copy.work}/"))
            and (every or call.name != "openat" or "O_CREAT" in call.arguments)
        )
    ]


def held(tree: Tree) -> dict[tuple[str, str], set[str]]:
    """In which states each message is held for whom: (owner, short id) to states, `outbox` among them."""
    states: dict[tuple[str, str], set[str]] = {}
    for path in tree:
        match = _MAIL.fullmatch(path)
        if match is None or not layout.is_message(match[4]):
            continue
        owner, state = (match[1], match[3]) if match[2] == "inbox" else (match[3], "outbox")
        if match[2] == "outbox" and match[3] == "failed":
            continue
        states.setdefault((owner, layout.short_id(match[4])), set()).add(state)
    return states


def promised(tree: Tree, removable: Iterable[str] = ()) -> Promise:
    """Return the content of a tree that must stay."""
    gone = set(removable)
    return {
        key: max(states, key=LEVELS.__getitem__) for key, states in held(tree).items() if key[1] not in gone
    }


def acknowledged(output: str, who: str) -> Promise:
    """Return the promises in a command's output."""
    promise: Promise = {}
    for line in output.splitlines():
        for pattern, state in ((_DELIVERED, "pending"), (_WAITS, "outbox")):
            if match := pattern.match(line):
                promise |= {(to, match[1]): state for to in match[2].split(", ")}
        if line.endswith(" was done before"):
            line = f"done {line[:8]}"
        verb, _, rest = line.partition(" ")
        if verb in _MOVED:
            promise[who, rest.partition(" ")[0]] = _MOVED[verb]
    return promise


def problems(tree: Tree, promise: Promise, given: Tree | None = None) -> list[str]:
    """Return all problems of a tree: messages lost, moved back, torn, or without their attachments.

    Files that were damaged in `given` may still be, and dead letters may be damaged.
    """
    wrong: list[str] = []
    there = held(tree)
    for (owner, short), least in promise.items():
        states = there.get((owner, short), set())
        if not states:
            wrong.append(f"lost: {short} for {owner}")
        elif max(LEVELS[state] for state in states) < LEVELS[least]:
            wrong.append(f"back: {short} for {owner} is in {states}, was {least}")
    for path, data in tree.items():
        match = _MAIL.fullmatch(path) or _SENT.fullmatch(path)
        name = path.rpartition("/")[2]
        if match is None or not layout.is_message(name) or "/failed/" in path:
            continue
        try:
            message = _decoded(name, data)
        except Damaged as error:
            if given is None or given.get(path) != data:
                wrong.append(f"torn: {path}: {error}")
            continue
        if "/inbox/" in path or "/outbox/" in path:
            wrong += _incomplete(tree, path.split("/inbox/")[0].split("/outbox/")[0], message)
    return wrong


# The same messages lie in each of the thousands of trees that power cuts may leave.
_decoded = functools.lru_cache(maxsize=4096)(decode)


def doubled(tree: Tree) -> list[str]:
    """Messages that are in more than one state of one inbox."""
    return [
        f"doubled: {short} for {owner}: {states}"
        for (owner, short), states in held(tree).items()
        if len(states - {"outbox"}) > 1
    ]


def _incomplete(tree: Tree, mailbox: str, message: Message) -> list[str]:
    listed = [(message.id, file) for file in message.attachments]
    listed += [(message.re or "", file) for file in message.attached]
    return [
        f"incomplete: {mailbox} has {message.short} without {file.name}"
        for folder, file in listed
        if hashlib.sha256(tree.get(f"{mailbox}/attachments/{folder}/{file.name}", b"")).hexdigest()
        != file.sha256
    ]


def _outbox(ground: Ground) -> None:
    folders = [ground.work / f"hub/{name}/inbox/pending" for name in ("bob", "carol")]
    for folder in folders:  # away for a while: nobody can deliver
        folder.rename(folder.with_name("away"))
    ground.post("first", "bob", "carol", files=("one.txt",))
    ground.post("second", "bob")
    for folder in folders:
        folder.with_name("away").rename(folder)


def _old(ground: Ground) -> None:
    for number in range(2):
        sent = ground.send("carol", f"old {number}", "bob", files=("one.txt", "two.txt"))
        assert ground.mailbox("bob").settle(sent.name)
    ground.age(60, "bob/inbox/done", "bob/attachments")
    ground.mailbox("bob").settle(ground.mailbox("bob").names(INBOX["pending"])[0])  # recent: has to stay
    ground.send("carol", "new", "bob", files=("one.txt",))


def _old_ones(ground: Ground) -> set[str]:
    before = time.time() - 30 * 86400
    folder = ground.work / "hub/bob/inbox/done"
    return {layout.short_id(path.name) for path in folder.iterdir() if path.stat().st_mtime < before}


def _dead(ground: Ground) -> None:
    sent = ground.send("carol", "will fail", "bob", files=("one.txt",))
    assert ground.mailbox("bob").fail(sent.name, "failed", "of no use")


def _damage(ground: Ground) -> None:
    whole = ground.work / "hub/bob/inbox/pending" / ground.mailbox("bob").names(INBOX["pending"])[0]
    (whole.parent / f"{layout.time_of(whole.name)}-00000000.task.carol.json").write_bytes(b"{}")
    (whole.parent / "garbage").write_bytes(b"\0\0")


OPERATIONS = {
    "send": Operation("alice", ("xw", "send", "--to", "bob", "task", "hello")),
    "send two files to two": Operation(
        "alice",
        (
            "xw",
            "send",
            "--to",
            "bob",
            "--to",
            "carol",
            "--attach",
            "one.txt",
            "--attach",
            "two.txt",
            "info",
            "hi",
        ),
    ),
    "claim": Operation("bob", ("claim",)),
    "done, pending": Operation("bob", ("xw", "done", "{pending}")),
    "done, claimed": Operation("bob", ("xw", "done", "{processing}")),
    "attach": Operation("alice", ("quick", "attach", "{sent}", "two.txt")),
    "gc": Operation("bob", ("quick", "gc"), _old, _old_ones),
    "send from afar": Operation("alice", ("send-from-mirror", "hello", "bob", "carol"), _outbox),
    "flush": Operation("alice", ("flush",), _outbox),
    "fail": Operation("bob", ("fail", "{processing}")),
    "retry": Operation("bob", ("quick", "retry", "{failed}"), _dead),
    "set aside": Operation("bob", ("xw", "check"), _damage),
}
