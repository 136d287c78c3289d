"""Open a remote hub, of the kind that its URL names.

The module that `schemes` names for a kind has the functions `open_hub` and `join`, which the two here call;
and `open_served`, if hubs of that kind can be served.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xw import schemes
from xw.hub.contract import Hub


def open_hub(url: str, key: str | None = None) -> Hub:
    """Return the hub at a URL or path, without connecting. Raise Usage if the URL is invalid.

    `key` is for a hub that is known to be served: the path of the private key by which its host knows the
    instance, or empty for the usual keys.
    """
    if not schemes.of(url):
        from xw.hub.directory import DirectoryHub

        return DirectoryHub(None, url)
    if key is not None:
        return _module(url).open_served(url, key)  # type: ignore[no-any-return]  # as the module docstring says
    return _module(url).open_hub(url)  # type: ignore[no-any-return]  # as above


def join(
    url: str, readme: str, group: str, tell: Callable[[str], None], key: str | None = None
) -> tuple[bool, Hub]:
    """Return the hub at a URL, connected, and whether it is new.

    `readme` is the text for a new one, `group` the Unix group that must share it, if any; `tell` gets lines
    for the user; `key` is as in `open_hub`. Raise Usage or Refused if it cannot be used.
    """
    more = () if key is None else (key,)
    return _module(url).join(url, readme, group, tell, *more)  # type: ignore[no-any-return]  # as above


def _module(url: str) -> Any:
    return import_module(schemes.SCHEMES[schemes.of(url)])
