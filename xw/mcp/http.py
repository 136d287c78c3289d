"""MCP over HTTP on this machine's loopback, for programs that connect to a server that runs already.

Whoever can connect acts as the instance, so each request needs a token, and one from a web page is refused by
its Host or Origin: a page can make a browser connect to loopback under a name of its own (DNS rebinding).
"""

import hmac
import os
import secrets
import signal
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from xw.errors import Refused, Usage, explain
from xw.mcp.server import MailServer

HOST = "127.0.0.1"
PATH = "/mcp"
_SESSIONS = 100
_TOKEN_LIMIT = 4096  # bytes of a token file
_LEAST = 16  # characters of a token


def serve(server: MailServer, listening: socket.socket, token: str) -> None:
    """Serve until a signal ends this process, which then has nothing to finish."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    port = listening.getsockname()[1]
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    allowed = TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts]
    )
    app = server.sdk.streamable_http_app(
        streamable_http_path=PATH, transport_security=allowed, max_sessions=_SESSIONS
    )
    config = uvicorn.Config(_Guard(app, token), log_level="error", date_header=False, server_header=False)
    anyio.run(_Quiet(config).serve, [listening])


def listen(port: int) -> socket.socket:
    """Return a socket on a port of loopback, or on any with 0. Raise Usage if it is taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # who reads the line that tells of it may connect at once
    except (OSError, OverflowError) as error:
        listening.close()
        raise Usage(
            f"port {port}: {getattr(error, 'strerror', None) or error}: give another one with --port"
        ) from None
    return listening


def token_in(path: str) -> str:
    """Return the token in a file, which is made if missing. Raise Refused if others can read it."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise explain(error) from error
    token = fresh_token()
    with open(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token


def fresh_token() -> str:
    """Return a new token."""
    return secrets.token_urlsafe(32)


def _read(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
                raise Refused(f"{path}: others may read this token: chmod 600 it, or name another file")
            token = file.read(_TOKEN_LIMIT).decode("ascii", "replace").strip()
    except OSError as error:
        raise explain(error) from error
    if len(token) < _LEAST or not token.isascii() or not token.isprintable():
        raise Usage(f"{path}: no token: remove the file, and xw makes one of at least {_LEAST} characters")
    return token


class _Guard:
    """Lets only requests with the token through."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            # Compared in constant time: the time of an answer must not tell how much of a guess is right.
            if len(given) != 1 or not hmac.compare_digest(given[0], self._wanted):
                refusal = PlainTextResponse(
                    "the token is missing or wrong: `xw mcp --http` shows it\n",
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Quiet(uvicorn.Server):
    """uvicorn without its clock, which would wake ten times a second, and without its handling of signals."""

    async def main_loop(self) -> None:
        """Sleep until a signal ends the process."""
        await anyio.sleep_forever()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave each signal its usual effect: a client that stays connected must not hold up the end."""
        yield
