"""A hook that keeps a session's journal as `xw hook` does: note_hook.py ROOT OWNER, the event on stdin."""

import json
import os
import sys

from xw import processes
from xw.files.local import LocalFiles
from xw.journal import KINDS, AgentSession, Journal
from xw.mailbox import Mailbox

EVENTS = dict(zip(("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"), KINDS, strict=True))


def main(root: str, owner: str) -> None:
    """Note the event."""
    given = json.load(sys.stdin)
    kind = EVENTS[given["hook_event_name"]]
    kept = Journal(Mailbox(LocalFiles(root), owner), "claude", given["session_id"])
    number = int(os.environ["CLAUDE_PID"])
    started = processes.status(number)
    if kind == "start" and started:
        inbox = os.environ["CLAUDE_CODE_MESSAGING_SOCKET"], os.environ["CLAUDE_CODE_MESSAGING_TOKEN"]
        process, run = f"{number}-{started.started}", os.environ.get("XW_RUN", "")
        kept.note(
            AgentSession(
                "claude", given["session_id"], process, given["cwd"], *inbox, given["transcript_path"], run
            )
        )
    text = given.get("prompt") or given.get("last_assistant_message") or given.get("source") or ""
    kept.add(kind, text, given.get("prompt_id", ""))


main(*sys.argv[1:])
