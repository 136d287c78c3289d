"""Members of a room as one real process: each answers its turns, as a bridge would.

    python crowd.py HUB name [name…]

Ends when its standard input is closed. An answer is `NAME N`, N counting that
member's answers; one that was killed between its reply and its `done` finishes
that reply, and does not answer a second time.
"""

import sys
import threading

from tests.cli.team import plain
from xw import post
from xw.instance import Instance, Options, open_instance
from xw.layout import INBOX, SENT
from xw.mailbox import Place
from xw.watch import Arrivals


def answer_all(me: Instance) -> None:
    """Answer each question that waits."""
    mailbox = me.mailbox
    for name in mailbox.pending():
        message = mailbox.read(Place(INBOX["pending"], name))
        answered = [
            sent
            for one in mailbox.names(SENT)[-1:]
            if (sent := mailbox.read(Place(SENT, one))).re == message.id
        ]
        for reply in answered:
            post.complete(mailbox, me.hub, reply.file_name)
        if message.type == "question" and not answered:
            text = f"{me.name} {len(mailbox.names(SENT))}"
            draft = post.Draft("reply", (message.sender,), text, message.id, message.thread, noted=True)
            post.send(mailbox, me.hub, draft, me.now)
        mailbox.settle(name)


def main(hub: str, names: list[str]) -> None:
    """Answer until standard input ends."""
    crowd = [open_instance(Options(name, hub), plain()) for name in names]
    ended = threading.Event()
    with Arrivals([f"{me.root}/{me.mailbox.at(INBOX['pending'])}" for me in crowd]) as woken:

        def watch_input() -> None:
            sys.stdin.read()
            ended.set()
            woken.wake()

        threading.Thread(target=watch_input, daemon=True).start()
        while not ended.is_set():
            for me in crowd:
                answer_all(me)
            woken.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
