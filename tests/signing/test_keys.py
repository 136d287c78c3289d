"""Keys in OpenSSH's formats: xw and ssh-keygen read what the other writes."""

from pathlib import Path

import pytest

from tests.signing.conftest import ALICE, keygen
from xw.signing import keys


def test_ssh_keygen_reads_our_private_key(tmp_path: Path) -> None:
    """It prints the public key and the fingerprint that xw computes, for comments of every length."""
    for number in range(9):
        key = keys.generate("x" * number)
        path = tmp_path / f"key{number}"
        path.write_text(keys.private_text(key))
        path.chmod(0o600)
        printed = keygen("-y", "-f", str(path))
        assert printed.stdout.decode().split()[:2] == str(key.public).split(), printed.stderr
        assert key.public.fingerprint in keygen("-l", "-f", str(path)).stdout.decode()


def test_xw_reads_a_key_of_ssh_keygen(tmp_path: Path) -> None:
    """The key has its public half and its comment."""
    path = tmp_path / "key"
    assert keygen("-q", "-t", "ed25519", "-N", "", "-C", "for xw", "-f", str(path)).returncode == 0
    key = keys.private_key(path.read_text())
    assert str(key.public) == " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert key.comment == "for xw"


@pytest.mark.parametrize(
    ("options", "reason"), [(("ed25519", "secret"), "passphrase"), (("rsa", ""), "not an ssh-ed25519 key")]
)
def test_other_keys_are_refused_with_the_reason(
    tmp_path: Path, options: tuple[str, str], reason: str
) -> None:
    """A key with a passphrase, or of another kind, cannot be used without a person."""
    path = tmp_path / "key"
    kind, passphrase = options
    assert keygen("-q", "-t", kind, "-N", passphrase, "-f", str(path)).returncode == 0
    with pytest.raises(ValueError, match=reason):
        keys.private_key(path.read_text())


def test_no_part_of_a_damaged_key_is_taken(tmp_path: Path) -> None:
    """Each shortened file, and each changed letter, is refused, or gives the same key."""
    text = keys.private_text(ALICE)
    for end in range(0, len(text) - 2, 7):
        with pytest.raises(ValueError, match="it "):
            keys.private_key(text[:end])
    for at in range(len(text)):
        other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        try:
            found = keys.private_key(other)
        except ValueError:
            continue
        assert found.seed == ALICE.seed


def test_a_key_is_not_printed() -> None:
    """A traceback or a log shows its comment only."""
    assert repr(ALICE) == "PrivateKey('alice')"


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa AAAA", "ssh-ed25519 " + "A" * 68]
)
def test_an_invalid_public_line_is_refused(text: str) -> None:
    """It is a ValueError, whatever it is."""
    with pytest.raises(ValueError, match="it "):
        keys.public_key(text)


def test_base64_has_one_spelling() -> None:
    """Unused bits, line breaks and missing padding make another text of the same bytes: all are refused."""
    assert keys.from_base64("AA==") == b"\0"
    for text in ("AB==", "AA=", "AA", "AA==\n", " AA==", "A A==", "é"):
        with pytest.raises(ValueError, match="base64"):
            keys.from_base64(text)
