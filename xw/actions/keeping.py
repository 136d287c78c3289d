"""`xw sync --watch`: keep the mirrors of this xw.json's instances fresh until told to stop."""

import os
import signal
from collections.abc import Callable

from xw import config
from xw.errors import Usage
from xw.hub.remote import RemoteHub
from xw.instance import Options, load_config, open_instance
from xw.keep import Keeper


def keep(options: Options, tell: Callable[[str], None]) -> None:
    """Sync for ever; returns on SIGTERM or ^C. Usage on a hub that is a directory.

    With `--as` for that instance alone, else for all of `xw.json` that have a mirror.
    """
    found = load_config(options)
    names = [options.name] if options.name else sorted(found.instances)
    names = names or [config.whoami(None, os.environ, found)]
    instances = [open_instance(options._replace(name=name)) for name in names]
    hub = instances[0].hub
    if not isinstance(hub, RemoteHub):
        raise Usage(
            f"{hub.url} is a directory here: mail arrives by itself, there is nothing to keep in step"
        )
    keeper = Keeper([instance.mailbox for instance in instances], hub, tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: keeper.stop())
    keeper.run()
