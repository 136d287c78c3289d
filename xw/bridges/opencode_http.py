"""The HTTP of a running opencode: one request, one answer in JSON, each problem told apart.

Nothing is followed anywhere else: a redirect, a page of HTML or another program at the same address is an
error, and so is a path that this version does not know, which opencode answers with its web page. Called by
`opencode`.
"""

import base64
import http.client
import io
import json
import socket
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from xw.bridges.chat import ChatGone, NotPresented, Uncertain
from xw.errors import Usage

USER = "opencode"
TIMEOUT_S = 20.0
"""Limit for a connection, and for each part of an answer."""
WHOLE_S = 60.0
"""Limit for a whole answer, which may come byte by byte."""
LIMIT = 256 * 1024 * 1024


_T = TypeVar("_T")


class Missing(ChatGone):
    """The server has no such session or message."""


class Foreign(ChatGone):
    """Whoever answers there does not know the question: another program, or another version."""


class Server:
    """One server. It keeps no connection: a bridge asks seldom, and a program may restart."""

    def __init__(self, url: str, password: str = "") -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port or parts.username:
            raise Usage(f"invalid address {url!r}: give http://127.0.0.1:PORT")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.host, self.port = parts.hostname, port
        self._secure = parts.scheme == "https"
        self._headers = {"Accept": "application/json"}
        if password:
            word = base64.b64encode(f"{USER}:{password}".encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {word}"

    def get(self, path: str, take: Callable[[Any], _T]) -> _T:
        """Return what `take` makes of the answer to a question.

        Raise Missing, Foreign if the answer is no JSON or not what `take` expects, ChatGone if there is none.
        """
        return self._taken(path, self._ask("GET", path, None), take)

    def post(self, path: str, body: object, take: Callable[[Any], _T]) -> _T:
        """Return what `take` makes of the answer to a request that may be repeated; see `get`."""
        return self._taken(path, self._ask("POST", path, body), take)

    def _taken(self, path: str, said: bytes, take: Callable[[Any], _T]) -> _T:
        try:
            return take(json.loads(said))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise Foreign(f"{self.url}: does not answer {path} as opencode does") from None

    def deliver(self, path: str, body: object, before: Callable[[], None]) -> None:
        """Send a request that must not be repeated; call `before` once connected, right before it goes out.

        Raise ChatGone or NotPresented if the server certainly did not take it, Uncertain otherwise.
        """
        request = self._request("POST", path, body)
        connection = self._connect()
        try:
            try:
                before()
            except OSError as error:
                raise NotPresented(f"cannot note that the text goes in: {error}") from error
            try:
                # All at once: a kill between the note and the last byte leaves it uncertain.
                status, said = _exchange(connection.sock, "POST", request)
            except (OSError, http.client.HTTPException) as error:
                raise Uncertain(f"{self.url}: broke off: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        if status in (200, 204):
            return
        reason = f"{self.url}: answered {status}: {_message(said)}"
        raise NotPresented(reason) if 300 <= status < 500 else Uncertain(reason)

    def _ask(self, method: str, path: str, body: object) -> bytes:
        connection = self._connect()
        try:
            status, said = _exchange(connection.sock, method, self._request(method, path, body))
        except (OSError, http.client.HTTPException) as error:
            raise ChatGone(f"{self.url}: does not answer: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        if status == 404:
            raise Missing(f"{self.url}: {_message(said)}")
        if status == 401:
            raise ChatGone(
                f"{self.url}: wants its password, and {'another one' if self._known else 'has none'}"
            )
        if status != 200:
            raise ChatGone(f"{self.url}: answered {status}: {_message(said)}")
        return said

    @property
    def _known(self) -> bool:
        return "Authorization" in self._headers

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise ChatGone(f"no opencode at {self.url}: {error.strerror or error}") from error
        return connection

    def _request(self, method: str, path: str, body: object) -> bytes:
        """Return the bytes of a request."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Host": self.url.partition("//")[2], "Connection": "close"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + data


class _Incoming(io.RawIOBase):
    """What a server sends on a connection, until a time."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._end = time.monotonic() + WHOLE_S

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as a file, as a socket does."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"its answer takes more than {WHOLE_S:g} s")
        self._connection.settimeout(min(left, TIMEOUT_S))
        return self._connection.recv_into(buffer)


def _exchange(connection: socket.socket, method: str, request: bytes) -> tuple[int, bytes]:
    """Send; return the answer's status and body. Raise OSError or HTTPException if it breaks off."""
    connection.sendall(request)
    answer = http.client.HTTPResponse(cast(socket.socket, _Incoming(connection)), method=method)
    answer.begin()
    return answer.status, answer.read(LIMIT)


def _message(said: bytes) -> str:
    """Return the reason in an answer, shortened."""
    try:
        found = json.loads(said)
        return str(found["data"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return said[:200].decode(errors="replace").strip() or "no reason"
