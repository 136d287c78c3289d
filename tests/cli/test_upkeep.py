"""gc, doctor."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.team import XW, Team
from xw import clock, layout
from xw.files.local import LocalFiles

_DAY = 86400


def _age(path: Path, days: float) -> None:
    """Set a file's time back."""
    at = path.lstat().st_mtime - days * _DAY
    os.utime(path, (at, at), follow_symlinks=False)


@pytest.fixture
def old(team: Team, tmp_path: Path) -> dict[str, str]:
    """Bob's mailbox with a message in each state, all 40 days old, each with a file: the ids by state."""
    (tmp_path / "file").write_text("text")
    tokens: dict[str, str] = {}
    inbox = team.box("bob") / "inbox"
    for state in layout.STATES:
        tokens[state] = team.send(state, "--attach", str(tmp_path / "file"))
        (name,) = (name for name in team.names("bob", "inbox/pending") if name.startswith(tokens[state]))
        (inbox / "pending" / name).rename(inbox / state / name)
        if state == "failed":
            (inbox / state / f"{name}.why.json").write_text("{}")
        if state == "pending":
            os.mkdir(inbox / "later")
            (inbox / "pending" / name).rename(inbox / "later" / name)
    for name in os.listdir(inbox / "later"):
        (inbox / "later" / name).rename(inbox / "pending" / name)
    (inbox / "later").rmdir()
    tokens["sent"] = team.send("sent", "--attach", str(tmp_path / "file"), by="bob", to="carol")
    for path in team.box("bob").rglob("*"):
        _age(path, 40)
    return tokens


def test_gc(team: Team, old: dict[str, str]) -> None:
    """gc removes what is done, failed and sent since 30 days, with its files; nothing that is still open."""
    (team.box("bob") / "inbox" / "tmp" / "f00").write_text("left by a crash")
    _age(team.box("bob") / "inbox" / "tmp" / "f00", 2)
    (team.box("bob") / "inbox" / "tmp" / "f01").write_text("being written")
    before = sorted(team.box("alice").rglob("*"))
    assert team.ok("gc", by="bob") == ""
    assert [len(team.names("bob", f"inbox/{state}")) for state in layout.STATES] == [1, 1, 0, 0]
    assert team.names("bob", "sent") == []
    assert team.names("bob", "attachments") == sorted([old["pending"], old["processing"]])
    assert team.names("bob", "inbox/tmp") == ["f01"]
    assert sorted(team.box("alice").rglob("*")) == before
    assert team.names("carol", "inbox/pending") != []


def test_gc_keeps_files_that_came_later(team: Team, tmp_path: Path) -> None:
    """Files of `xw attach` lie with a message that may be gone: they stay as long as what announces them."""
    (tmp_path / "file").write_text("text")
    first = team.send("first")
    team.ok("done", first, by="bob")
    info = team.json("attach", first, str(tmp_path / "file"))["id"]
    team.ok("gc", "--days", "0", by="bob")
    assert team.names("bob", "inbox/done") == []
    assert team.json("read", info, by="bob")["files"][0]["problem"] is None
    team.ok("done", info, by="bob")
    _age(team.box("bob") / "attachments" / first, 2)
    team.ok("gc", "--days", "0", by="bob")
    assert team.names("bob", "attachments") == []


def test_gc_keeps_files_that_are_not_sent_yet(team: Team, tmp_path: Path) -> None:
    """Nor does the sender's gc take files whose announcement waits in the outbox."""
    (tmp_path / "file").write_text("text")
    first, pending = team.send("first"), team.box("bob") / "inbox" / "pending"
    pending.rename(pending.with_name("away"))
    info = team.json("attach", first, str(tmp_path / "file"))
    assert info["outbox"] == ["bob"]
    team.ok("gc", "--days", "0")
    assert [name.partition(".")[0] for name in team.names("alice", "sent")] == [info["id"]]
    pending.with_name("away").rename(pending)
    team.ok("sync")
    assert team.json("read", info["id"], by="bob")["files"][0]["problem"] is None
    team.ok("gc", "--days", "0")
    assert team.names("alice", "sent") == []


def test_gc_keeps_the_senders_copy_of_what_is_not_delivered(team: Team) -> None:
    """Mail in the outbox, and refused mail, can still be traced after a gc."""
    pending = team.box("bob") / "inbox" / "pending"
    pending.rename(pending.with_name("away"))
    waits = team.json("send", "info", "waits", "--to", "bob")["id"]
    team.ok("gc", "--days", "0")
    assert "outbox" in team.ok("trace", waits)
    shutil.rmtree(team.box("bob"))
    team.run("sync")
    assert f"1 refused messages in outbox/failed/: {waits[-8:]}" in team.run("doctor").out
    team.ok("gc", "--days", "0")
    assert "refused" in team.ok("trace", waits)


def test_gc_keeps_what_is_young(team: Team, old: dict[str, str]) -> None:
    """Mail that came to done, failed or sent less than N days ago stays; `done` today counts from today."""
    team.ok("done", old["pending"], by="bob")
    assert team.ok("gc", "--days", "41", by="bob") == ""
    assert len(team.names("bob", "inbox/done")) == 2
    team.ok("gc", "--days", "1" + "0" * 400, by="bob")
    assert len(team.names("bob", "inbox/done")) == 2
    team.ok("gc", "--days", "39", by="bob")
    (kept,) = team.names("bob", "inbox/done")
    assert kept.startswith(old["pending"])


def test_gc_by_the_configuration(team: Team, old: dict[str, str]) -> None:
    """Without --days, retention_days of xw.json counts."""
    config = json.loads((team.folder / "xw.json").read_text())
    (team.folder / "xw.json").write_text(json.dumps(config | {"retention_days": 50}))
    team.ok("gc", by="bob")
    assert len(team.names("bob", "inbox/done")) == 1
    (team.folder / "xw.json").write_text(json.dumps(config | {"retention_days": 39}))
    team.ok("gc", by="bob")
    assert team.names("bob", "inbox/done") == []


def test_gc_dry_run(team: Team, old: dict[str, str]) -> None:
    """--dry-run names what would go, and removes nothing."""
    before = sorted(team.box("bob").rglob("*"))
    lines = team.ok("gc", "--dry-run", by="bob").splitlines()
    assert lines[-1].startswith("would remove 4 messages, attachments of 3, 0 unfinished files, ")
    assert any(line.startswith(f"would remove inbox/done/{old['done']}") for line in lines)
    assert f"would remove attachments/{old['failed']}" in lines
    assert set(team.box("bob").rglob("*")) - set(before) <= {team.box("bob") / "outbox" / ".gc.lock"}
    assert set(before) <= set(team.box("bob").rglob("*"))


def test_gc_verbose(team: Team, old: dict[str, str]) -> None:
    """--verbose says in one line what went; --json says it in full."""
    text = team.ok("gc", "--verbose", by="bob")
    assert text.startswith("removed 4 messages, attachments of 3, 0 unfinished files, ")
    assert text.count("\n") == 1
    swept = team.json("gc", by="bob")
    assert (swept["messages"], swept["size"]) == ([], 0)


def test_one_gc_at_a_time(team: Team, old: dict[str, str]) -> None:
    """While a gc runs, another does nothing, and reports that only with --verbose."""
    with LocalFiles(str(team.hub)).locked(f"bob/{layout.GC_LOCK}"):
        assert team.ok("gc", by="bob") == ""
        assert team.ok("gc", "--verbose", by="bob") == "another gc is running: nothing to do\n"
        assert team.json("gc", by="bob")["busy"]
    assert len(team.names("bob", "inbox/done")) == 1


@pytest.mark.parametrize("days", ["-1", "x", "1.5", "1" + "0" * 5000])
def test_gc_days(team: Team, days: str) -> None:
    """An invalid number of days is a usage error."""
    refused = team.run("gc", f"--days={days}")
    assert (refused.code, refused.out) == (2, "")
    assert "days" in refused.err


def test_gc_from_cron(team: Team, old: dict[str, str]) -> None:
    """The crontab line of the documents works with cron's bare environment: silent, exit 0."""
    import subprocess

    line = f"17 3 * * * XW_NAME=bob {XW} gc --config {team.folder / 'xw.json'}"
    command = line.split(maxsplit=5)[5]
    environ = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": "/"}
    ran = subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", env=environ, capture_output=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    assert team.names("bob", "inbox/done") == []


def test_gc_of_folders_and_links_in_failed(team: Team, tmp_path: Path) -> None:
    """Set-aside folders and links are removed too, and no link is followed."""
    (tmp_path / "precious").write_text("keep")
    pending = team.box("bob") / "inbox" / "pending"
    (pending / "folder" / "inner").mkdir(parents=True)
    (pending / "link").symlink_to(tmp_path / "precious")
    team.run("check", by="bob")
    for path in (team.box("bob") / "inbox" / "failed").iterdir():
        _age(path, 40)
    team.ok("gc", by="bob")
    assert team.names("bob", "inbox/failed") == []
    assert (tmp_path / "precious").read_text() == "keep"


def test_gc_beside_strange_things(team: Team, tmp_path: Path) -> None:
    """Files and links where only folders of attachments should be do not stop gc."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "f").write_text("keep")
    attachments = team.box("bob") / "attachments"
    (attachments / "note.txt").write_text("a file")
    (attachments / "link").symlink_to(tmp_path / "precious")
    (attachments / "deep" / "er").mkdir(parents=True)
    for path in attachments.iterdir():
        _age(path, 40)
    team.ok("gc", by="bob")
    assert team.names("bob", "attachments") == []
    assert (tmp_path / "precious" / "f").read_text() == "keep"


def test_doctor_on_a_sound_mailbox(team: Team) -> None:
    """Without problems, doctor lists its checks and exits 0."""
    text = team.ok("doctor")
    assert {line[:4] for line in text.splitlines()} == {"ok  "}
    assert f"alice on the hub {team.hub}" in text
    findings = team.json("doctor")["findings"]
    assert {finding["level"] for finding in findings} == {"ok"}
    assert {finding["code"] for finding in findings} == {"config", "hub", "folders", "writable"}
    assert {finding["instance"] for finding in findings} == {"", "alice"}, (
        "the configuration is no instance's"
    )
    assert team.names("alice", "inbox/tmp") == []


def _bad(team: Team, by: str = "bob") -> str:
    """Return the bad findings of `doctor`; check that it exits 1 and that JSON has the same."""
    found = team.run("doctor", by=by)
    assert (found.code, found.err) == (1, ""), found
    listed = json.loads(team.run("doctor", "--json", by=by).out)["findings"]
    bad = [one for one in listed if one["level"] == "bad"]
    assert all(one["fix"] or ":" in one["what"] for one in bad)
    return "\n".join(line for line in found.out.splitlines() if line.startswith("bad"))


def test_doctor_on_a_clock_that_was_ahead(team: Team) -> None:
    """Ids that continue from the future are a note with the difference; nonsense is not."""
    lock = team.box("alice") / "outbox" / ".lock"
    lock.write_text("nonsense")
    assert "in the future" not in team.ok("doctor")
    ahead = clock.stamp(clock.now() + (2 * 86400 + 60) * clock.SECOND)
    lock.write_text(ahead)
    assert "note the last id issued is 2d in the future: until then" in team.ok("doctor")
    assert layout.time_of(team.send("dated ahead")) > ahead


def test_doctor_finds_missing_folders(team: Team) -> None:
    """Missing folders are named, with the command that makes them, which works."""
    for folder in ("inbox/processing", "inbox/tmp", "sent"):
        (team.box("bob") / folder).rmdir()
    found = _bad(team)
    assert "missing folders: inbox/tmp, inbox/processing, sent: xw init --name bob" in found
    team.ok("init", "--name", "bob", by="bob")
    team.ok("doctor", by="bob")


def test_doctor_finds_files_in_place_of_folders(team: Team) -> None:
    """A file where a folder should be is bad."""
    pending = team.box("bob") / "inbox" / "pending"
    pending.rmdir()
    pending.write_text("")
    assert "inbox/pending" in _bad(team)


def test_doctor_finds_open_folders(team: Team) -> None:
    """Folders that others may read are bad, with the chmod that fixes them."""
    (team.box("bob") / "inbox" / "done").chmod(0o755)
    found = _bad(team)
    assert f"chmod 700 {team.box('bob') / 'inbox/done'}" in found
    os.system(found.partition(": ")[2])
    team.ok("doctor", by="bob")


def test_doctor_finds_damaged_and_old_mail(team: Team, old: dict[str, str]) -> None:
    """Damaged mail, old unread mail, stale claims, an old outbox and dead letters are found."""
    inbox, stamp = team.box("bob") / "inbox", "20200101T000000000000Z"
    (inbox / "pending" / f"{stamp}-00000000.task.alice.json").write_text("{}")
    (inbox / "pending" / "stray").write_text("")
    told = _bad_or_damaged(team)
    assert "do not match the short id" in told
    assert "bad  stray: the file name is not a message's: xw check --failed" in told
    for folder in ("inbox/pending", "inbox/processing", "outbox/carol"):
        (team.box("bob") / folder).mkdir(exist_ok=True)
        data = _message(stamp, folder)
        name = f"{stamp}-{layout.digest(data)}.task.alice.json"
        (team.box("bob") / folder / name).write_bytes(data)
    found = _bad(team)
    assert "2 pending, the oldest sent" in found
    assert "2 claimed and not finished, the oldest sent" in found
    assert "1 in the outbox for carol, the oldest sent" in found
    assert "dead letters in inbox/failed/: xw check --failed" in team.run("doctor", by="bob").out
    listed = {one["code"]: one for one in json.loads(team.run("doctor", "--json", by="bob").out)["findings"]}
    assert {"pending", "claimed", "outbox", "dead-letters"} < set(listed), "each has its code"
    year = 365 * 86400
    for code, number in {"pending": 2, "claimed": 2, "outbox": 1}.items():
        assert (listed[code]["number"], listed[code]["level"]) == (number, "bad")
        assert listed[code]["age_s"] > 6 * year
    assert listed["dead-letters"]["number"] > 0


def _bad_or_damaged(team: Team) -> str:
    return team.run("doctor", by="bob").out


def _message(stamp: str, body: str) -> bytes:
    sent = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T00:00:00.000000Z"
    fields = {"format": 1, "from": "alice", "type": "task", "to": ["bob"], "sent": sent, "body": body}
    return json.dumps(fields).encode()


def test_doctor_without_a_way_in(team: Team, empty: Path) -> None:
    """Without configuration, name or hub, doctor says which is missing."""
    from tests.cli.team import call

    none = call(empty, "doctor")
    assert none.code == 1
    assert none.out.splitlines()[-1].startswith("bad  there is no xw.json here: `xw init`")
    team.hub.rename(team.hub.with_name("moved"))
    assert "no hub at" in _bad(team)
    (team.folder / "xw.json").write_text("{")
    assert "not valid JSON" in _bad(team)
