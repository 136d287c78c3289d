"""Files in a local directory: the order of write, sync, link and sync that all rests on, and links not followed."""

from tests.mutations import Mutation

_LOCAL, _WALK, _DISK = "xw/files/local.py", "xw/files/walk.py", "xw/files/disk.py"
_FILES = ("tests/files", "tests/guarantees/test_order.py")
_MODES = (*_FILES, "tests/cli/test_setup.py")

MUTATIONS = (
    Mutation(
        "everything is pushed to the disk",
        _DISK,
        "    os.fsync(handle)\n",
        "    return\n",
        _FILES,
    ),
    Mutation(
        "a message's file is synced before it gets its name",
        _LOCAL,
        "                _sync(handle, self.path(temporary))\n",
        "                pass\n",
        _FILES,
    ),
    Mutation(
        "the folders are synced after a message is linked",
        _LOCAL,
        "            for folder in dict.fromkeys(_folder(target) for target in targets):\n"
        "                walk.sync(folder)\n",
        "",
        _FILES,
    ),
    Mutation(
        "the folder is synced after a file is replaced",
        _LOCAL,
        "            _rename_scratch(walk, self._write_scratch(walk, data, scratch), path)\n"
        "            walk.sync(_folder(path))\n",
        "            _rename_scratch(walk, self._write_scratch(walk, data, scratch), path)\n",
        _FILES,
    ),
    Mutation(
        "an attachment is synced",
        _LOCAL,
        "                        size += len(piece)\n                    _sync(handle, self.path(path))\n",
        "                        size += len(piece)\n",
        _FILES,
    ),
    Mutation(
        "an attachment's folder is synced",
        _LOCAL,
        "                    os.close(handle)\n                walk.sync(_folder(path))\n",
        "                    os.close(handle)\n",
        _FILES,
    ),
    Mutation(
        "the target folder of a move is synced",
        _LOCAL,
        "                walk.sync(target)\n                walk.sync(source)\n",
        "                walk.sync(source)\n",
        _FILES,
    ),
    Mutation(
        "the source folder of a move is synced",
        _LOCAL,
        "                walk.sync(target)\n                walk.sync(source)\n",
        "                walk.sync(target)\n",
        _FILES,
    ),
    Mutation(
        "the target folder of a move is synced first",
        _LOCAL,
        "                walk.sync(target)\n                walk.sync(source)\n",
        "                walk.sync(source)\n                walk.sync(target)\n",
        _FILES,
    ),
    Mutation(
        "a move that is not durable is taken back",
        _LOCAL,
        "                        with suppress(OSError):\n                            walk.rename(new, old)\n",
        "                        pass\n",
        _FILES,
    ),
    Mutation(
        "a link over another file's name is not taken for done",
        _LOCAL,
        "        except FileExistsError:\n            self._must_equal(walk, target, data)\n\n    def _rename_new",
        "        except FileExistsError:\n            pass\n\n    def _rename_new",
        _FILES,
    ),
    Mutation(
        "without links, a name that is there is not overwritten",
        _LOCAL,
        "            walk.stat(target)\n            self._must_equal(walk, target, data)\n            return\n",
        "            walk.stat(target)\n",
        _FILES,
    ),
    Mutation(
        "what cannot be acknowledged is taken back",
        _LOCAL,
        "            for target in made:\n                with suppress(OSError):\n"
        "                    walk.unlink(target)\n            raise",
        "            raise",
        _FILES,
    ),
    Mutation(
        "all of several are written before the first is linked",
        _LOCAL,
        "                    while len(temporaries) < (len(targets) if separate_files else 1):\n"
        "                        temporaries.append(self._write_scratch(walk, data, scratch))\n"
        "                    for index, target in enumerate(targets):\n",
        "                    while not temporaries:\n"
        "                        temporaries.append(self._write_scratch(walk, data, scratch))\n"
        "                    for index, target in enumerate(targets):\n"
        "                        if separate_files and index:\n"
        "                            temporaries.append(self._write_scratch(walk, data, scratch))\n",
        _FILES,
    ),
    Mutation(
        "a removed file's folder is synced",
        _LOCAL,
        "            walk.unlink(path)\n            walk.sync(_folder(path))\n",
        "            walk.unlink(path)\n",
        _FILES,
    ),
    Mutation(
        "a removed folder's folder is synced",
        _LOCAL,
        "            walk.remove_tree(path)\n            walk.sync(_folder(path))\n",
        "            walk.remove_tree(path)\n",
        _FILES,
    ),
    Mutation(
        "a new folder's folder is synced, also where it was there",
        _LOCAL,
        "            walk.sync(above)\n",
        "            pass\n",
        _FILES,
    ),
    Mutation(
        "the folders of a new hub, and those above it, are synced",
        "xw/files/roots.py",
        '        walk.sync("")\n',
        "        pass\n",
        _MODES,
    ),
    Mutation(
        "a move sets the time before the rename, for gc",
        _LOCAL,
        "            walk.touch(source)\n",
        "            pass\n",
        _FILES,
    ),
    Mutation(
        "a lock excludes",
        "xw/files/locks.py",
        "    while not take(handle):\n",
        "    while not (take(handle) or True):\n",
        _FILES,
    ),
    Mutation(
        "who looks at a lock is taken for no holder",
        "xw/files/locks.py",
        "    if not _flock(handle, fcntl.LOCK_SH):\n",
        "    if not _flock(handle, fcntl.LOCK_EX):\n",
        _FILES,
    ),
    Mutation(
        "who looks at a lock keeps no holder out",
        "xw/files/locks.py",
        "(late >= 0 and not _is_free(handle))",
        "late >= 0",
        _FILES,
    ),
    Mutation(
        "the short lock and the long one are one lock",
        "xw/files/locks.py",
        "    return lock_descriptor(handle, blocking=False)\n",
        "    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n    return True\n",
        _FILES,
    ),
    Mutation(
        "scratch names are new: nothing is written over",
        _WALK,
        "_CREATE = os.O_CREAT | os.O_EXCL\n",
        "_CREATE = os.O_CREAT\n",
        _FILES,
    ),
    Mutation(
        "a file's mode holds whatever the umask",
        _WALK,
        "            os.fchmod(handle, mode)  # open's mode went through the umask\n",
        "            pass\n",
        _MODES,
    ),
    Mutation(
        "a folder's mode holds whatever the umask",
        _WALK,
        "                os.fchmod(handle, mode)  # mkdir's mode went through the umask\n",
        "                pass\n",
        _MODES,
    ),
    Mutation(
        "a FIFO does not hang its reader",
        _WALK,
        "_READ = os.O_RDONLY | os.O_NONBLOCK\n",
        "_READ = os.O_RDONLY\n",
        _FILES,
    ),
    Mutation(
        "a file that is read, written or locked is not a link",
        _WALK,
        "flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder",
        "flags | os.O_CLOEXEC, mode, dir_fd=folder",
        _FILES,
    ),
    Mutation(
        "no folder below the root is a link",
        _WALK,
        "                handle = os.open(name, _THROUGH | os.O_NOFOLLOW, dir_fd=inside)\n",
        "                handle = os.open(name, _THROUGH, dir_fd=inside)\n",
        _FILES,
    ),
    Mutation(
        "only a regular file is read",
        _WALK,
        "        if not stat.S_ISREG(os.fstat(handle).st_mode):\n",
        "        if stat.S_ISDIR(os.fstat(handle).st_mode):\n",
        _FILES,
    ),
)
