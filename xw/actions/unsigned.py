"""Why an instance's mail goes unsigned though others know a key of it, for whoever sends or lists keys."""

from xw import layout
from xw.errors import XwError
from xw.instance import Instance
from xw.trust import published

BRING = "`xw keys import FILE`, or `xw keys new --lost`"


def why_unsigned(instance: Instance) -> str:
    """Return why mail from here goes unsigned; empty if the instance has no key anywhere, as far as is known.

    It costs a look at the hub's files, or at the mirror's; call it if no key is here.
    """
    credentials, name = instance.credentials, instance.name
    try:
        if wrong := credentials.wrong_hub():
            return wrong
        text = instance.hub.keys([name])[0] or credentials.keyring.lines(name)
    except (XwError, OSError):  # the command has said that, or will
        return ""
    if not published.keys(text):
        return ""
    if not credentials.hub_id:
        return (
            f"{instance.hub.url} has no valid {layout.HUB_ID}: restore it, or `xw hub new-id` makes another"
        )
    return f"no key of {name} is here: {BRING}"
