"""One of many workers: `python -m tests.guarantees.worker send|claim HUB NAME …` sends or claims.

Waits for a line on standard input, works through the library, and prints a line for each result.
"""

import sys
from collections.abc import Callable

from xw import clock, post
from xw.files.local import LocalFiles
from xw.hub.directory import DirectoryHub
from xw.layout import INBOX
from xw.message import Message
from xw.post import Draft
from xw.watch import Arrivals

LAST = "the last"


def send(root: str, name: str, count: str, *to: str) -> None:
    """Send `count` numbered messages to each of `to`, and a last one."""
    hub = DirectoryHub(LocalFiles(root), root)
    mailbox = hub.mailbox(name)
    for number in [*range(int(count)), LAST]:
        sent = post.send(mailbox, hub, Draft("task", to, str(number)), clock.now)
        sys.stdout.write(f"{sent.id} {number}\n")
        sys.stdout.flush()


def claim(root: str, name: str, total: str) -> None:
    """Claim and finish mail until so many have been handled by this worker or its fellows.

    Says `seen SENDER NUMBER` for each message that it gets to claim, in the order of its listings.
    """
    hub = DirectoryHub(LocalFiles(root), root)
    mailbox = hub.mailbox(name)
    with Arrivals([f"{root}/{mailbox.at(INBOX[state])}" for state in ("pending", "done")]) as arrivals:
        while True:
            for file in mailbox.pending():
                if not mailbox.start(file):
                    continue
                (message,) = mailbox.read_each(INBOX["processing"], [file])
                assert isinstance(message, Message), message
                sys.stdout.write(f"seen {message.sender} {message.body}\n")
                sys.stdout.flush()
                assert mailbox.settle(file)
            if len(mailbox.names(INBOX["done"])) == int(total):
                return
            arrivals.wait(0.5)


if __name__ == "__main__":
    sys.stdin.readline()
    verbs: dict[str, Callable[..., None]] = {"send": send, "claim": claim}
    verbs[sys.argv[1]](*sys.argv[2:])
