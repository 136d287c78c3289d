"""MCP on standard input and output: for a program that starts the server and ends it by closing its input."""

import signal

import anyio
from mcp.server.stdio import stdio_server

from xw.mcp.server import MailServer


def serve(server: MailServer) -> None:
    """Serve one client until its input ends, or a signal ends this process."""
    # The reader's thread would otherwise hold ^C up until the next line.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(_serve, server)


async def _serve(server: MailServer) -> None:
    async with stdio_server() as (incoming, outgoing):
        await server.sdk.run(incoming, outgoing, server.options)
