"""Open a remote hub, of the kind that its URL names.

The module that `schemes` names for a kind has two functions, `open_hub` and `join`, which the two here call.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xw import schemes
from xw.hub.contract import Hub


def open_hub(url: str) -> Hub:
    """Return the hub at a URL or path, without connecting. Raise Usage if the URL is invalid."""
    if not schemes.of(url):
        from xw.hub.directory import DirectoryHub

        return DirectoryHub(None, url)
    return _module(url).open_hub(url)  # type: ignore[no-any-return]  # as the module docstring says


def join(url: str, readme: str, group: str, tell: Callable[[str], None]) -> tuple[bool, Hub]:
    """Return the hub at a URL, connected, and whether it is new.

    `readme` is the text for a new one, `group` the Unix group that must share it, if any; `tell` gets lines
    for the user. Raise Usage or Refused if it cannot be used.
    """
    return _module(url).join(url, readme, group, tell)  # type: ignore[no-any-return]  # as above


def _module(url: str) -> Any:
    return import_module(schemes.SCHEMES[schemes.of(url)])
