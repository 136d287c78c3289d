"""A hub of a Unix group: open to all its members, whatever their own groups and umasks."""

import grp
import json
import os
import stat
from pathlib import Path

import pytest

from tests.guarantees.owners import GROUP, OTHER, ROOT, USER, everything, ok, run

pytestmark = pytest.mark.root

NAMED = next(group for group in grp.getgrall() if 0 < group.gr_gid < USER)
MEMBERS = {"one": USER, "two": OTHER}


@pytest.fixture
def ground(ground: Path) -> Path:
    """A folder that every user can enter and write, with a project of each of two users."""
    ground.chmod(0o777)
    for name, user in MEMBERS.items():
        (ground / name).mkdir()
        (ground / name / "file.txt").write_text("attached")
        os.chown(ground / name, user, user)
    return ground


def misplaced(hub: Path, group: int) -> list[str]:
    """Return what in a hub another group has, or has another mode than a group hub's."""
    found = []
    for path in everything(hub):
        status = path.lstat()
        mode = 0o2770 if stat.S_ISDIR(status.st_mode) else 0o660
        if (status.st_gid, stat.S_IMODE(status.st_mode)) != (group, mode):
            found.append(f"{path.relative_to(hub)} {status.st_gid} {stat.S_IMODE(status.st_mode):o}")
    return found


def exchange(ground: Path, user: int, name: str, other: str, mask: int, group: int) -> None:
    """Let a user run what makes files in both mailboxes: mail, an attachment, locks, presence, a room."""
    folder, words = ground / name, ("--to", other)
    for command in (
        ("send", *words, "task", f"from {name}", "--attach", "file.txt"),
        ("send", *words, "question", "well?"),
        ("notify", "heartbeat"),
        ("gc", "--days", "0"),
        ("sync",),
        ("check",),
    ):
        ok(folder, user, name, *command, groups=[group], mask=mask)


@pytest.mark.parametrize(
    ("first", "masks", "given"),
    [  # each pair of a first user and umasks, and each way to name a group
        ("one", (0o077, 0o022), str(GROUP)),
        ("one", (0o022, 0o077), NAMED.gr_name),
        ("two", (0o077, 0o022), str(NAMED.gr_gid)),
        ("two", (0o022, 0o077), str(GROUP)),
        ("root", (0o077, 0o022), NAMED.gr_name),
        ("root", (0o022, 0o077), str(NAMED.gr_gid)),
    ],
)
def test_a_hub_of_two_users(ground: Path, first: str, masks: tuple[int, int], given: str) -> None:
    """All that either user makes, whoever began, belongs to the group and is open to it: 2770 and 0660."""
    group = int(given) if given.isdigit() else NAMED.gr_gid
    hub = ground / "shared" / "hub"
    order = ["one", "two"] if first != "two" else ["two", "one"]
    mask_of = dict(zip(order, masks, strict=True))
    if first == "root":
        ok(ground / "one", ROOT, "boss", "init", "--hub", str(hub), "--group", given, mask=masks[0])
        assert misplaced(hub, group) == []
    for index, name in enumerate(order):
        more = ("--group", given) if not index and first != "root" else ()
        config = ("--config", str(ground / name / "xw.json"))
        words = ("init", "--name", name, "--hub", str(hub), *config, *more)
        ok(ground / name, MEMBERS[name], name, *words, groups=[group], mask=mask_of[name])
        assert misplaced(hub, group) == [], name
    for _ in range(2):
        for name, other in (order, reversed(order)):
            exchange(ground, MEMBERS[name], name, other, mask_of[name], group)
            assert misplaced(hub, group) == [], name
    for name in order:
        assert "from " in ok(ground / name, MEMBERS[name], name, "check", groups=[group], mask=mask_of[name])


def test_locks_of_root_are_the_groups(ground: Path) -> None:
    """If root sends first in a member's name, that member and the other one still can."""
    hub = ground / "hub"
    for name, user in MEMBERS.items():
        more = ("--group", str(GROUP)) if name == "one" else ()
        ok(ground / name, user, name, "init", "--name", name, "--hub", str(hub), *more, groups=[GROUP])
    exchange(ground, ROOT, "one", "two", 0o077, GROUP)
    assert misplaced(hub, GROUP) == []
    # Whoever acts as one: the lock is the group's.
    ok(ground / "two", OTHER, "one", "send", "--to", "two", "info", "x", groups=[GROUP], mask=0o077)
    exchange(ground, USER, "one", "two", 0o077, GROUP)
    assert misplaced(hub, GROUP) == []


def test_a_folder_that_is_there(ground: Path) -> None:
    """An empty folder of the maker's own becomes the group's; another's is refused with the command."""
    hub = ground / "hub"
    hub.mkdir()
    os.chown(hub, OTHER, OTHER)
    words = ("init", "--name", "one", "--hub", str(hub), "--group", str(GROUP))
    refused = run(ground / "one", USER, "one", *words, groups=[GROUP])
    assert refused.code == 6, refused
    assert f"sudo chgrp {GROUP} {hub}" in refused.err
    assert refused.err.count("\n") == 1
    assert list(hub.iterdir()) == []
    assert (hub.stat().st_uid, hub.stat().st_gid) == (OTHER, OTHER)
    os.chown(hub, USER, USER)
    hub.chmod(0o700)
    ok(ground / "one", USER, "one", *words, groups=[GROUP])
    assert misplaced(hub, GROUP) == []


def test_a_folder_made_ready_by_root(ground: Path) -> None:
    """A folder that root has given to the group works for its members."""
    hub = ground / "hub"
    hub.mkdir()
    os.chown(hub, 0, GROUP)
    hub.chmod(0o2770)
    words = ("init", "--name", "one", "--hub", str(hub), "--group", str(GROUP))
    ok(ground / "one", USER, "one", *words, groups=[GROUP])
    assert misplaced(hub, GROUP) == []


@pytest.mark.parametrize("name", ["no-such-group", "4294967295", "9" * 5000, "-1", "", "²"])
def test_no_such_group(ground: Path, name: str) -> None:
    """A name that no group has is wrong usage, and nothing is made."""
    refused = run(ground / "one", ROOT, "one", "init", f"--group={name}")
    assert (refused.code, refused.out) == (2, ""), refused
    assert ("Unix group" if name else "--group is empty") in refused.err
    assert refused.err.count("\n") == 1
    assert sorted(path.name for path in (ground / "one").iterdir()) == ["file.txt"]


def test_a_group_of_others(ground: Path) -> None:
    """A group that the maker does not belong to is refused, with what to do, and nothing is made."""
    refused = run(ground / "one", USER, "one", "init", "--group", NAMED.gr_name, groups=[GROUP])
    assert (refused.code, refused.out) == (6, ""), refused
    assert f"not a member of the group {NAMED.gr_name}" in refused.err
    assert refused.err.count("\n") == 1
    assert sorted(path.name for path in (ground / "one").iterdir()) == ["file.txt"]


@pytest.mark.parametrize("words", [(), ("--json",), ("--name", "one"), ("--hub", "hub")])
def test_a_group_without_its_name(ground: Path, words: tuple[str, ...]) -> None:
    """`--group` alone, as it was once written, is wrong usage, and the error says what to write."""
    refused = run(ground / "one", USER, "one", "init", "--group", *words, groups=[GROUP])
    assert refused.code == 2, refused
    assert refused.err.startswith("xw: --group takes the name of a Unix group: `xw init --group NAME`")
    assert sorted(path.name for path in (ground / "one").iterdir()) == ["file.txt"]


def test_a_hub_that_is_there(ground: Path) -> None:
    """Joining a group hub by its own group is harmless; a private hub, or another group's, is not changed."""
    hub = ground / "one/.xw/hub"
    words = ("init", "--name", "one", "--group")
    ok(ground / "one", USER, "one", *words, str(GROUP), groups=[GROUP])
    ok(ground / "one", USER, "one", *words, str(GROUP), groups=[GROUP])
    refused = run(ground / "one", USER, "one", *words, str(USER), groups=[GROUP])
    assert refused.code == 2, refused
    assert f"belongs to the group {GROUP}" in refused.err
    assert misplaced(hub, GROUP) == []
    ok(ground / "two", OTHER, "two", "init", "--name", "two")
    refused = run(
        ground / "two", OTHER, "two", "init", "--name", "two", "--group", str(GROUP), groups=[GROUP]
    )
    assert refused.code == 2, refused
    assert "is private" in refused.err
    assert "group" not in json.loads((ground / "two/.xw/hub/hub.json").read_text())


def test_what_an_older_xw_reads(ground: Path) -> None:
    """`hub.json` says `"group": true`, as ever, and names the group besides."""
    ok(ground / "one", USER, "one", "init", "--group", str(GROUP), groups=[GROUP])
    about = json.loads((ground / "one/.xw/hub/hub.json").read_text())
    assert about["group"] is True
    assert about["unix_group"] == str(GROUP)


def test_the_way_to_the_hub(ground: Path) -> None:
    """Folders above the hub that were made for it can be passed by the group, in spite of a narrow umask."""
    hub = ground / "one/deep/er/hub"
    words = ("init", "--name", "one", "--hub", str(hub), "--group", str(GROUP))
    ok(ground / "one", USER, "one", *words, groups=[GROUP], mask=0o077)
    (ground / "one").chmod(0o755)
    ok(ground / "two", OTHER, "two", "init", "--name", "two", "--hub", str(hub), groups=[GROUP], mask=0o077)
    ok(ground / "two", OTHER, "two", "send", "--to", "one", "info", "x", groups=[GROUP], mask=0o077)


@pytest.mark.parametrize("given", [str(GROUP), NAMED.gr_name])
def test_doctor_names_the_group(ground: Path, given: str) -> None:
    """`doctor` says which group can read, and never that such a hub is private."""
    group = int(given) if given.isdigit() else NAMED.gr_gid
    ok(ground / "one", USER, "one", "init", "--group", given, groups=[group])
    told = run(ground / "one", USER, "one", "doctor", groups=[group]).out
    assert f"shared with the Unix group {given}, whose members" in told
    assert "can read and forge all mail" in told
    assert "private" not in told


def test_doctor_finds_what_the_group_cannot_use(ground: Path) -> None:
    """`doctor` names what another group has or the group cannot use, with commands that put it right."""
    ok(ground / "one", USER, "one", "init", "--group", str(GROUP), groups=[GROUP])
    ok(ground / "one", USER, "one", "send", "--to", "one", "info", "x", groups=[GROUP])
    box = ground / "one/.xw/hub/one"
    (message,) = (box / "inbox/pending").iterdir()
    os.chown(message, USER, USER)
    os.chown(box / "sent", USER, USER)
    (box / "outbox/.lock").chmod(0o640)
    (box / "inbox/done").chmod(0o700)
    told = run(ground / "one", USER, "one", "doctor", groups=[GROUP]).out
    commands = [line[line.index("sudo ") + 5 :] for line in told.splitlines() if "sudo " in line]
    assert len(commands) == 3, told
    for command in commands:
        assert os.system(command) == 0  # the user would paste it into a shell, too
    told = run(ground / "one", USER, "one", "doctor", groups=[GROUP]).out
    assert "sudo " not in told
    assert misplaced(ground / "one/.xw/hub", GROUP) == []


def test_doctor_finds_a_mailbox_of_another_group(ground: Path) -> None:
    """A mailbox that does not belong to the hub's group is named, with the command."""
    ok(ground / "one", USER, "one", "init", "--group", str(GROUP), groups=[GROUP])
    for path in everything(ground / "one/.xw/hub/one"):
        os.chown(path, USER, USER)
    told = run(ground / "one", USER, "one", "doctor", groups=[GROUP]).out
    assert f"sudo chgrp -hR {GROUP} {ground}/one/.xw/hub/one" in told


def test_a_folder_that_does_not_pass_its_group_on(ground: Path) -> None:
    """If a folder lacks setgid, or its mount ignores it, files still get the folder's group."""
    ok(ground / "one", USER, "one", "init", "--group", str(GROUP), groups=[GROUP])
    hub = ground / "one/.xw/hub"
    for path in everything(hub):
        if path.is_dir():
            path.chmod(0o770)
    exchange(ground, USER, "one", "one", 0o022, GROUP)
    ok(ground / "one", USER, "three", "init", "--name", "three", groups=[GROUP])
    assert [path for path in everything(hub) if path.lstat().st_gid != GROUP] == []


def test_a_hub_that_moves(ground: Path) -> None:
    """A member moves it: the new place is the group's as well, and both members go on there."""
    hub, new = ground / "shared/hub", ground / "shared/moved"
    (ground / "shared").mkdir(mode=0o777)
    (ground / "shared").chmod(0o777)
    for name, user in MEMBERS.items():
        more = ("--group", str(GROUP)) if name == "one" else ()
        ok(ground / name, user, name, "init", "--name", name, "--hub", str(hub), *more, groups=[GROUP])
    exchange(ground, USER, "one", "two", 0o077, GROUP)
    exchange(ground, OTHER, "two", "one", 0o022, GROUP)
    stranger = run(ground / "two", OTHER, "two", "hub", "move", str(new))
    assert (stranger.code, stranger.err.count("\n")) == (6, 1), stranger
    ok(ground / "two", OTHER, "two", "hub", "move", str(new), groups=[GROUP], mask=0o077)
    assert misplaced(new, GROUP) == []
    for name, user in MEMBERS.items():
        assert "from " in ok(ground / name, user, name, "check", groups=[GROUP])
    exchange(ground, USER, "one", "two", 0o077, GROUP)
    assert misplaced(new, GROUP) == []
