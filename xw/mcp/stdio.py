"""MCP on standard input and output: for a program that starts the server and ends it by closing its input."""

import json
import signal

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from xw.mcp.server import MailServer

_Incoming = SessionMessage | Exception


def serve(server: MailServer) -> None:
    """Serve one client until its input ends, or a signal ends this process."""
    # The reader's thread would otherwise hold ^C up until the next line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(_serve, server)


async def _serve(server: MailServer) -> None:
    send, receive = anyio.create_memory_object_stream[_Incoming]()
    async with stdio_server() as (incoming, outgoing), anyio.create_task_group() as tasks:
        tasks.start_soon(_pass_on, incoming, send, outgoing)
        await server.sdk.run(receive, outgoing, server.options)
        tasks.cancel_scope.cancel()


async def _pass_on(
    incoming: ReadStream[_Incoming],
    send: MemoryObjectSendStream[_Incoming],
    outgoing: WriteStream[SessionMessage],
) -> None:
    """Pass on what the client sends; answer a request that the SDK cannot read and would drop silently."""
    async with send:
        async for item in incoming:
            refusal = refused(item) if isinstance(item, ValidationError) else None
            if refusal:
                await outgoing.send(SessionMessage(refusal))
            else:
                await send.send(item)


def refused(error: ValidationError) -> types.JSONRPCError | None:
    """Return the answer to a line that is not a valid message; None if no request with an id is in it.

    Without an answer the client would wait for its timeout.
    """
    wrong = error.errors()
    # The line; else the JSON value in it, which lacks at least what a response has.
    found = next((one["input"] for one in wrong if one["type"] in ("json_invalid", "missing")), None)
    code, what = types.INVALID_REQUEST, "this is not a request of JSON-RPC 2.0"
    if isinstance(found, str):
        code, what = types.PARSE_ERROR, "this line is not valid JSON"
        try:
            # Python's reader takes more than the SDK's: half characters, control characters.
            found = json.loads(found, strict=False)
        except (ValueError, RecursionError):
            return None
        if not _is_unicode(json.dumps(found, ensure_ascii=False)):
            what = "a text holds half of a character, an unpaired surrogate such as \\ud800"
    if not isinstance(found, dict) or found.keys() & {"result", "error"}:
        return None
    asked = found.get("id")
    if not (type(asked) is int or (isinstance(asked, str) and _is_unicode(asked))):
        return None
    told = types.ErrorData(code=code, message=f"{what}: nothing was done; correct it and send it again")
    return types.JSONRPCError(jsonrpc="2.0", id=asked, error=told)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
