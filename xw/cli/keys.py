"""The handlers of keys and trust."""

import sys
from typing import TYPE_CHECKING

from xw.agent import keys
from xw.cli.call import Call, warn
from xw.cli.show import emit, say, tell

if TYPE_CHECKING:
    from xw.agent.keys import KnownKey

_SECRET = "anyone who has it can act as {name}: remove it once it is on the other machine"


def list_(call: Call) -> None:
    """Print the keys known here, a line for each."""
    found = keys.listed(call.options, warn)
    if call.json:
        emit(found.to_json())
        return
    if found.hint:
        warn(found.hint)
    for one in found.keys:
        tell(_line(one))
    if found.allowed_signers:
        tell(f"The team's file {found.allowed_signers} decides for the names in it.")


def _line(one: "KnownKey") -> str:
    parts = (
        f"{one.name} {one.key.fingerprint}",
        one.how if one.confirmed else f"{one.how}, not confirmed",
        f"since {one.since}" if one.since else "",
        f"here: {one.here}" if one.here else "",
    )
    return "; ".join(filter(None, parts))


def new(call: Call, lost: bool) -> None:
    """Make a new key."""
    made = keys.renew(call.options, lost, warn)
    if call.json:
        emit(made.to_json())
        return
    tell(f"key      {made.key}")
    tell(f"before   {made.before or '-'}")
    tell(f"file     {made.file}")
    if made.lost:
        say(f"Next: others see NEW KEY at your mail: tell them to run `xw trust {made.name}`.")
    else:
        say("Next: other machines of this name keep the old key; `xw keys export` brings them this one.")


def show(call: Call, name: str | None, lines: bool) -> None:
    """Print public keys."""
    found = keys.signer(call.options, name, warn)
    if call.json:
        emit(found.to_json())
        return
    for line in found.lines if lines else map(str, found.keys):
        tell(line)


def export(call: Call, file: str | None) -> None:
    """Print a key, or write it to a file."""
    made = keys.export(call.options, file, warn)
    if call.json:
        emit(made.to_json())
    elif made.file:
        tell(f"wrote    {made.file}")
    else:
        say(made.text.rstrip())
    warn(_SECRET.format(name=made.name))


def import_(call: Call, file: str) -> None:
    """Keep a key."""
    taken = keys.take(call.options, file, sys.stdin.read if file == "-" else None)
    if call.json:
        emit(taken.to_json())
        return
    tell(f"name     {taken.name}")
    tell(f"key      {taken.key}")
    tell(f"file     {taken.file}{'' if taken.new else ' (as before)'}")
    tell(f"Next: `xw init --name {taken.name} --hub URL` joins the hub here, which is {taken.hub} there.")


def trust(call: Call, name: str, key: str | None, forget: bool) -> None:
    """Confirm an instance's key, or forget it."""
    done = keys.trust(call.options, name, key, forget, warn)
    if call.json:
        emit(done.to_json())
        return
    for pin in done.before:
        tell(f"before   {pin.key.fingerprint} ({pin.how})")
    for one in done.forgotten:
        tell(f"forgot   {one.fingerprint}")
    if not forget:
        for one in done.trusted:
            tell(f"trusted  {one.fingerprint}")
        for one in done.others:
            tell(f"also     {one.fingerprint} (`xw trust {done.name} --forget --key {one.fingerprint}`)")
