"""Which hub a mirror's URL leads to: told by its id, whatever its URL. Called by `sync`, before it sends."""

from xw.hub.contract import Hub
from xw.mirror.mirror import Mirror
from xw.mirror.notes import About


def recognise(mirror: Mirror, hub: Hub, always: bool) -> None:
    """Note the id and the URL of the hub, and give a hub that has lost its id the one noted before.

    A hub that was asked by this URL before is asked again only `always`: that costs a round trip.
    """
    known = mirror.notes.about()
    if known.url == mirror.url and known.id is not None and not always:
        return
    identity = hub.identity(known.id or "") or known.id or ""
    if identity == known.id or not known.id:
        urls = (*(url for url in known.urls if url != mirror.url), mirror.url)
    else:
        urls = (mirror.url,)  # another hub lies there now, which the earlier URLs do not lead to
    mirror.notes.note_hub(About(identity, urls))
