"""xw: durable mail between AI coding agents and people, in plain files.

`xw.open` gives programs an `Agent` with all verbs; `docs/python-api.md` describes it. Importing xw loads
nothing else: each name is loaded on its first use.

The package's rows, from the top: cli (faces), agent (one surface for them), actions (verbs), bridges and
rooms (flows), post, hub, sync and watch (travel), files and mailbox, then the words: message, layout, config,
errors. A module imports only from its own or a lower row. `docs/architecture.md` describes the whole on one
page.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers read it as true
if TYPE_CHECKING:
    from xw.actions.asking import Asked as Asked
    from xw.actions.asking import Unwaited as Unwaited
    from xw.actions.claiming import Step as Step
    from xw.actions.claiming import Worked as Worked
    from xw.actions.grouping import Groups as Groups
    from xw.actions.hold import Held as Held
    from xw.actions.inbox import DeadLetter as DeadLetter
    from xw.actions.inbox import Done as Done
    from xw.actions.inbox import Enclosed as Enclosed
    from xw.actions.inbox import Finished as Finished
    from xw.actions.inbox import Opened as Opened
    from xw.actions.notifying import Told as Told
    from xw.actions.pending import Inbox as Inbox
    from xw.actions.recalling import Recall as Recall
    from xw.actions.recalling import Recalled as Recalled
    from xw.actions.resending import Resends as Resends
    from xw.actions.resending import Resent as Resent
    from xw.actions.rooms import Room as Room
    from xw.actions.setup import Synced as Synced
    from xw.actions.setup import Who as Who
    from xw.actions.telling import News as News
    from xw.actions.transcript import Line as Line
    from xw.actions.transcript import Traced as Traced
    from xw.actions.unregistering import Left as Left
    from xw.actions.waiting import NoAnswer as NoAnswer
    from xw.agent import Agent as Agent
    from xw.agent import open as open
    from xw.agent.rooms import Listed as Listed
    from xw.agent.rooms import RoomClosed as RoomClosed
    from xw.agent.rooms import RoomMade as RoomMade
    from xw.agent.values import DeadLetters as DeadLetters
    from xw.agent.values import Findings as Findings
    from xw.agent.values import Peers as Peers
    from xw.agent.values import Prompt as Prompt
    from xw.agent.values import Returned as Returned
    from xw.agent.values import Thread as Thread
    from xw.agent.values import Trace as Trace
    from xw.agent.values import Unfinished as Unfinished
    from xw.errors import Busy as Busy
    from xw.errors import Damaged as Damaged
    from xw.errors import Newer as Newer
    from xw.errors import NoMessage as NoMessage
    from xw.errors import NotFound as NotFound
    from xw.errors import Refused as Refused
    from xw.errors import TimedOut as TimedOut
    from xw.errors import Unreachable as Unreachable
    from xw.errors import Unreadable as Unreadable
    from xw.errors import Usage as Usage
    from xw.errors import XwError as XwError
    from xw.finding import Finding as Finding
    from xw.hub.sighting import Peer as Peer
    from xw.message import Attachment as Attachment
    from xw.message import Message as Message
    from xw.post import Sent as Sent
    from xw.rooms.scene import Limits as Limits
    from xw.rooms.scene import Member as Member
    from xw.rooms.transcript import Entry as Entry
    from xw.sweep import Swept as Swept

# The module of each public name; a test compares this with the imports for type checkers above.
_HOMES = {
    "actions.asking": "Asked Unwaited",
    "actions.claiming": "Step Worked",
    "actions.hold": "Held",
    "actions.grouping": "Groups",
    "actions.inbox": "DeadLetter Done Enclosed Finished Opened",
    "actions.notifying": "Told",
    "actions.pending": "Inbox",
    "actions.recalling": "Recall Recalled",
    "actions.resending": "Resends Resent",
    "actions.rooms": "Room",
    "actions.setup": "Synced Who",
    "actions.telling": "News",
    "actions.transcript": "Line Traced",
    "actions.unregistering": "Left",
    "actions.waiting": "NoAnswer",
    "agent": "Agent open",
    "agent.rooms": "Listed RoomClosed RoomMade",
    "agent.values": "DeadLetters Findings Peers Prompt Returned Thread Trace Unfinished",
    "errors": "Busy Damaged Newer NoMessage NotFound Refused TimedOut Unreachable Unreadable Usage XwError",
    "finding": "Finding",
    "hub.sighting": "Peer",
    "message": "Attachment Message",
    "post": "Sent",
    "rooms.scene": "Limits Member",
    "rooms.transcript": "Entry",
    "sweep": "Swept",
}
_NAMES = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_NAMES.keys() - {"open"})  # noqa: PLE0605  # `import *` must not hide Python's own `open`


def __getattr__(name: str) -> object:
    """Load a public name on its first use."""
    if name not in _NAMES:
        raise AttributeError(f"module 'xw' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"xw.{_NAMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *_NAMES]
