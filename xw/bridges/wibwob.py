"""WibWob-DOS's wire: one command per connection, one write, one answer.

Source: `app/api_ipc.cpp` of WibWob-DOS. A connection carries one line
`cmd:<name> key=value …`, which the program takes with a single read of 2,047
bytes, splits on white space and percent-decodes; it answers with one line and
closes. With `WIBWOB_AUTH_SECRET` set it first sends a challenge. Every step
here has a time limit: the program answers from the event loop of its screen.
"""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterable
from urllib.parse import quote

from xw.bridges.chat import ChatFailed, ChatGone, NotPresented, Uncertain
from xw.errors import Refused

LIMIT = 2047
"""Bytes of a command, newline included: the program silently cuts off the rest."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Limit against a program that never ends its line; a history grows with the session."""


def encode(value: str) -> str:
    """Return a value as one word of a command: spaces, controls, `%` and non-ASCII percent-encoded."""
    return quote(value, safe="!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def command(name: str, words: Iterable[str] = ()) -> bytes:
    """Return the line for a command. Raise Refused if it is too long to arrive whole."""
    line = " ".join([f"cmd:{name}", *words]).encode() + b"\n"
    if len(line) > LIMIT:
        raise Refused(f"{len(line)} bytes do not fit into one WibWob command of {LIMIT}")
    return line


class Wire:
    """Sends commands to one socket. Its errors tell whether the program may have executed a command."""

    def __init__(self, path: str, secret: str = "", timeout_s: float = 5.0) -> None:
        self._path = path
        self._secret = secret
        self._timeout_s = timeout_s

    def ask(self, line: bytes) -> str:
        """Return the answer to a command, without its newline.

        Raise ChatGone if nobody listens, NotPresented if the command was not sent,
        Uncertain if it was sent and no answer came, Refused if the handshake failed.
        """
        deadline = time.monotonic() + self._timeout_s
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            self._connect(link)
            if self._secret:
                self._handshake(link, deadline)
            try:
                # One write: the program reads once, and would take the first of two for the whole.
                link.sendall(line)
            except OSError as error:
                raise Uncertain(f"{self._path}: the chat closed while xw sent the text: {error}") from error
            answer = self._line(link, deadline)
        if answer.startswith(('{"type":"challenge"', '{"error":"auth_failed"')):
            raise Refused(
                f"{self._path}: the chat asks for its secret: set WIBWOB_AUTH_SECRET for the bridge too"
            )
        return answer

    def _connect(self, link: socket.socket) -> None:
        link.settimeout(self._timeout_s)
        try:
            link.connect(self._path)
        except PermissionError as error:
            raise ChatGone(f"{self._path}: no permission to write to this chat of another user") from error
        except OSError as error:
            raise ChatGone(f"{self._path}: no chat listens there ({error.strerror or error})") from error

    def _handshake(self, link: socket.socket, deadline: float) -> None:
        try:
            challenge = json.loads(self._line(link, deadline))
            digest = hmac.new(
                self._secret.encode(), str(challenge["nonce"]).encode(), hashlib.sha256
            ).hexdigest()
            link.sendall(b'{"type":"auth","hmac":"' + digest.encode() + b'"}\n')
            # The command only after this line: the program reads anything earlier as part of the handshake.
            verdict = self._line(link, deadline)
        except (Uncertain, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            # The command has not been sent yet, so the program cannot have executed it.
            raise NotPresented(f"{self._path}: no handshake, though a secret is set: {error}") from error
        if "auth_ok" not in verdict:
            raise Refused(f"{self._path}: the chat refused the secret: correct WIBWOB_AUTH_SECRET")

    def _line(self, link: socket.socket, deadline: float) -> str:
        got = bytearray()
        while b"\n" not in got:
            left = deadline - time.monotonic()
            try:
                link.settimeout(max(left, 0.001))
                chunk = link.recv(65536)
            except OSError as error:
                raise Uncertain(f"{self._path}: the chat did not answer: {error}") from error
            if not chunk:
                break
            got += chunk
            if len(got) > ANSWER_LIMIT:
                raise Uncertain(f"{self._path}: the chat's answer exceeds {ANSWER_LIMIT:,} bytes")
        if not got:
            raise Uncertain(f"{self._path}: the chat closed without an answer")
        return bytes(got).split(b"\n", 1)[0].decode("utf-8", "replace").strip()


def check(answer: str) -> str:
    """Return the answer. Raise NotPresented if it is an error: the program did not execute the command."""
    if answer.startswith("err"):
        raise NotPresented(f"the chat answered: {answer[:200]}")
    return answer


def unknown(answer: str) -> bool:
    """Return True if this build lacks the command."""
    return answer.startswith("err unknown")


def server_pid(path: str) -> int:
    """Return the id of the process that listens on a socket. Raise ChatFailed if the system hides it."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise ChatFailed("this system does not show who owns a socket: give the bridge --option log=FILE")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(5)
        try:
            link.connect(path)
        except OSError as error:
            raise ChatGone(f"{path}: no chat listens there ({error.strerror or error})") from error
        return int.from_bytes(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], "little")
