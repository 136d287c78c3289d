"""`xw prompt`: what an instance's system prompt says of its mail; for a person, a page to read.

It agrees with the instance's delivery: an agent that is shown its mail need not look for it. On hold it says
what it says for `asked`: an agent that looked by itself would get round the hold.
"""

import os
from collections.abc import Mapping

from xw import confined, delivery
from xw.actions import shipped
from xw.instance import Instance

_TEMPLATE, _AGENT, _PERSON = "hub_template", "prompt.md", "person.md"
_SHOWN = 10  # peers
# The template has the lines of `start`, the default, and of an agent that is not confined.
_WHEN = {
    "asked": "Run `xw check` only when the user asks you to.",
    "start": "Run `xw check` when you start work and when the user asks you to, not in the middle of a task.",
    "turn": "Run `xw check` when you start work, have finished a task, and when the user asks you to.",
    "push": "Mail is shown to you as it arrives. If it ends with `answer NAME in your next message`, do that:"
    " `xw reply` would replace that message. Run `xw check` when you start work or are asked.",
}
_ERRORS = "If `xw` asks who you are, add `--as <NAME>`; other errors tell you what to do."
_CONFINED = "Errors tell you what to do."  # with a name from `xw launch`, and without the right to another


def prompt(instance: Instance, environ: Mapping[str, str] = os.environ) -> str:
    """Return the instructions for an instance whose program has this environment."""
    kinds = {peer.name: peer.kind for peer in instance.hub.peers()}
    kind = instance.config.instances.get(instance.name, {}).get("kind") or kinds.get(instance.name)
    names = [
        f"{name} (room)" if kinds.get(name) == "room" else name
        for name in instance.hub.instances()
        if name != instance.name
    ]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    held = delivery.held(instance.mailbox)
    when = _WHEN["asked" if held else delivery.effective(instance, environ).value]
    text = shipped.text(_TEMPLATE, _PERSON if kind == "human" else _AGENT)
    for key, value in (
        (_WHEN["start"], when),
        (_ERRORS, _CONFINED if environ.get(confined.VARIABLE) else _ERRORS),
        ("<NAME>", instance.name),
        ("<HUB>", instance.hub.url),
        ("<PEERS>", ", ".join(names[:_SHOWN]) + more or "none yet"),
    ):
        text = text.replace(key, value)
    return text
