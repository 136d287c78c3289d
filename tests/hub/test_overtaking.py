"""Nothing overtakes mail in the outbox, even once the recipient's folder is writable again."""

from collections.abc import Sequence
from pathlib import Path

from xw import clock, post
from xw.errors import XwError
from xw.files.local import LocalFiles
from xw.hub.contract import Parcel
from xw.hub.directory import DirectoryHub
from xw.hub.giving import DirectoryPublisher
from xw.hub.making import create_hub
from xw.mailbox import Mailbox
from xw.post import Draft


class Refusing(DirectoryHub):
    """A hub that takes no parcels for now, and whose folders come and go."""

    writable = False
    delivers = False

    def publisher(self, owner: str) -> DirectoryPublisher:
        """Return one whose recipients can be closed."""
        hub = self

        class Opening(DirectoryPublisher):
            def takes(self, to: str) -> bool:
                return hub.writable and super().takes(to)

        return Opening(self.files, owner, lambda: None)

    def deliver(self, parcels: Sequence[Parcel]) -> list[XwError | None]:
        """See `contract.Hub.deliver`."""
        return super().deliver(parcels) if self.delivers else [XwError("not now") for _ in parcels]


def test_a_later_message_waits_behind_an_earlier_one(tmp_path: Path) -> None:
    """While one waits for a recipient, the next one to it waits too; to others it is delivered."""
    files = LocalFiles(str(tmp_path))
    create_hub(files, "test", "", group=False, links=True)
    hub = Refusing(files, str(tmp_path))
    for name in ("alice", "bob", "carol"):
        hub.register(name, {"name": name})
    alice = Mailbox(files, "alice")

    def send(body: str, *to: str) -> post.Sent:
        return post.send(alice, hub, Draft("task", to, body), clock.now)

    first = send("first", "bob")
    hub.writable = True
    second = send("second", "bob", "carol")
    assert (first.waiting, second.waiting, second.delivered) == (("bob",), ("bob",), ("carol",))
    assert Mailbox(files, "bob").pending() == []
    hub.delivers = True
    third = send("third", "bob")
    assert third.delivered == ("bob",)
    assert Mailbox(files, "bob").pending() == [first.name, second.name, third.name]
