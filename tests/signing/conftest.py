"""A hub's worth of keys, messages as others would send them, and OpenSSH's own ssh-keygen."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xw import clock
from xw.keyring import Keyring
from xw.message import Message, decode, encode
from xw.signing import line
from xw.signing.keys import PrivateKey
from xw.trust.senders import Knowledge, Senders

HUB = "uqbmhyfgzjgpazgex7m66llw6a"
OTHER_HUB = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
NOW = clock.from_rfc3339("2026-11-30T12:00:00Z")
ALICE, BOB, EVE = (
    PrivateKey(bytes([number]) * 32, name) for number, name in enumerate(("alice", "bob", "eve"))
)


def keygen(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run OpenSSH's ssh-keygen."""
    program = shutil.which("ssh-keygen")
    assert program, "ssh-keygen is missing: `make tools` installs it"
    return subprocess.run([program, *arguments], input=stdin, capture_output=True, check=False, timeout=30)


def message(
    key: PrivateKey | None, sender: str = "alice", at: int = NOW, hub_id: str = HUB, **more: object
) -> Message:
    """Return a message to bob as its sender would write it, signed with a key or not."""
    fields = {"from": sender, "type": "task", "to": ["bob"], "body": "Do it", **more}

    def sign(data: bytes) -> bytes:
        return data if key is None else line.signed(data, key, hub_id)

    return decode(*encode(fields, at, sign))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, ...]:
    """The folders of keys: the user's own, and the project's."""
    made = tuple(str(tmp_path / name) for name in ("user", "project"))
    for folder in made:
        Path(folder).mkdir()
    return made


@pytest.fixture
def senders(folders: tuple[str, ...]) -> Callable[..., Senders]:
    """Make what one process of bob's knows, of the keys published by name."""

    def make(published: dict[str, str] | None = None, **more: Any) -> Senders:
        known = Knowledge(
            "bob", HUB, Keyring(HUB, folders), published=lambda name: (published or {}).get(name, "")
        )
        return Senders(known._replace(**more), lambda: NOW)

    return make
