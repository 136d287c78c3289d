"""Machines with mirrors of one hub, connected by OpenSSH's real sftp-server over a socket pair."""

from pathlib import Path

from tests.ssh.server import OBEDIENT, ServerLink
from xw import clock, post
from xw.files.local import LocalFiles
from xw.files.sftp import SftpFiles
from xw.hub.directory import DirectoryHub
from xw.hub.making import create_hub
from xw.mailbox import Mailbox
from xw.message import Message
from xw.mirror.policy import MirrorCarrier
from xw.mirror.sync import Peers, Report, sync
from xw.post import Draft, Sent
from xw.words import Type


class Machine:
    """One instance on one machine: its mirror, and the hub as it reaches it."""

    def __init__(self, hub_root: Path, root: Path, name: str) -> None:
        self.link = ServerLink(before=OBEDIENT)
        files = LocalFiles(str(root))
        files.make_folder("")
        self.mailbox = Mailbox(files, name, mirror=True)
        self.mailbox.make()
        self.told: list[str] = []
        url = f"ssh://hub{hub_root}"
        there = DirectoryHub(SftpFiles(self.link, str(hub_root)), url)
        self.hub = MirrorCarrier(self.mailbox, url, lambda: there)

    def send(self, to: str, body: str, kind: Type = "task", attachments: tuple[str, ...] = ()) -> Sent:
        """Put a message into the outbox."""
        draft = Draft(kind, (to,), body, attachments=attachments)
        return post.send(self.mailbox, self.hub, draft, clock.now)

    def sync(self, peers: Peers = "all") -> Report:
        """Sync the mirror."""
        return sync(self.hub, peers=peers)

    def cost(self, peers: Peers = "all") -> int:
        """Sync, and return how many round trips that took."""
        before = self.link.round_trips
        self.sync(peers)
        return self.link.round_trips - before

    def bodies(self) -> list[str]:
        """Return the bodies of the pending messages, oldest first."""
        found = self.mailbox.read_each("inbox/pending", self.mailbox.pending())
        return [message.body for message in found if isinstance(message, Message)]

    def close(self) -> None:
        """End its server."""
        self.link.close()


def found_hub(root: Path, *names: str) -> DirectoryHub:
    """Return a new hub in a directory, with mailboxes for `names`, as seen on its own machine."""
    files = LocalFiles(str(root))
    create_hub(files, "hub", "a hub\n", group=False, links=True)
    hub = DirectoryHub(files, str(root))
    for name in names:
        hub.register(name, {"name": name, "kind": "agent"})
    return hub
