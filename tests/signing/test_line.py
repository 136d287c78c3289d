"""The line of a message's file that has its signature, and its agreement with ssh-keygen."""

import json
import random
from pathlib import Path

import pytest

from tests.signing.conftest import ALICE, BOB, HUB, NOW, OTHER_HUB, keygen, message
from xw.message import decode, encode
from xw.signing import line, sshsig
from xw.signing.keys import PrivateKey

_COUNT = 25  # of the 1,000 messages with which `make torture` compares xw and ssh-keygen


def agreement(tmp_path: Path, count: int) -> None:
    """Compare xw's verdict and ssh-keygen's on messages of which half were changed afterwards."""
    chance = random.Random(16)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"alice {ALICE.public}\n")
    for number in range(count):
        body = "".join(chance.choice('aé\n"\\\u2028😀 ') for _ in range(chance.randrange(1, 200)))
        name, data = encode(
            {"from": "alice", "type": "info", "to": ["bob"], "body": body, "number": number},
            NOW + number,
            lambda data: line.signed(data, chance.choice((ALICE, ALICE, ALICE, BOB)), HUB),
        )
        decode(name, data)
        lines = data.split(b"\n")
        signature, _ = line.split(data)
        if chance.random() < 0.4:
            at = chance.randrange(2, len(lines) - 2)
            lines[at] = lines[at].replace(b'"', b'" ', 1) if chance.random() < 0.5 else lines[at] + b" "
        changed = b"\n".join(lines)
        found, signed = line.split(changed)
        ours = found.fits(signed) and found.key == ALICE.public and found.namespace == line.namespace(HUB)
        (tmp_path / "sig").write_text(sshsig.armored(signature.blob))
        file = tmp_path / "message"
        file.write_bytes(changed)
        without = b"".join(one for index, one in enumerate(changed.splitlines(keepends=True)) if index != 1)
        options = ("-f", str(allowed), "-I", "alice", "-n", line.namespace(HUB), "-s", str(tmp_path / "sig"))
        theirs = keygen("-Y", "verify", *options, stdin=without)
        assert (theirs.returncode == 0) == ours, (number, changed, theirs.stderr)


def test_ssh_keygen_agrees(tmp_path: Path) -> None:
    """xw and `sed 2d FILE | ssh-keygen -Y verify` accept and reject the same messages."""
    agreement(tmp_path, _COUNT)


@pytest.mark.torture
def test_ssh_keygen_agrees_on_a_thousand(tmp_path: Path) -> None:
    """At full size."""
    agreement(tmp_path, 1000)


def test_a_signature_of_ssh_keygen_counts(tmp_path: Path) -> None:
    """A message signed by a person with `ssh-keygen -Y sign` is as good as one signed by xw."""
    from xw.signing.keys import from_base64, private_text

    key = tmp_path / "key"
    key.write_text(private_text(ALICE))
    key.chmod(0o600)
    _, data = encode({"from": "alice", "type": "info", "to": ["bob"], "body": "x"}, NOW)
    made = keygen("-Y", "sign", "-q", "-f", str(key), "-n", line.namespace(HUB), stdin=data).stdout.decode()
    text = "".join(made.split("-----")[2].split())
    assert sshsig.parse(from_base64(text)) == sshsig.sign(ALICE, line.namespace(HUB), data)


def test_the_line_is_the_second_and_a_field() -> None:
    """An older xw reads the file as any other, with one more field; the id is the whole file's."""
    signed = message(ALICE)
    lines = signed.data.decode().splitlines()
    assert lines[1] == f'  "signature": "{signed.fields["signature"]}",'
    assert json.loads(signed.data)["body"] == "Do it"
    assert line.split(signed.data)[1] == message(None).data


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{\n  "signature": "', b'{\n "signature": "'),
        (b'{\n  "signature": "', b'{"signature": "'),
        (b'  "signature"', b'  "\\u0073ignature"'),
        (b'"signature": "U', b'"signature": "\\u0055'),
        (b'",\n  "format"', b'" ,\n  "format"'),
        (b'",\n  "format"', b'",   "format"'),
        (b"U1NIU0lH", b"U1NIU0lI"),
    ],
)
def test_every_other_spelling_is_refused(old: bytes, new: bytes) -> None:
    """A second spelling of the same message would have another id, and be a second message."""
    data = message(ALICE).data
    changed = data.replace(old, new, 1)
    assert changed != data
    try:
        found, signed = line.split(changed)
    except ValueError:
        return
    assert not found.fits(signed)


def test_every_changed_byte_shows() -> None:
    """No byte of a signed message can be changed."""
    data = message(ALICE, body="Pay 100").data
    original = line.split(data)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found, signed = line.split(changed)
        except ValueError:
            continue
        assert not (found.fits(signed) and found.key == original[0].key), at


def test_a_signature_is_for_one_hub() -> None:
    """The namespace has the hub's id."""
    found, _ = line.split(message(ALICE, hub_id=OTHER_HUB).data)
    assert found.namespace == f"xw@1:{OTHER_HUB}" != line.namespace(HUB)


def test_signer_of_names_the_key_unchecked() -> None:
    """A mirror asks for the keys of a signer it does not know, without loading the crypto library."""
    assert line.signer_of(message(ALICE).data) == ALICE.public
    assert line.signer_of(message(None).data) is None
    assert line.signer_of(b'{\n  "signature": "x",\n') is None


def test_two_signatures_of_one_key_are_the_same() -> None:
    """A repetition after a crash makes the same file."""
    assert message(ALICE).data == message(ALICE).data != message(PrivateKey(b"z" * 32)).data
