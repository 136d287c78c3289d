"""The handlers of the hub's commands: move, new-id, admit, invite, members, remove, rename, serve."""

from xw.agent import hubs
from xw.cli.call import Call, warn
from xw.cli.show import emit, names, say, tell
from xw.text import counted, span


def move(call: Call, url: str) -> None:
    """Move the hub, and print the next steps."""
    moved = hubs.move(call.options, url, say if not call.json else warn)
    for line in moved.left:
        warn(line)
    if call.json:
        emit(moved.to_json())
        return
    tell(f"from     {moved.old}")
    tell(f"to       {moved.new}")
    tell(f"moved    {names(moved.instances) if moved.instances else 'no mailbox'}")
    tell(f"Next: set `hub` to {moved.new} in each xw.json that names the old place.")
    tell(f"Until then, keep {moved.old}: it names the new place.")


def new_id(call: Call) -> None:
    """Give the hub a new id."""
    renewed = hubs.new_id(call.options)
    if call.json:
        emit(renewed.to_json())
        return
    tell(f"hub      {renewed.hub}")
    tell(f"id       {renewed.id}")


def admit(call: Call, name: str) -> None:
    """Let one more machine use a name."""
    admitted = hubs.admit(call.options, name)
    if call.json:
        emit(admitted.to_json())
        return
    tell(f"one more machine may use {name} on {admitted.hub}, within a day")
    tell(f"Next: there, `xw init --name {name} --hub URL`.")


def invite(
    call: Call, name: str, days: int, host: str | None, host_key: str | None, file: str | None
) -> None:
    """Print the line that lets a new machine come in."""
    made = hubs.invite(call.options, name, days, host, host_key, file, warn)
    if call.json:
        emit(made.to_json())
        return
    warn(f"paste this line on the machine of {name}, once, until {made.until}; it is a secret till then:")
    tell(made.command)


def members(call: Call, file: str | None) -> None:
    """Print the members of the hub, a line for each key."""
    found = hubs.members(call.options, file)
    if call.json:
        emit(found.to_json())
        return
    if not found.members:
        tell(f"no member of {found.hub} in {found.file}: `xw hub invite NAME` invites one")
    for one in found.members:
        parts = [
            f"{one.name} {one.key or f'no key in {found.file}'}",
            f"invited until {one.invited_until}" if one.invited_until else "",
            f"since {one.since}" if one.since and not one.invited_until else "",
            "" if one.age_s is None else f"seen {span(one.age_s)} ago",
            "" if one.mailbox else "no mailbox yet",
        ]
        tell("; ".join(filter(None, parts)))


def remove(call: Call, name: str, mailbox: bool, confirmed: bool, file: str | None) -> None:
    """Remove a member's keys."""
    gone = hubs.remove(call.options, name, mailbox, confirmed, file)
    if call.json:
        emit(gone.to_json())
        return
    for key in gone.keys:
        tell(f"removed  the key {key} from {gone.file}")
    for key in gone.invitations:
        tell(f"removed  the invitation {key} from {gone.file}")
    if not (gone.keys or gone.invitations):
        tell(f"keys     no key of {name} was in {gone.file}")
    _old_mailbox(gone.returned, gone.archives)
    if gone.mailbox:
        tell(f"mailbox  stays: `xw hub remove {name} --unregister --yes` takes it off")


def rename(call: Call, old: str, new: str, file: str | None) -> None:
    """Give a member another name."""
    renamed = hubs.rename(call.options, old, new, file)
    if call.json:
        emit(renamed.to_json())
        return
    tell(f"renamed  {old} to {new}, with {counted(len(renamed.keys), 'key', 'keys')} in {renamed.file}")
    _old_mailbox(renamed.returned, renamed.archives)
    tell(f"Next: on the machine of {new}, `xw init --name {new} --hub URL` keeps its key.")


def _old_mailbox(returned: tuple[tuple[str, str], ...], archives: tuple[str, ...]) -> None:
    if returned:
        senders = tuple(sorted({to for to, _ in returned}))
        what = counted(len(returned), "unhandled message", "unhandled messages")
        tell(f"returned {what} to {names(senders)}")
    for archive in archives:
        tell(f"archive  {archive}")


def serve(call: Call, path: str, key: str | None, invited: str | None, file: str | None) -> int:
    """Serve a member on standard input and output; return 1 if the connection broke the rules."""
    if invited is not None:
        return hubs.serve_invited(invited, key, path, file)
    ended = hubs.serve(call.options, path, key or "", file)
    if ended:
        warn(ended)
    return 1 if ended else 0
