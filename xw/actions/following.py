"""Find mail in mirrors whose hub has another URL now, and take it over, on an explicit `xw sync`.

A mirror in use does this itself (`mirror.recognise`). This module handles the two cases without one: the hub
is now a local directory, or nobody has joined it by the new URL.
"""

import os
from collections.abc import Mapping

from xw import config
from xw.files.local import LocalFiles
from xw.hub.opening import open_hub
from xw.instance import Instance, Options, load_config, usual_mirror
from xw.mailbox import Mailbox
from xw.mirror.notes import Notes
from xw.mirror.recognise import take_known
from xw.mirror.siblings import holds, siblings


def prepare(options: Options, environ: Mapping[str, str] = os.environ) -> None:
    """Make the mirror of a hub by its URL, if this machine has one only by another URL of that hub.

    Raise Unreachable if the hub cannot be asked for its id.
    """
    found = load_config(options, environ)
    name, url = config.whoami(options.name, environ, found), config.hub_url(options.hub, environ, found)
    if options.offline or not config.is_remote(url) or holds(usual_mirror(url, name, found, environ), name):
        return
    mirror = config.mirror(url, found, environ)
    near = siblings(os.path.dirname(mirror), mirror)
    known = [one.about.id for one in near if one.about.id and holds(one.root, name)]
    if known and open_hub(url).identity() in known:
        Mailbox(LocalFiles(mirror), name).make()
        Notes(LocalFiles(mirror), url).note_url()


def take_mirrors(instance: Instance, problems: list[str], environ: Mapping[str, str] = os.environ) -> None:
    """Take over this project's mirrors of a hub that is now a local directory. Raise Copied for a copy."""
    if instance.carrier.mirror is None:
        place = os.path.dirname(config.mirror(instance.hub.url, instance.config, environ))
        take_known(open_hub(instance.hub.url), place, instance.mailbox.files, problems)
