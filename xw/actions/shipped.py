"""The texts that come with xw: in the installed package, or in a checkout."""

import os

from xw.errors import XwError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CHECKOUT = os.path.dirname(_PACKAGE)


def folder(name: str) -> str:
    """Return the path of the folder with this name. Raise XwError if this installation lacks it."""
    last = os.path.basename(name)
    for path in (os.path.join(_PACKAGE, last), os.path.join(_CHECKOUT, name)):
        if os.path.isdir(path):
            return path
    raise XwError(f"{last}/ is missing from this installation: install xw again")


def text(name: str, file: str) -> str:
    """Return the text of a file in that folder. Raise XwError if this installation lacks it."""
    try:
        with open(os.path.join(folder(name), file), encoding="utf-8") as opened:
            return opened.read()
    except FileNotFoundError:
        lacks = f"{os.path.basename(name)}/{file}"
        raise XwError(f"{lacks} is missing from this installation: install xw again") from None
