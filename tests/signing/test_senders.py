"""The status of a message's sender: each of the six words, and the order in which evidence counts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.signing.conftest import ALICE, BOB, EVE, HUB, NOW, OTHER_HUB, message
from xw.layout import INBOX, POSTMASTER
from xw.message import Message, decode
from xw.trust import pins, published
from xw.trust.pins import OWN, SERVED, TRUSTED, Pin
from xw.trust.senders import Senders
from xw.trust.swept import FILE, Swept

Make = Callable[..., Senders]
PENDING = INBOX["pending"]


def word(senders: Senders, mail: Message, folder: str = PENDING) -> str:
    """Return the status's word."""
    return senders.status(mail, folder).word


def text(*keys: object) -> str:
    """Return a file of published keys."""
    return "".join(f"{key}\n" for key in keys)


def test_the_first_message_pins_the_published_key(senders: Make) -> None:
    """It stays "first seen"; later ones are verified."""
    hub = {"alice": text(ALICE.public)}
    first, later = message(ALICE), message(ALICE, at=NOW + 1)
    assert word(senders(hub), first) == "verified, first seen"
    assert word(senders(hub), later) == "verified"
    assert word(senders(hub), first) == "verified, first seen"
    assert not senders(hub).status(later, PENDING).confirmed


def test_a_key_that_is_not_published_pins_nothing(senders: Make) -> None:
    """Whoever writes in a name that has published another key, or none, is not taken for it."""
    for hub in ({"alice": text(ALICE.public)}, {}):
        assert word(senders(hub), message(EVE)) == "NEW KEY"
    assert word(senders({"alice": text(ALICE.public)}), message(ALICE, at=NOW + 1)) == "verified, first seen"


def test_another_key_than_the_pinned_is_new(senders: Make, folders: tuple[str, ...]) -> None:
    """A new key counts only if an earlier one has signed it, or a person says so."""
    pins.pin(folders, "alice", Pin(ALICE.public, pins.FIRST_SEEN), NOW)
    hub = {"alice": text(EVE.public)}
    assert word(senders(hub), message(EVE)) == "NEW KEY"
    pins.pin(folders, "alice", Pin(EVE.public, TRUSTED, confirmed=True), NOW)
    assert senders(hub).status(message(EVE), PENDING)[:3] == ("verified", "", True)


def test_a_key_that_the_pinned_one_leads_to_goes_on(senders: Make, folders: tuple[str, ...]) -> None:
    """A rotated key is pinned without a question, and is as confirmed as the one before."""
    pins.pin(folders, "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    led = text(ALICE.public, published.line(EVE.public, "alice", HUB, ALICE))
    assert senders({"alice": led}).status(message(EVE), PENDING)[:3] == ("verified", "", True)
    assert word(senders(), message(EVE, at=NOW + 1)) == "verified"
    assert word(senders(), message(ALICE, at=NOW + 2)) == "verified"


@pytest.mark.parametrize(
    "line",
    [
        str(EVE.public),
        published.line(EVE.public, "alice", HUB, EVE),
        published.line(EVE.public, "alice", OTHER_HUB, ALICE),
        published.line(EVE.public, "bob", HUB, ALICE),
        published.line(BOB.public, "alice", HUB, ALICE).replace(str(BOB.public), str(EVE.public)),
    ],
)
def test_no_other_line_leads_on(senders: Make, folders: tuple[str, ...], line: str) -> None:
    """Neither an unsigned line, nor a signature of another key, for another hub, name or key."""
    pins.pin(folders, "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    assert word(senders({"alice": text(ALICE.public, line)}), message(EVE)) == "NEW KEY"


def test_unsigned_mail_is_unsigned_or_a_downgrade(
    senders: Make, folders: tuple[str, ...], tmp_path: Path
) -> None:
    """A name that is known to sign, from pins, the team's file or the hub, is named."""
    assert word(senders(), message(None)) == "unsigned"
    assert word(senders({"alice": text(ALICE.public)}), message(None)) == "unsigned, though alice signs"
    team = tmp_path / "allowed_signers"
    team.write_text(f"alice {ALICE.public}\n")
    assert word(senders(allowed=str(team)), message(None)) == "unsigned, though alice signs"
    pins.pin(folders, "alice", Pin(ALICE.public, pins.FIRST_SEEN), NOW)
    assert word(senders(), message(None)) == "unsigned, though alice signs"


def test_forged_is_what_the_key_has_not_signed(senders: Make) -> None:
    """A changed text, a line out of place, a signature for another hub."""
    hub = {"alice": text(ALICE.public)}
    good = message(ALICE)
    data = good.data.replace(b"Do it", b"Do no")
    changed = good._replace(data=data, body="Do no")
    assert word(senders(hub), changed) == "FORGED"
    moved = json.dumps(good.fields).encode()
    assert word(senders(hub), good._replace(data=moved)) == "FORGED"
    assert word(senders(hub), message(ALICE, hub_id=OTHER_HUB)) == "FORGED"


def test_anothers_key_is_forged(senders: Make, folders: tuple[str, ...]) -> None:
    """A name signed with a key that is pinned for another is no new key, but that one's forgery."""
    pins.pin(folders, "eve", Pin(EVE.public, pins.FIRST_SEEN), NOW)
    for hub in ({}, {"alice": text(EVE.public)}, {"alice": text(ALICE.public)}):
        status = senders(hub).status(message(EVE), PENDING)
        assert (status.word, status.why) == ("FORGED", "it is signed with the key of eve")


def test_the_teams_file_decides_alone(senders: Make, folders: tuple[str, ...], tmp_path: Path) -> None:
    """Its keys are confirmed, and no other key counts for a name in it, though it was pinned."""
    team = tmp_path / "allowed_signers"
    team.write_text(f"alice {ALICE.public}\n")
    pins.pin(folders, "alice", Pin(EVE.public, TRUSTED, confirmed=True), NOW)
    known = senders({"alice": text(EVE.public)}, allowed=str(team))
    assert known.status(message(ALICE), PENDING)[:3] == ("verified", "", True)
    assert word(known, message(EVE, at=NOW + 1)) == "NEW KEY"


@pytest.mark.parametrize(
    "line",
    [
        "alice",
        'alice namespaces="file",namespaces="*" ssh-ed25519 KEY',
        'alice namespaces="*", ssh-ed25519 KEY',
        "alice ssh-rsa AAAA",
        "alice ssh-ed25519 AAAA",
        "alice odd ssh-ed25519 KEY",
        "ali*,!x nonsense",
    ],
)
def test_a_line_that_cannot_be_used_allows_nobody(
    senders: Make, folders: tuple[str, ...], tmp_path: Path, line: str
) -> None:
    """A mistake in the team's file must not let an older pin count again."""
    pins.pin(folders, "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    team = tmp_path / "allowed_signers"
    team.write_text(f"{line.replace('KEY', str(ALICE.public).split()[1])}\n")
    assert word(senders({"alice": text(ALICE.public)}, allowed=str(team)), message(ALICE)) == "NEW KEY"
    assert word(senders(allowed=str(team)), message(None)) == "unsigned, though alice signs"


@pytest.mark.parametrize("end", "\x0b\x0c\x1c\x85\u2028\r")
def test_a_comment_ends_with_its_line_only(senders: Make, tmp_path: Path, end: str) -> None:
    """Other characters end no line for ssh-keygen, nor for whoever reviews the file."""
    team = tmp_path / "allowed_signers"
    team.write_text(f"# reviewed{end}alice {EVE.public}\n", newline="")
    assert word(senders(allowed=str(team)), message(EVE)) == "NEW KEY"


def test_lines_for_certificates_name_nobody(senders: Make, tmp_path: Path) -> None:
    """`*` often stands before an authority, which must not shut everybody out."""
    team = tmp_path / "allowed_signers"
    team.write_text(f"* cert-authority {EVE.public}\n# alice {EVE.public}\n")
    assert (
        word(senders({"alice": text(ALICE.public)}, allowed=str(team)), message(ALICE))
        == "verified, first seen"
    )


def test_a_key_that_has_expired_counts_for_old_mail_only(senders: Make, tmp_path: Path) -> None:
    """Its holder may write any time of sending into a new message."""
    team = tmp_path / "allowed_signers"
    team.write_text(f'alice valid-before="20261130130000Z" {ALICE.public}\n')
    later = senders(allowed=str(team))
    assert word(later, message(ALICE)) == "verified"
    later._now = lambda: NOW + 3600 * 1_000_000
    assert word(later, message(ALICE)) == "NEW KEY"
    assert word(later, message(ALICE), INBOX["done"]) == "verified"


def test_a_served_hub_confirms(senders: Make, folders: tuple[str, ...]) -> None:
    """It lets nobody else publish a key of this name; a pin from before is confirmed too."""
    hub = {"alice": text(ALICE.public)}
    assert word(senders(hub), message(ALICE)) == "verified, first seen"
    assert senders(hub, vouched=True).status(message(ALICE), PENDING)[:3] == ("verified", "", True)
    more = {"alice": text(ALICE.public, EVE.public)}  # of a second machine, which its key does not lead to
    assert senders(more, vouched=True).status(message(EVE, at=NOW + 5), PENDING)[:3] == ("verified", "", True)
    pins.unpin(folders, "alice")
    assert senders(hub, vouched=True).status(message(ALICE, at=NOW + 1), PENDING)[:3] == (
        "verified",
        "",
        True,
    )
    assert pins.load(folders).of("alice")[0].how == SERVED


def test_a_served_hub_knows_a_renamed_member(senders: Make, folders: tuple[str, ...]) -> None:
    """The key that was dave's is david's, because the hub lets david in by it; elsewhere it is dave's."""
    pins.pin(folders, "dave", Pin(ALICE.public, SERVED, confirmed=True), NOW)
    hub = {"david": text(ALICE.public)}
    assert word(senders(hub), message(ALICE, "david")) == "FORGED"
    assert word(senders(hub, vouched=True), message(ALICE, "david")) == "verified"
    assert word(senders(hub, vouched=True), message(ALICE, "dave")) == "verified"


def test_a_copy_of_removed_mail_is_forged(senders: Make, folders: tuple[str, ...]) -> None:
    """After gc has removed a message, one with the same bytes that arrives is a copy; other mail is none."""
    hub, mail = {"alice": text(ALICE.public)}, message(ALICE)
    assert word(senders(hub), mail) == "verified, first seen"
    assert word(senders(hub), mail) == "verified, first seen"
    Swept(folders, "carol").add([mail.data])  # a broadcast, which carol has handled and bob has not
    assert word(senders(hub), mail) == "verified, first seen"
    for _ in range(2):
        Swept(folders, "bob").add([message(EVE).data, mail.data])
    assert Path(folders[0], FILE).stat().st_size == 3 * 16
    assert word(senders(hub), mail) == "FORGED"
    assert word(senders(hub), mail, INBOX["done"]) == "verified, first seen"
    assert word(senders(hub), message(ALICE, at=NOW - 1)) == "verified"
    assert word(senders(hub), message(ALICE, at=NOW + 1)) == "verified"


def test_a_second_message_of_one_time_is_a_replay(senders: Make) -> None:
    """The sender's own key made both; only the first that was seen counts."""
    hub = {"alice": text(ALICE.public)}
    one, other = message(ALICE, body="one"), message(ALICE, body="other")
    assert word(senders(hub), one) == "verified, first seen"
    assert word(senders(hub), other) == "FORGED"
    assert word(senders(hub), one) == "verified, first seen"


def test_only_a_confirmed_key_confirms_the_next(senders: Make, folders: tuple[str, ...]) -> None:
    """A key that was only seen leads to one that is only seen, though another one is confirmed."""
    pins.pin(folders, "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    pins.pin(folders, "alice", Pin(EVE.public, pins.FIRST_SEEN), NOW)
    led = text(ALICE.public, EVE.public, published.line(BOB.public, "alice", HUB, EVE))
    assert senders({"alice": led}).status(message(BOB), PENDING)[:3] == ("verified", "", False)


def test_a_project_adds_nothing_to_a_known_name(folders: tuple[str, ...]) -> None:
    """Neither a key for alice, nor a word that one is this machine's own."""
    pins.pin(folders, "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    for name, key in (("alice", EVE), ("bob", EVE)):
        pins.pin(folders[1:], name, Pin(key.public, OWN, confirmed=True), NOW)
    found = pins.load(folders)
    assert [pin.key for pin in found.of("alice")] == [ALICE.public]
    assert [(pin.how, pin.confirmed) for pin in found.of("bob")] == [(pins.FIRST_SEEN, False)]


def test_a_planted_record_verifies_nothing(senders: Make, folders: tuple[str, ...]) -> None:
    """Only the user's own folder is believed that a signature was checked before."""
    from xw.trust.verified import Verified

    good = message(ALICE)
    data = good.data.replace(b"Do it", b"Do no")
    Verified(folders[1:]).add(data, "alice", good.id.partition("-")[0])
    known = senders({"alice": text(ALICE.public)})
    known._folders = folders
    assert word(known, good._replace(data=data)) == "FORGED"


def test_a_newer_xws_pins_stay(senders: Make, folders: tuple[str, ...]) -> None:
    """They are not read as none, and not replaced."""
    path = Path(folders[0], pins.FILE)
    path.write_text('{"format": 2, "people": {}}')
    assert word(senders({"alice": text(ALICE.public)}), message(ALICE)) == "NEW KEY"
    assert not pins.pin(folders[:1], "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    assert "people" in path.read_text()


def test_notes_that_cannot_be_read_now_are_not_replaced(folders: tuple[str, ...]) -> None:
    """They count again once they can be."""
    first, second = message(ALICE), message(ALICE, at=NOW + 1)
    Swept(folders[:1], "bob").add([first.data])
    path = Path(folders[0], FILE)
    path.rename(f"{path}.kept")
    path.symlink_to(f"{path}.kept")  # which is not followed
    Swept(folders[:1], "bob").add([second.data])
    assert path.is_symlink()
    path.unlink()
    Path(f"{path}.kept").rename(path)
    assert [Swept(folders[:1], "bob").has(one.data) for one in (first, second)] == [True, False]


def test_only_our_own_postmaster_is_verified(senders: Make, folders: tuple[str, ...]) -> None:
    """Its mail is written by the owner's own xw; everybody else's is unsigned, or signed with their key."""
    pins.pin(folders, "bob", Pin(BOB.public, OWN, confirmed=True), NOW)
    pins.pin(folders, "eve", Pin(EVE.public, pins.FIRST_SEEN), NOW)
    assert word(senders(), message(BOB, POSTMASTER)) == "verified"
    assert word(senders(), message(None, POSTMASTER, at=NOW + 1)) == "unsigned"
    assert word(senders(), message(EVE, POSTMASTER, at=NOW + 2)) == "FORGED"
    assert word(senders(), message(ALICE, POSTMASTER, at=NOW + 3)) == "NEW KEY"


def test_a_dead_letter_sent_again_is_as_good_as_the_first(senders: Make, folders: tuple[str, ...]) -> None:
    """The owner's signature says only who repeated it."""
    pins.pin(folders, "bob", Pin(BOB.public, OWN, confirmed=True), NOW)
    hub = {"alice": text(ALICE.public)}
    good, bad = message(ALICE), message(None, at=NOW + 1)
    found = {one.id: one for one in (good, bad)}
    known = senders(hub, original=found.get)
    for first, expected in ((good, "verified, first seen"), (bad, "unsigned, though alice signs")):
        again = message(BOB, at=NOW + 2 + (first is bad), retry_of=first.id)
        assert word(known, again) == expected
    assert word(senders(hub), message(BOB, at=NOW + 9, retry_of=good.id)) == "unsigned"


def test_a_witness_against_it_is_forged(senders: Make) -> None:
    """On a shared hub the file's owner counts before the signature."""
    status = senders({"alice": text(ALICE.public)}, witness=lambda mail, folder: "its file is eve's").status
    assert status(message(ALICE), PENDING)[:3] == ("FORGED", "its file is eve's", False)
    assert status(message(None), PENDING).word == "FORGED"


@pytest.mark.parametrize("damage", ["", "[]", '{"names": []}', '{"names": {"alice": [{"key": 1}]}}', "\0"])
def test_damaged_pins_verify_nobody(senders: Make, folders: tuple[str, ...], damage: str) -> None:
    """The reason names the file; nothing is pinned in its place."""
    path = Path(folders[0], pins.FILE)
    path.write_text(damage)
    status = senders({"alice": text(ALICE.public)}).status(message(ALICE), PENDING)
    assert status.word == "NEW KEY"
    assert str(path) in status.why
    assert path.read_text() == damage


def test_a_projects_pins_count_only_in_a_sandbox(senders: Make, folders: tuple[str, ...]) -> None:
    """They may have come with the project: they count only beside a closed folder, and unconfirmed."""
    pins.pin(folders[1:], "alice", Pin(ALICE.public, TRUSTED, confirmed=True), NOW)
    assert word(senders(), message(ALICE)) == "NEW KEY"
    loaded = pins.load(folders)
    assert [(pin.key, pin.confirmed) for pin in loaded.of("alice")] == [(ALICE.public, False)]


def test_verified_mail_is_not_checked_again(senders: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later process does without the crypto library."""
    hub, mail = {"alice": text(ALICE.public)}, message(ALICE)
    assert word(senders(hub), mail) == "verified, first seen"
    monkeypatch.setattr("xw.signing.ed25519._library", lambda: pytest.fail("it was checked again"))
    assert word(senders(hub), decode(mail.file_name, mail.data)) == "verified, first seen"
