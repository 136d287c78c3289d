"""gc must not remove the files of a message that is on its way."""

import os
import time
from pathlib import Path

from tests.guarantees.scene import Ground
from xw import config, layout
from xw.actions.gc import gc
from xw.instance import Instance
from xw.mirror.carrier import Direct


def test_files_before_their_message(tmp_path: Path) -> None:
    """Attachments whose message is not published yet stay, even with `--days 0`; after a day they go."""
    ground = Ground(tmp_path / "work")
    ground.build()
    bob = ground.mailbox("bob")
    message_id = "20261121T053012123456Z-k7f3q2m9"
    bob.keep_attachment(message_id, "one.txt", [b"text"])
    instance = Instance(bob, ground.hub, Direct(bob, ground.hub), config.NONE, f"{ground.work}/hub")
    swept = gc(instance, 0)
    assert swept is not None
    assert swept.messages  # what is done goes
    assert swept.attachments == []
    assert bob.files.list_folder(bob.at(layout.ATTACHMENTS)) == [message_id]
    then = time.time() - 2 * 86400
    os.utime(f"{ground.work}/hub/{bob.at(layout.ATTACHMENTS, message_id)}", (then, then))
    swept = gc(instance, 0)
    assert swept is not None
    assert swept.attachments == [f"{layout.ATTACHMENTS}/{message_id}"]


def test_files_of_what_is_removed(tmp_path: Path) -> None:
    """The attachments of a message that gc removes go with it."""
    ground = Ground(tmp_path / "work")
    ground.build()
    sent = ground.send("alice", "with a file", "bob", files=("one.txt",))
    bob = ground.mailbox("bob")
    assert bob.settle(sent.name)
    swept = gc(Instance(bob, ground.hub, Direct(bob, ground.hub), config.NONE, f"{ground.work}/hub"), 0)
    assert swept is not None
    assert f"{layout.INBOX['done']}/{sent.name}" in swept.messages
    assert swept.attachments == [f"{layout.ATTACHMENTS}/{sent.id}"]
