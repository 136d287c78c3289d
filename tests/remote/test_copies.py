"""A copy of mail that gc has removed, put back on the hub, shows as FORGED in the mirror."""

import shutil
from pathlib import Path

from tests.remote.machine import Machine
from xw.instance import Options, open_instance


def test_a_copy_on_the_hub(alice: Machine, bob: Machine, hub: Path, tmp_path: Path) -> None:
    """The mirror's gc has noted the message before it removed it, there and on the hub."""
    token = alice.send("bob", "once")
    (file,) = (hub / "bob/inbox/pending").glob(f"{token}*")
    shutil.copy(file, tmp_path / file.name)
    bob.ok("sync")
    bob.ok("done", token)
    bob.ok("sync")
    bob.ok("gc", "--days", "0")
    assert not list((hub / "bob").glob(f"inbox/*/{token}*"))
    shutil.copy(tmp_path / file.name, file)
    bob.ok("sync")
    box = open_instance(Options("bob", config=str(bob.folder / "xw.json"))).mailbox
    status = box.judged(box.read(box.find(token))).status
    assert status and status.word == "FORGED"
