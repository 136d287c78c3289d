"""Files on their way to a served hub: cut off, continued, and never another's bytes."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.team import until
from tests.hub.parcels import parcel
from tests.served.host import host
from tests.served.members import Members
from xw.errors import Unreachable
from xw.files.local import LocalFiles
from xw.files.sftp_wire import Wire
from xw.hub.contract import Parcel
from xw.hub.making import create_hub
from xw.mailbox import Mailbox
from xw.message import Attachment

SIZE = 3_000_000
DATA = os.urandom(SIZE)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Members]:
    """A hub with alice and bob."""
    create_hub(LocalFiles(str(tmp_path / "hub")), "test", "", group=False, links=True)
    made = Members(host(), tmp_path / "hub", "ssh://host/hub")
    for name in ("alice", "bob"):
        made.register(name, {"name": name, "kind": "agent"})
    yield made
    made.close()


@pytest.fixture
def sent(tmp_path: Path) -> Parcel:
    """A message of alice's with a large file."""
    mailbox = Mailbox(LocalFiles(str(tmp_path / "home")), "alice")
    mailbox.files.make_folder("")
    mailbox.make()
    return parcel(mailbox, "bob", files=(("data.bin", DATA),))


def cut_after(sent: Parcel, count: int, hub: Members) -> Parcel:
    """Return a message whose connection is cut after so many bytes of its file."""

    def read(file: Attachment) -> Iterator[bytes]:
        yield DATA[:count]
        hub.close()
        yield DATA[count:]

    return sent._replace(read=read)


def part_of(tmp_path: Path, hub: Members) -> Path:
    """Return what a cut upload has left, once its server has ended."""
    (process,) = hub.links["alice"].processes[-1:]
    until(lambda: not Path(f"/proc/{process}").exists())
    (part,) = (tmp_path / "hub/bob/inbox/tmp").glob("*.part")
    return part


def test_a_cut_upload_goes_on(
    hub: Members, sent: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next delivery sends the rest only, and the file is whole."""
    with pytest.raises(Unreachable):
        hub.deliver([cut_after(sent, 2_000_000, hub)])
    size = part_of(tmp_path, hub).stat().st_size
    assert hub.locate("bob", sent.name) is None
    assert 1_500_000 < size <= 2_000_000
    sizes: list[int] = []
    speak = Wire.speak

    def counting(wire: Wire, packets: bytes, begins: bool = True) -> None:
        sizes.append(len(packets))
        speak(wire, packets, begins)

    monkeypatch.setattr(Wire, "speak", counting)
    heard: list[int] = []
    hub.progress = lambda name, done, whole: heard.append(done)
    assert hub.deliver([sent]) == [None]
    assert SIZE - size <= sum(sizes) < SIZE - size + 10_000
    assert heard[-2:] == [SIZE, len(sent.data)]
    assert (tmp_path / "hub/bob/attachments" / sent.folder / "data.bin").read_bytes() == DATA
    assert not list((tmp_path / "hub/bob/inbox/tmp").iterdir())


@pytest.mark.parametrize("harm", ["zeros", "longer", "shorter"])
def test_a_part_that_has_come_to_harm(hub: Members, sent: Parcel, tmp_path: Path, harm: str) -> None:
    """What a power cut has left is not trusted: the file is sent anew, and whole."""
    with pytest.raises(Unreachable):
        hub.deliver([cut_after(sent, 2_000_000, hub)])
    part = part_of(tmp_path, hub)
    data = part.read_bytes()
    part.write_bytes(
        {"zeros": data[:-100_000] + bytes(100_000), "longer": data + DATA, "shorter": data[:5]}[harm]
    )
    assert hub.deliver([sent]) == [None]
    copy = tmp_path / "hub/bob/attachments" / sent.folder / "data.bin"
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(DATA).digest()
