"""`peers`: who is in trouble first, one in full, a bounded list, and no line or advice that others forged."""

import errno
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.team import Team, ageless
from xw.errors import Damaged
from xw.files.local import LocalFiles
from xw.mailbox import Mailbox


def test_trouble_comes_first(team: Team) -> None:
    """Who is blocked or needs help is listed first, until the next status; a heartbeat takes nothing back."""
    team.ok("notify", "error", "disk full", "--needs-assistance", by="carol")
    first, second = ageless(team.ok("peers")).splitlines()
    assert first.startswith("carol alive; needs help: disk full; 0 pending; seen 0s ago")
    team.ok("notify", "status", "blocked", "--task", "parser", by="bob")
    team.ok("notify", "heartbeat", "busy", by="carol")
    first, second = ageless(team.ok("peers")).splitlines()
    assert first.startswith("bob blocked; ")
    assert second.startswith("carol busy; needs help: disk full; ")
    shown = {peer["name"]: peer for peer in team.json("peers")["peers"]}
    assert [shown["bob"]["status"], shown["carol"]["needs_help"]] == ["blocked", "disk full"]
    team.ok("notify", "status", "blocked", by="carol")
    assert "carol blocked; needs help: disk full; " in team.ok("peers")
    team.ok("notify", "status", "working", by="carol")
    assert "needs help" not in team.ok("peers")
    team.ok("notify", "error", "x", by="carol")
    assert "needs help" not in team.ok("peers")


def test_older_versions_see_who_is_blocked_as_busy(team: Team) -> None:
    """`blocked` and `help` are additive: status and task are as before."""
    team.ok("notify", "status", "blocked", "--task", "parser", by="bob")
    team.ok("notify", "error", "disk full", "--needs-assistance", by="bob")
    said = json.loads((team.box("bob") / "presence.json").read_text())
    assert (said["status"], said["task"], said["said"]["status"]) == ("busy", "parser", "busy")


def test_one_in_full(team: Team) -> None:
    """`peers NAME` shows everything about one; an unknown name is exit 3 with the nearest ones."""
    team.ok("init", "--name", "bob", "--capability", "python", "--model", "m-1", "--describe", "long " * 30)
    team.ok("join", "@builds", by="bob")
    assert "; @builds, python; m-1\n" in team.ok("peers")
    shown = team.ok("peers", "bob").splitlines()
    assert [line.split()[0] for line in shown] == [
        "name", "kind", "status", "mail", "seen", "delivery", "description", "capabilities", "groups",
        "model",
    ]  # fmt: skip
    assert shown[6].endswith("long " * 29 + "long ")
    assert [peer["name"] for peer in team.json("peers", "bob")["peers"]] == ["bob"]
    for word, code in (("bbo", 3), ("alice", 3), ("@nobody", 3)):
        result = team.run("peers", word)
        assert (result.code, result.out) == (code, ""), result
    assert "did you mean bob" in team.run("peers", "bbo").err


def test_a_list_of_bounded_length(team: Team) -> None:
    """50 peers are listed, those in trouble and those seen last; `--all` and `--limit` choose otherwise."""
    for number in range(60):
        mailbox = Mailbox(LocalFiles(str(team.hub)), f"p{number:02}")
        mailbox.make()
        (team.hub / mailbox.owner / "card.json").write_text(json.dumps({"name": mailbox.owner}))
        for folder in ("inbox/processing", "inbox/done", "sent"):
            os.utime(team.hub / mailbox.owner / folder, (1000 + number, 1000 + number))
    team.ok("notify", "error", "help", "--needs-assistance", by="carol")
    os.utime(team.box("carol") / "presence.json", None)
    lines = team.ok("peers").splitlines()
    assert len(lines) == 51
    assert lines[-1] == "and 12 more, seen longer ago: `xw peers --all`"
    names = [line.split()[0] for line in lines[:-1]]
    assert names == ["carol", "bob", *(f"p{number:02}" for number in range(12, 60))]
    found = team.json("peers", "--limit", "3")
    assert ([peer["name"] for peer in found["peers"]], found["total"]) == (["carol", "bob", "p59"], 62)
    assert len(team.ok("peers", "--all").splitlines()) == 62
    assert team.run("peers", "--limit", "0").code == 2
    assert team.run("peers", "--limit", "3", "--all").code == 2


def test_no_field_forges_a_line(team: Team) -> None:
    """Every text of a card and a presence, with every control character, stays in its line."""
    evil = "x" + "".join(
        f"{chr(code)}FAKE" for code in (*range(32), 0x7F, 0x85, 0x9B, 0x2028, 0x2029, 0x202E)
    )
    card = {"name": "bob", "kind": evil, "description": evil, "model": evil, "capabilities": [evil, evil],
            "groups": [evil, "builds"]}  # fmt: skip
    said: dict[str, Any] = {"status": "busy", "task": evil, "progress": evil, "ttl_s": 1e6}
    said["bridge"] = {"kind": evil, "ttl_s": 1e6, "waits_for": evil}
    said["help"] = {"text": evil, "ttl_s": 1e6}
    (team.box("bob") / "card.json").write_text(json.dumps(card))
    (team.box("bob") / "presence.json").write_text(json.dumps(said))
    for command in (("peers",), ("peers", "bob"), ("peers", "@builds"), ("peers", f"@{evil}"), ("prompt",)):
        result = team.run(*command)
        for line in (result.out + result.err).splitlines():
            assert not line.strip().startswith("FAKE"), (command, line)
            assert line.isprintable(), (command, line)
    assert len(team.ok("peers", "bob").splitlines()) == 13


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES, errno.ENFILE])
def test_a_card_that_cannot_be_read_is_not_damaged(
    team: Team, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A read error is shown as itself, hides nobody, advises no `init`, and is no description for xw.json."""
    team.ok("sync")
    before = (team.folder / "xw.json").read_text()
    read_all, stat_all = LocalFiles.read_all, LocalFiles.stat_all
    trouble = OSError(number, os.strerror(number))

    def unread(files: LocalFiles, paths: list[str], limit: int) -> Iterator[bytes | OSError | Damaged]:
        for path, data in zip(paths, read_all(files, paths, limit), strict=True):
            yield trouble if path == "bob/card.json" else data

    def unseen(files: LocalFiles, paths: list[str]) -> list[Any]:
        found = zip(paths, stat_all(files, paths), strict=True)
        return [trouble if path == "bob/card.json" else look for path, look in found]

    for name, broken in (("read_all", unread), ("stat_all", unseen)):
        with monkeypatch.context() as patch:
            patch.setattr(LocalFiles, name, broken)
            for command in (("peers",), ("peers", "bob"), ("sync",)):
                result = team.run(*command)
                if number in (errno.EMFILE, errno.ENFILE) and name == "stat_all":
                    continue  # whoever cannot open anything cannot list anything
                assert result.code == 0, (command, result)
                assert "damaged" not in result.out
                assert "xw init" not in result.out
                if command == ("peers",):
                    assert os.strerror(number) in result.out
                    assert result.out.splitlines()[1].startswith("carol ")
            assert (team.folder / "xw.json").read_text() == before
