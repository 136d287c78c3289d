"""Files in a local directory: the order of write, sync, link and sync that all rests on."""

from tests.mutations import Mutation

_FILES = ("tests/files", "tests/guarantees/test_order.py")

MUTATIONS = (
    Mutation(
        "a message's file is synced before it gets its name",
        "xw/files/local.py",
        "                os.fchmod(handle, self._file_mode)  # open's mode went through the umask\n"
        "                _write_all(handle, data)\n                os.fsync(handle)\n",
        "                os.fchmod(handle, self._file_mode)  # open's mode went through the umask\n"
        "                _write_all(handle, data)\n",
        _FILES,
    ),
    Mutation(
        "the folders are synced after a message is linked",
        "xw/files/local.py",
        "            for folder in dict.fromkeys(_folder(target) for target in targets):\n"
        "                self._sync_folder(folder)\n",
        "",
        _FILES,
    ),
    Mutation(
        "the folder is synced after a file is replaced",
        "xw/files/local.py",
        "        self._rename(self._write_scratch(data, scratch), path)\n        self._sync_folder(_folder(path))\n",
        "        self._rename(self._write_scratch(data, scratch), path)\n",
        _FILES,
    ),
    Mutation(
        "an attachment is synced",
        "xw/files/local.py",
        "                    size += len(piece)\n                os.fsync(handle)\n",
        "                    size += len(piece)\n",
        _FILES,
    ),
    Mutation(
        "an attachment's folder is synced",
        "xw/files/local.py",
        "                os.close(handle)\n            self._sync_folder(_folder(path))\n        except (OSError, XwError):",
        "                os.close(handle)\n        except (OSError, XwError):",
        _FILES,
    ),
    Mutation(
        "the target folder of a move is synced",
        "xw/files/local.py",
        "            self._sync_folder(_folder(target))\n            self._sync_folder(_folder(source))\n",
        "            self._sync_folder(_folder(source))\n",
        _FILES,
    ),
    Mutation(
        "the source folder of a move is synced",
        "xw/files/local.py",
        "            self._sync_folder(_folder(target))\n            self._sync_folder(_folder(source))\n",
        "            self._sync_folder(_folder(target))\n",
        _FILES,
    ),
    Mutation(
        "the target folder of a move is synced first",
        "xw/files/local.py",
        "            self._sync_folder(_folder(target))\n            self._sync_folder(_folder(source))\n",
        "            self._sync_folder(_folder(source))\n            self._sync_folder(_folder(target))\n",
        _FILES,
    ),
    Mutation(
        "a move that is not durable is taken back",
        "xw/files/local.py",
        "            with suppress(OSError):\n                os.rename(self.path(target), self.path(source))\n",
        "",
        _FILES,
    ),
    Mutation(
        "a link over another file's name is not taken for done",
        "xw/files/local.py",
        "        except FileExistsError:\n            self._must_equal(target, data)\n\n    def _rename_new",
        "        except FileExistsError:\n            pass\n\n    def _rename_new",
        _FILES,
    ),
    Mutation(
        "without links, a name that is there is not overwritten",
        "xw/files/local.py",
        "        if os.path.lexists(self.path(target)):\n            self._must_equal(target, data)\n            return\n",
        "",
        _FILES,
    ),
    Mutation(
        "what cannot be acknowledged is taken back",
        "xw/files/local.py",
        "            for target in made:\n                with suppress(OSError):\n"
        "                    os.unlink(self.path(target))\n            raise",
        "            raise",
        _FILES,
    ),
    Mutation(
        "all of several are written before the first is linked",
        "xw/files/local.py",
        "while len(temporaries) < (len(targets) if apart else 1):\n"
        "                        temporaries.append(self._write_scratch(data, scratch))\n"
        "                    for index, target in enumerate(targets):\n",
        "while not temporaries:\n"
        "                        temporaries.append(self._write_scratch(data, scratch))\n"
        "                    for index, target in enumerate(targets):\n"
        "                        if apart and index:\n"
        "                            temporaries.append(self._write_scratch(data, scratch))\n",
        _FILES,
    ),
    Mutation(
        "a removed file's folder is synced",
        "xw/files/local.py",
        "        os.unlink(self.path(path))\n        self._sync_folder(_folder(path))\n",
        "        os.unlink(self.path(path))\n",
        _FILES,
    ),
    Mutation(
        "a removed folder's folder is synced",
        "xw/files/local.py",
        "        rmtree(self.path(path))\n        self._sync_folder(_folder(path))\n",
        "        rmtree(self.path(path))\n",
        _FILES,
    ),
    Mutation(
        "a new folder's folder is synced, also where it was there",
        "xw/files/local.py",
        "        _sync(os.open(above, _FOLDER), above)\n\n    def sync(",
        "\n    def sync(",
        _FILES,
    ),
    Mutation(
        "folders above a new hub are synced",
        "xw/files/local.py",
        "        os.mkdir(folder)\n    _sync(os.open(above, _FOLDER), above)\n",
        "        os.mkdir(folder)\n",
        (*_FILES, "tests/cli/test_setup.py"),
    ),
    Mutation(
        "scratch names are new: nothing is written over",
        "xw/files/local.py",
        "_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC",
        "_NEW = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC",
        _FILES,
    ),
    Mutation(
        "modes hold whatever the umask",
        "xw/files/local.py",
        "                os.fchmod(handle, self._file_mode)  # open's mode went through the umask\n",
        "",
        _FILES,
    ),
    Mutation(
        "what is read is no link and no FIFO",
        "xw/files/local.py",
        "_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC",
        "_READ = os.O_RDONLY | os.O_CLOEXEC",
        _FILES,
    ),
    Mutation(
        "a move sets the time before the rename, for gc",
        "xw/files/local.py",
        "        os.utime(self.path(source), follow_symlinks=False)\n",
        "",
        _FILES,
    ),
)
