"""The handlers of hub move, hub new-id and hub serve."""

from xw.agent.functions import move_hub, renew_hub, serve_hub
from xw.cli.call import Call, warn
from xw.cli.show import emit, names, say, tell


def move(call: Call, url: str) -> None:
    """Move the hub, and print the next steps."""
    moved = move_hub(call.options, url, say if not call.json else warn)
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
    renewed = renew_hub(call.options)
    if call.json:
        emit(renewed.to_json())
        return
    tell(f"hub      {renewed.hub}")
    tell(f"id       {renewed.id}")


def serve(call: Call, path: str, key: str | None) -> int:
    """Serve a member on standard input and output; return 1 if the connection broke the rules."""
    ended = serve_hub(call.options, path, key or "")
    if ended:
        warn(ended)
    return 1 if ended else 0
