"""The shape of each command's `--json` output, and of each file of the format.

A command's schema allows each of its shapes, and `mail.Error`.
"""

from typing import Any

from xw.config_schema import Config
from xw.shapes import files, keys, mail, members, rooms, upkeep

FILES: dict[str, Any] = {
    "message.json": files.Message,
    "card.json": files.Card,
    "presence.json": files.Presence,
    "why.json": files.WhyNote,
    "room.json": files.Room,
    "xw.json": Config,
}

LINES = ("log", "watch", "up")
"""The commands that list things over time: they print one object per line."""

COMMANDS: dict[str, tuple[Any, ...]] = {
    "init": (upkeep.Made,),
    "who": (upkeep.Who,),
    "peers": (upkeep.Peers,),
    "join": (upkeep.Groups,),
    "leave": (upkeep.Groups,),
    "hold": (upkeep.Held,),
    "resume": (upkeep.Held,),
    "prompt": (upkeep.Prompt,),
    "check": (mail.Pending, mail.Untold, mail.DeadLetters),
    "read": (mail.Opened, mail.Thread),
    "send": (mail.Sent,),
    "reply": (mail.Sent,),
    "done": (mail.Done,),
    "claim": (mail.Step,),
    "release": (mail.Step,),
    "fail": (mail.Step,),
    "attach": (mail.Sent,),
    "retry": (mail.Sent,),
    "recall": (mail.Recall,),
    "resend": (mail.Resends,),
    "sync": (upkeep.Synced, upkeep.Event),
    "ask": (mail.Answer, mail.Unanswered, mail.Sent),
    "wait": (mail.Message,),
    "watch": (mail.Message, mail.Worked),
    "log": (mail.Placed, rooms.Entry),
    "trace": (mail.Trace,),
    "room create": (rooms.RoomMade,),
    "room run": (rooms.RoomClosed,),
    "room list": (rooms.Rooms,),
    "room show": (rooms.RoomShown,),
    "room say": (mail.Sent,),
    "room join": (mail.Sent,),
    "room leave": (mail.Sent,),
    "room pause": (mail.Sent,),
    "room resume": (mail.Sent,),
    "room set": (mail.Sent,),
    "room close": (mail.Sent,),
    "gc": (upkeep.Swept,),
    "unregister": (upkeep.Left,),
    "hub move": (upkeep.HubMoved,),
    "hub new-id": (upkeep.Renewed,),
    "hub admit": (keys.Admitted,),
    "keys list": (keys.Keys,),
    "keys new": (keys.Renewed,),
    "keys show": (keys.Signer,),
    "keys export": (keys.Exported,),
    "keys import": (keys.Imported,),
    "trust": (keys.Trusted,),
    "hub invite": (members.Invitation,),
    "hub members": (members.Members,),
    "hub remove": (members.Removed,),
    "hub rename": (members.MemberRenamed,),
    "hub serve": (),
    "notify status": (mail.Sent,),
    "notify handoff": (mail.Sent,),
    "notify compaction": (mail.Sent,),
    "notify error": (mail.Sent,),
    "notify heartbeat": (mail.Sent,),
    "bridge": (upkeep.Chats,),
    "launch": (upkeep.Programs, upkeep.Launched),
    "up": (upkeep.Event,),
    "mcp": (),
    "doctor": (upkeep.Findings,),
    "schema": (upkeep.Schemas, upkeep.Schema),
    "help": (upkeep.Help,),
    "install": (upkeep.Installed,),
    "hook": (upkeep.HookOutput,),
}
