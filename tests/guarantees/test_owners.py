"""Root in a user's project: what root makes is the user's, and nothing else becomes anybody's."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.guarantees.owners import OTHER, ROOT, USER, everything, not_of, ok, run
from xw.errors import Damaged
from xw.files.local import LocalFiles

pytestmark = pytest.mark.root


@pytest.fixture
def project(ground: Path) -> Path:
    """A project of a user, with two instances, and nothing in it that is not the user's."""
    folder = ground / "project"
    folder.mkdir()
    os.chown(folder, USER, USER)
    ok(folder, USER, "lead", "init", "--name", "lead")
    ok(folder, USER, "coder", "init", "--name", "coder")
    for name in ("file.txt", "other.txt"):
        (folder / name).write_text(name)
        os.chown(folder / name, USER, USER)
    assert not_of(USER, folder) == []
    return folder


def ids(folder: Path, owner: str, state: str) -> list[str]:
    """Return the ids of the messages in a state, oldest first."""
    names = os.listdir(folder / ".xw/hub" / owner / "inbox" / state)
    return [name.partition(".")[0] for name in sorted(names)]


def test_everything_that_root_runs(project: Path) -> None:
    """After every command that writes, run by root, all belongs to the user, who can go on with it."""
    commands = (
        ("lead", "send", "--to", "coder", "task", "one", "--attach", "file.txt"),
        ("lead", "send", "--to", "coder", "question", "two"),
        ("coder", "check"),
        ("coder", "notify", "status", "working", "--task", "x"),
        ("coder", "notify", "heartbeat"),
        ("lead", "init", "--name", "third", "--describe", "made by root"),
        ("lead", "init", "--name", "lead", "--describe", "changed by root"),
        ("lead", "sync"),
        ("lead", "send", "--to", "all", "info", "three"),
        ("lead", "room", "create", "talk", "--members", "lead,coder"),
        ("lead", "doctor"),
    )
    for name, *words in commands:
        run(project, ROOT, name, *words)
        assert not_of(USER, project) == [], words
    first, second, *_ = ids(project, "coder", "pending")
    for name, *words in (
        ("lead", "attach", first, "other.txt"),
        ("coder", "reply", second, "answer", "--attach", "other.txt"),
        ("coder", "done", first),
        ("coder", "gc", "--days", "0"),
    ):
        ok(project, ROOT, name, *words)
        assert not_of(USER, project) == [], words
    assert "answer" in ok(project, USER, "lead", "check")
    assert "three" in ok(project, USER, "third", "check")
    sent = ok(project, USER, "lead", "send", "--to", "third", "task", "from the user")
    assert "delivered to third" in sent
    for name in ("lead", "coder", "third"):
        ok(project, USER, name, "gc", "--days", "0")
        found = run(project, USER, name, "doctor").out.splitlines()
        bad = [line for line in found if line.startswith("bad")]
        # Root has made the key of `third` in its own configuration, where it stays.
        assert [line for line in bad if f"no key of {name} is here" not in line] == [], bad


def test_what_root_sends_can_be_read(project: Path) -> None:
    """The recipient reads mail and a file sent by root, and answers; the sender can still send."""
    ok(project, ROOT, "lead", "send", "--to", "coder", "task", "for you", "--attach", "file.txt")
    (message,) = ids(project, "coder", "pending")
    shown = ok(project, USER, "coder", "read", message)
    assert "for you" in shown
    (attached,) = (project / ".xw/hub/coder/attachments" / message).iterdir()
    assert (attached.stat().st_uid, stat.S_IMODE(attached.stat().st_mode)) == (USER, 0o600)
    ok(project, USER, "coder", "reply", message, "thanks")
    ok(project, USER, "lead", "send", "--to", "coder", "info", "and I")


def test_an_outbox_that_root_fills(project: Path) -> None:
    """Mail that waits after root has sent it is the user's too: later syncs deliver it."""
    pending = project / ".xw/hub/coder/inbox/pending"
    pending.rename(project / "away")
    sent = run(project, ROOT, "lead", "send", "--to", "coder", "task", "late")
    assert "in the outbox" in sent.out, sent
    (project / "away").rename(pending)
    assert not_of(USER, project) == []
    assert "1 delivered" in ok(project, USER, "lead", "sync")
    assert "late" in ok(project, USER, "coder", "check")


def test_a_hub_that_root_makes(ground: Path) -> None:
    """In a user's folder root makes a project of that user: hub, configuration, mailbox, locks."""
    folder = ground / "new"
    folder.mkdir()
    os.chown(folder, USER, USER)
    ok(folder, ROOT, "lead", "init", "--name", "lead", "--hub", str(folder / "deep/er/hub"))
    assert not_of(USER, folder) == []
    ok(folder, USER, "coder", "init", "--name", "coder")
    ok(folder, USER, "coder", "send", "--to", "lead", "task", "x")


def test_roots_own_project(ground: Path) -> None:
    """In root's own project everything stays root's."""
    folder = ground / "roots"
    folder.mkdir()
    for name in ("lead", "coder"):
        ok(folder, ROOT, name, "init", "--name", name)
    ok(folder, ROOT, "lead", "send", "--to", "coder", "task", "x")
    assert not_of(ROOT, folder) == []


def test_the_configuration_keeps_owner_and_mode(project: Path) -> None:
    """`xw.json` keeps its owner, group and mode whoever rewrites it, and also a mode chosen by its user."""
    path = project / "xw.json"
    for mode in (0o600, 0o640, 0o644):
        path.chmod(mode)
        os.chown(path, USER, OTHER)
        ok(project, ROOT, "lead", "init", "--name", f"new-{mode}")
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (USER, OTHER, mode)
    os.chown(path, USER, USER)
    ok(project, USER, "lead", "init", "--name", "by-its-user")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    os.chown(path, USER, OTHER)
    path.chmod(0o660)
    ok(project, USER, "lead", "init", "--name", "no-member-of-the-group")
    found = path.stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (USER, 0o600), "what one group may is not another's"


def test_mailboxes_of_two_users(project: Path) -> None:
    """Between private mailboxes of different owners root refuses: nothing is sent, made or changed."""
    box = project / ".xw/hub/coder"
    for path in everything(box):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    before = sorted((path, path.lstat().st_uid) for path in everything(project / ".xw/hub"))
    for words in (("task", "x"), ("info", "x", "--attach", "file.txt"), ("question", "x", "--to", "lead")):
        refused = run(project, ROOT, "lead", "send", "--to", "coder", *words)
        assert (refused.code, refused.out) == (6, ""), refused
        assert "lead and coder belong to different users" in refused.err
        assert refused.err.count("\n") == 1
        assert "nothing was sent" in refused.err
    after = sorted((path, path.lstat().st_uid) for path in everything(project / ".xw/hub"))
    assert after == before


def test_mail_that_waits_for_another_user(project: Path) -> None:
    """Mail that waits for a mailbox which became another user's is not brought by root, who says why."""
    box = project / ".xw/hub/coder"
    (box / "inbox/pending").chmod(0o500)
    assert "in the outbox" in run(project, USER, "lead", "send", "--to", "coder", "task", "x").out
    (box / "inbox/pending").chmod(0o700)
    for path in everything(box):
        os.chown(path, OTHER, OTHER, follow_symlinks=False)
    synced = run(project, ROOT, "lead", "sync")
    assert synced.code != 0
    assert "belong to different users" in synced.err
    assert len(os.listdir(project / ".xw/hub/lead/outbox/coder")) == 1
    assert [path for path in everything(box) if path.lstat().st_uid != OTHER] == []


SENDS = (
    ("lead", "send", "--to", "coder", "task", "x", "--attach", "file.txt"),
    ("lead", "sync"),
    ("lead", "notify", "heartbeat"),
    ("coder", "notify", "heartbeat"),
    ("lead", "gc", "--days", "0"),
    ("coder", "gc", "--days", "0"),
    ("lead", "init", "--name", "lead", "--describe", "x"),
    ("coder", "init", "--name", "new"),
    ("lead", "room", "create", "talk", "--members", "lead,coder"),
)
FOLDERS = ("inbox/tmp", "inbox/pending", "inbox", "sent", "outbox", "outbox/failed", "attachments", "")


@pytest.mark.parametrize("owner", ["lead", "coder"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_place_of_a_folder(project: Path, ground: Path, name: str, owner: str) -> None:
    """If a user puts a link to root's folder into a mailbox, nothing there changes."""
    treasure = ground / "root-only"
    for below in (
        "inbox/tmp",
        "inbox/pending",
        "outbox/failed",
        "sent",
        "attachments/x",
        "tmp",
        "pending",
        "failed",
    ):
        (treasure / below).mkdir(parents=True, exist_ok=True)
    (treasure / "attachments/x/old").write_text("old")
    before = sorted((path, path.lstat().st_uid, path.lstat().st_ino) for path in everything(treasure))
    folder = project / ".xw/hub" / owner / name
    folder.rename(project / "aside")
    folder.parent.mkdir(exist_ok=True)
    Path(str(folder).rstrip("/")).symlink_to(treasure)
    for who, *words in SENDS:
        run(project, ROOT, who, *words)
        after = sorted((path, path.lstat().st_uid, path.lstat().st_ino) for path in everything(treasure))
        assert after == before, words


@pytest.mark.parametrize("plant", ["link", "hard link"])
@pytest.mark.parametrize(
    "name",
    [
        "hub/lead/outbox/.lock",
        "hub/lead/outbox/.gc.lock",
        "hub/lead/outbox/.presence.lock",
        "hub/lead/presence.json",
        "hub/lead/card.json",
        "hub/coder/presence.json",
        "hub/lead/outbox/coder",
        "hub/lead/inbox/tmp/00112233445566778899aabb",
        "config.lock",
        ".gitignore",
        "../xw.json",
    ],
)
def test_a_file_of_roots_in_a_place_of_xw(project: Path, ground: Path, name: str, plant: str) -> None:
    """A link or hard link to root's file at a name that root uses: the file keeps owner, mode and bytes."""
    secret = ground / "secret"
    secret.write_bytes((project / "xw.json").read_bytes())
    secret.chmod(0o600)
    path = project / ".xw" / name
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if plant == "link":
        path.symlink_to(secret)
    else:
        path.hardlink_to(secret)
    data = secret.read_bytes()
    for who, *words in SENDS:
        run(project, ROOT, who, *words)
        found = secret.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 0, 0o600), words
        if "lock" not in name:  # a lock holds the note of the last id
            assert secret.read_bytes() == data, words


@pytest.mark.parametrize("plant", ["link", "hard link"])
def test_root_copies_no_secret(project: Path, ground: Path, plant: str) -> None:
    """A user who puts root's file in place of an attachment gets no copy of it: not by sync, not by retry."""
    secret = ground / "secret"
    secret.write_text("a secret")  # of as many bytes as what was attached
    secret.chmod(0o600)
    (project / "file.txt").write_text("harmless")
    pending = project / ".xw/hub/coder/inbox/pending"
    pending.chmod(0o500)
    ok(project, USER, "lead", "send", "--to", "coder", "task", "x", "--attach", "file.txt")
    pending.chmod(0o700)
    (attached,) = (project / ".xw/hub/lead/attachments").glob("*/file.txt")
    attached.unlink()
    if plant == "link":
        attached.symlink_to(secret)
    else:
        attached.hardlink_to(secret)
    run(project, ROOT, "lead", "sync")
    refused = sorted((project / ".xw/hub/lead/outbox/failed").glob("*.lead.json"))
    for message in refused:
        run(project, ROOT, "lead", "retry", message.name)
    for path in everything(project):
        if path.is_file() and not path.is_symlink() and path.stat().st_ino != secret.stat().st_ino:
            assert b"a secret" not in path.read_bytes(), path


def advised(folder: Path, user: int, name: str) -> list[str]:
    """Return the commands that doctor prints for what belongs to the wrong user."""
    found = run(folder, user, name, "doctor")
    assert "Traceback" not in found.err
    lines = [line for line in found.out.splitlines() if line.startswith("bad")]
    return [line[line.index("sudo ") :].removeprefix("sudo ") for line in lines if "sudo " in line]


def hand_to_root(*paths: Path) -> None:
    """Make files what an older xw left when root ran it."""
    for path in paths:
        os.chown(path, 0, 0, follow_symlinks=False)


@pytest.mark.parametrize(
    "names",
    [
        ("xw.json",),
        (".xw/hub/lead/outbox/.lock",),
        (".xw/hub/lead/outbox/.gc.lock", ".xw/hub/lead/inbox/failed"),
        (".xw/hub/lead/inbox",),
        (".xw/hub/lead",),
        (".xw/config.lock", "xw.json", ".xw/hub/lead/presence.json"),
        (".xw/hub/coder",),
    ],
)
def test_doctor_gives_the_command(project: Path, names: tuple[str, ...]) -> None:
    """`doctor` names root's files and a command, after which all is well."""
    ok(project, USER, "lead", "send", "--to", "coder", "info", "x")
    ok(project, USER, "lead", "notify", "heartbeat")
    ok(project, USER, "lead", "gc")
    hand_to_root(*(project / name for name in names))
    commands = advised(project, USER, "lead")
    assert commands, "nothing was advised"
    for _ in range(2):  # the first may show what it hid
        for command in advised(project, USER, "lead"):
            subprocess.run(["sh", "-c", command], check=True, cwd="/")
    assert not_of(USER, project) == []
    assert advised(project, USER, "lead") == []
    ok(project, USER, "lead", "send", "--to", "coder", "info", "again")
    ok(project, USER, "lead", "gc")


def test_doctor_of_mail_that_root_sent(project: Path) -> None:
    """A message of root's, linked into two mailboxes, is given back from either."""
    ok(project, USER, "lead", "send", "--to", "coder", "info", "x")
    hub = project / ".xw/hub"
    hand_to_root(*(hub / "coder/inbox/pending").iterdir())
    assert "Permission denied" in run(project, USER, "coder", "check").err
    (command,) = advised(project, USER, "coder")
    subprocess.run(["sh", "-c", command], check=True, cwd="/")
    assert "x" in ok(project, USER, "coder", "check")


def test_doctor_never_advises_to_give_a_secret_away(project: Path, ground: Path) -> None:
    """Root's file that a user has linked into a mailbox is in no command that changes owners."""
    secret = ground / "secret"
    secret.write_text("secret")
    for name in ("inbox/pending/x", "outbox/.gc.lock", "inbox/tmp/y"):
        path = project / ".xw/hub/lead" / name
        path.unlink(missing_ok=True)
        path.hardlink_to(secret)
    (project / ".xw/config.lock").unlink()
    (project / ".xw/config.lock").hardlink_to(secret)
    hand_to_root(project / "xw.json", project / ".xw/hub/lead/inbox/done")
    for user in (USER, ROOT):
        for command in advised(project, user, "lead"):
            subprocess.run(["sh", "-c", command], check=True, cwd="/")
        assert secret.stat().st_uid == 0
    assert "hard link to another user's file" in run(project, USER, "lead", "doctor").out


def repository(folder: Path) -> Path:
    """Make a user's git repository of a folder; its `info/exclude`."""
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    subprocess.run(["git", "init", "-q", str(folder)], env=home, check=True)
    for path in everything(folder):
        os.chown(path, USER, USER, follow_symlinks=False)
    return folder / ".git/info/exclude"


def test_root_lists_what_git_ignores(ground: Path) -> None:
    """`info/exclude`, which `init` of root's makes or adds to, belongs to the repository's owner."""
    folder = ground / "repository"
    folder.mkdir()
    exclude = repository(folder)
    exclude.unlink()
    ok(folder, ROOT, "lead", "init", "--name", "lead")
    assert exclude.read_text() == "/xw.json\n"
    assert not_of(USER, folder) == []
    exclude.write_text("mine\n")
    ok(folder, ROOT, "coder", "init", "--name", "coder")
    assert exclude.read_text() == "mine\n/xw.json\n"
    exclude.unlink()
    exclude.parent.rmdir()
    ok(folder, ROOT, "coder", "init", "--name", "coder")
    assert not_of(USER, folder) == []


@pytest.mark.parametrize("plant", ["link", "hard link", "link for info", "link for .git"])
def test_what_is_planted_for_exclude(ground: Path, plant: str) -> None:
    """Root's `init` writes nothing through a user's file in place of `info/exclude`, and says so."""
    folder = ground / "repository"
    folder.mkdir()
    exclude = repository(folder)
    secret = ground / "root/info/exclude"
    secret.parent.mkdir(parents=True)
    secret.write_text("a secret\n")
    exclude.unlink()
    if plant == "link":
        exclude.symlink_to(secret)
    elif plant == "hard link":
        exclude.hardlink_to(secret)
    elif plant == "link for info":
        exclude.parent.rmdir()
        exclude.parent.symlink_to(secret.parent)
    else:
        shutil.rmtree(folder / ".git")
        (folder / ".git").symlink_to(ground / "root")
    for path in (exclude, exclude.parent, folder / ".git"):
        if path.is_symlink():
            os.chown(path, USER, USER, follow_symlinks=False)
    made = run(folder, ROOT, "lead", "init", "--name", "lead")
    assert made.code == 0, made
    assert secret.read_text() == "a secret\n"
    assert secret.stat().st_uid == 0
    if plant != "link for .git":
        assert "git does not ignore" in made.out


@pytest.mark.parametrize("lock", [".lock", ".gc.lock", ".presence.lock"])
def test_a_hard_link_in_place_of_a_lock(project: Path, ground: Path, lock: str) -> None:
    """Root writes no note into its own file that a user has linked in place of a lock, and names it."""
    secret = ground / "secret"
    secret.write_text("a secret")
    path = project / ".xw/hub/lead/outbox" / lock
    path.unlink(missing_ok=True)
    path.hardlink_to(secret)
    for words in (("send", "--to", "coder", "info", "x"), ("gc",), ("notify", "heartbeat"), ("sync",)):
        shown = run(project, ROOT, "lead", *words)
        if lock == ".lock" and words[0] in ("send", "sync"):
            assert (shown.code, "hard link to another user's file" in shown.err) == (6, True), shown
        assert secret.read_text() == "a secret"


@pytest.mark.parametrize("name", [".xw", ".xw/hub", ".xw/mirror"])
def test_a_link_on_the_way_to_a_hub(project: Path, ground: Path, name: str) -> None:
    """Root makes nothing where a user's link leads instead of a hub or its mirror; the user may have one."""
    treasure = ground / "treasure"
    treasure.mkdir()
    (ground / "fresh").mkdir()
    folder = ground / "fresh"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(treasure)
    for one in everything(folder):
        os.chown(one, USER, USER, follow_symlinks=False)
    words = ("--hub", "nobody@127.0.0.1:/nowhere") if name == ".xw/mirror" else ()
    refused = run(folder, ROOT, "lead", "init", "--name", "lead", *words)
    assert (refused.code, refused.err.count("\n")) == (6, 1), refused
    assert "is another user's link, which root does not follow" in refused.err
    assert list(treasure.iterdir()) == []
    os.chown(treasure, USER, USER)
    if not words:
        ok(folder, USER, "lead", "init", "--name", "lead")
        refused = run(folder, ROOT, "lead", "check")
        assert refused.code == 6, refused


@pytest.mark.parametrize("group", [False, True])
def test_root_reads_no_file_through_a_hard_link(ground: Path, group: bool) -> None:
    """As root, the pieces of a hard link to another user's file are Damaged, in a group's hub too."""
    (ground / "hub/lead").mkdir(parents=True)
    secret = ground / "secret"
    secret.write_text("a secret")
    for path in (ground / "hub", ground / "hub/lead"):
        os.chown(path, USER, USER)
    (ground / "hub/lead/file").hardlink_to(secret)
    files = LocalFiles(str(ground / "hub"), group=group)
    with pytest.raises(Damaged, match="hard link to another user's file"):
        list(files.read_chunks("lead/file"))
    os.chown(secret, USER, USER)
    assert list(files.read_chunks("lead/file")) == [b"a secret"]
