"""Hubs that move, and mirrors that follow: what keeps their mail."""

from tests.mutations import Mutation

_CUT_OFF = ("tests/guarantees/test_moving.py",)
_LEAVING = ("tests/cli/test_unregister.py",)
_RENAMED = ("tests/remote/test_renamed.py", "tests/remote/test_moved.py")
_WATCHING = ("tests/hub/test_commands_moving.py",)

MUTATIONS = (
    Mutation(
        "a hub is closed before its mail is carried",
        "xw/hub/moving.py",
        "        _mark(old, about, MOVING, new_url)\n",
        "        pass\n",
        _CUT_OFF,
    ),
    Mutation(
        "nobody follows a hub before all mail is carried",
        "xw/hub/moving.py",
        "        _mark(old, about, MOVING, new_url)\n",
        "        _mark(old, about, MOVED, new_url)\n",
        _CUT_OFF,
    ),
    Mutation(
        "a sealed folder is removed only when it is empty",
        "xw/hub/moving.py",
        "source.files.remove_empty_folder(sealed)",
        "source.files.remove_folder(sealed)",
        ("tests/cli/test_hub.py",),
    ),
    Mutation(
        "carried mail is durable before it goes from the old place",
        "xw/hub/carrying.py",
        "        outcomes = target.files.publish_all(items)\n",
        "        _remove(source, folder, [] if keep else [name for name, _ in batch])\n"
        "        outcomes = target.files.publish_all(items)\n",
        _CUT_OFF,
    ),
    Mutation(
        "of a message in both places the furthest state wins",
        "xw/hub/carrying.py",
        "        behind = [name for name in both if RANK[state] > RANK[there[name]]]\n",
        "        behind: list[str] = []\n",
        ("tests/hub/test_carrying.py",),
    ),
    Mutation(
        "a copy of a hub is sent nothing",
        "xw/mirror/recognise.py",
        "    raise Copied(",
        '    if url:\n        return "moved"\n    raise Copied(',
        _RENAMED,
    ),
    Mutation(
        "a mirror follows only to the hub that it knows",
        "xw/mirror/mirror.py",
        "        if known.id and identity and identity != known.id:\n",
        "        if not known:\n",
        _RENAMED,
    ),
    Mutation(
        "a watcher follows a hub that moved before it connected",
        "xw/mirror/watcher.py",
        "with suppress(Moved), hub.within(_CONNECT_S)",
        "with hub.within(_CONNECT_S)",
        _WATCHING,
    ),
    Mutation(
        "a process follows a hub that another has followed",
        "xw/mirror/mirror.py",
        "        if now != self.url:",
        "        if not now:",
        _WATCHING,
    ),
    Mutation(
        "unhandled mail is failed only after its sender was told",
        "xw/hub/leaving.py",
        "            outcomes = deliver([parcel for _, _, parcel in batch])\n",
        "            for state, one, _ in batch:\n"
        '                box.fail(one, "gone", "", state)\n'
        "            outcomes = deliver([parcel for _, _, parcel in batch])\n",
        _LEAVING,
    ),
    Mutation(
        "an archive is complete only when nothing can arrive there",
        "xw/hub/leaving.py",
        "            box.files.remove_empty_folder(",
        "            box.files.remove_folder(",
        _LEAVING,
    ),
    Mutation(
        "a served mailbox is not taken off the hub",
        "xw/hub/leaving.py",
        "        raise_if_served(files, name)\n",
        "        pass\n",
        _LEAVING,
    ),
)
