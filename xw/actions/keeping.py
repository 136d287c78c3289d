"""`xw sync --watch`: keep the mirrors of an xw.json's instances up to date until stopped."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from threading import Thread

from xw import config
from xw.actions.supervising import orphaned
from xw.errors import NotFound, Usage
from xw.instance import Instance, Options, load_config, open_instance
from xw.mirror.watcher import MirrorWatcher

_LOOK_S = 2.0  # between two checks that the `xw up` that started this still runs


def watch_mirrors(options: Options, tell: Callable[[str], None]) -> None:
    """Sync until SIGTERM, ^C or the end of its `xw up`. Raise Usage if the hub is a local directory.

    With `--as`, sync that instance's mirror; else all mirrors of the instances in `xw.json`.
    """
    if options.offline:
        raise Usage("`xw sync --watch` needs the network: leave out --offline")
    found = load_config(options)
    names = [options.name] if options.name else sorted(found.instances)
    names = names or [config.whoami(None, os.environ, found)]
    instances = list(_having_mirrors(options, names))
    found_mirrors = [mirror for one in instances if (mirror := one.carrier.mirror)]
    if not found_mirrors:
        url = instances[0].hub.url
        raise Usage(f"{url} is a directory here: mail arrives without a sync")
    # A worktree's own mirror first: only a process in the worktree syncs it.
    first = next((mirror for mirror in found_mirrors if mirror.hint), found_mirrors[0])
    for mirror in found_mirrors:
        if mirror.files.root != first.files.root:
            name = mirror.mailbox.owner
            tell(f"the mirror of {name} is in another folder: `xw sync --watch --as {name}` keeps it too")
    watcher = MirrorWatcher([one for one in found_mirrors if one.files.root == first.files.root], tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: watcher.stop())
    gone = orphaned(os.environ)
    if gone:
        Thread(target=_stop_when, args=(gone, watcher), daemon=True).start()
    watcher.run()


def _stop_when(gone: Callable[[], bool], watcher: MirrorWatcher) -> None:
    while not gone():
        time.sleep(_LOOK_S)
    watcher.stop()


def _having_mirrors(options: Options, names: list[str]) -> Iterator[Instance]:
    missing: NotFound | None = None
    some = False
    for name in names:
        try:
            yield open_instance(options._replace(name=name))
            some = True
        except NotFound as error:
            missing = error  # this instance has not joined the hub from this machine
    if missing and not some:
        raise missing
