"""Which hub a mirror's URL leads to: told by its id, whatever its URL. Called by `sync`, before it sends."""

from xw.hub.contract import Hub
from xw.mirror.mirror import Mirror
from xw.mirror.notes import About


def recognise(mirror: Mirror, hub: Hub, again: bool = False) -> None:
    """Note the id and the URL of the hub, unless it was asked for them by this URL before; then only `again`.

    A hub that has lost its id, restored from an older backup, gets the one that was noted.
    """
    known = mirror.notes.about()
    if known.url == mirror.url and known.id is not None and not again:
        return
    identity = hub.identity(known.id or "") or known.id or ""
    if identity == known.id or not known.id:
        urls = (*(url for url in known.urls if url != mirror.url), mirror.url)
    else:
        urls = (mirror.url,)
    mirror.notes.note_hub(About(identity, urls))
