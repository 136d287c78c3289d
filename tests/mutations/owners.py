"""Whose the files are that root makes, or several users share."""

from tests.mutations import Mutation

MUTATIONS = (
    Mutation(
        "root gives a folder it makes to its owner",
        "xw/files/walk.py",
        "                give(handle, self.heir(path))\n            elif",
        "                pass\n            elif",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "root gives a file it makes to its owner",
        "xw/files/walk.py",
        "            give(handle, self.heir(path))\n        except OSError:",
        "            pass\n        except OSError:",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "mail between two users' private mailboxes is refused",
        "xw/hub/giving.py",
        "        if self._files.divided(self._own.owner, to):\n",
        "        if False:\n",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "… also when it is flushed",
        "xw/hub/giving.py",
        "        if self._files.divided(parcel.sender, parcel.to):\n",
        "        if False:\n",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "doctor advises to give no planted file away",
        "xw/actions/owners.py",
        "    found = _stat(path)\n    if found is None or not stat.S_ISREG",
        "    return False\n    found = _stat(path)\n    if found is None or not stat.S_ISREG",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "xw.json keeps owner and mode",
        "xw/instance.py",
        "files.rewrite(",
        "files.replace(",
        ("tests/guarantees/test_owners.py",),
    ),
    Mutation(
        "files made in a group hub belong to the group",
        "xw/files/walk.py",
        "                share(handle, owner_of(self._at(path)[0]).group)",
        "                pass",
        ("tests/guarantees/test_group_hub.py",),
    ),
    Mutation(
        "the group is given by the descriptor",
        "xw/files/ownership.py",
        "            os.fchown(handle, -1, group)",
        "            pass",
        ("tests/guarantees/test_group_hub.py",),
    ),
    Mutation(
        "the group may pass the folders above",
        "xw/files/walk.py",
        "stat.S_IMODE(os.fstat(handle).st_mode) | 0o050",
        "stat.S_IMODE(os.fstat(handle).st_mode)",
        ("tests/guarantees/test_group_hub.py",),
    ),
)
