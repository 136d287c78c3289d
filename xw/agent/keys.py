"""The commands `xw keys` and `xw trust`, for the faces; each function imports what it needs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from xw.agent import open_with
from xw.instance import Options

if TYPE_CHECKING:
    from xw.actions.key_files import Exported, Imported
    from xw.actions.keys import Renewed
    from xw.actions.trusting import Keys, Signer, Trusted
    from xw.actions.trusting import KnownKey as KnownKey
    from xw.agent.policy import Report


def listed(options: Options, report: "Report") -> "Keys":
    """Return the keys that are known here; see `actions.trusting.listed`."""
    from xw.actions import trusting

    return trusting.listed(open_with(options, report)._instance)


def renew(options: Options, lost: bool, report: "Report") -> "Renewed":
    """Make the acting instance a new key; see `actions.keys.renew`."""
    from xw.actions import keys

    return keys.renew(open_with(options, report)._instance, lost)


def signer(options: Options, name: str | None, report: "Report") -> "Signer":
    """Return an instance's public keys; see `actions.trusting.shown`."""
    from xw.actions import trusting

    return trusting.shown(open_with(options, report)._instance, name)


def export(options: Options, file: str | None, report: "Report") -> "Exported":
    """Return the acting instance's key for another machine; see `actions.key_files.export`."""
    from xw.actions import key_files

    return key_files.export(open_with(options, report)._instance, file)


def take(options: Options, file: str, given: Callable[[], str] | None = None) -> "Imported":
    """Keep a key of another machine, in `file` or `given`; see `actions.key_files.take`."""
    from xw.actions import key_files

    return key_files.take(options, given() if given else key_files.read(file))


def trust(options: Options, name: str, key: str | None, forget: bool, report: "Report") -> "Trusted":
    """Confirm an instance's key, or forget it; see `actions.trusting`."""
    from xw.actions import trusting

    act = trusting.forget if forget else trusting.trust
    return act(open_with(options, report)._instance, name, key)
