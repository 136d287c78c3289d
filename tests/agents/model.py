"""A model server for agent programs: it gives the answers of the test, in the four protocols of the programs.

    POST /v1/messages                                   Anthropic
    POST /v1/chat/completions, /v1/responses            OpenAI
    POST /v1beta/models/M:[streamG|g]enerateContent     Gemini

A marker in the newest turn of a request selects the answer; without one the server repeats the turn's last
line. Programs also send requests of their own, for titles and the like, in any number, so tests look for
their own text and count nothing. It listens on 127.0.0.1 alone.
"""

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.agents import dialects
from tests.agents.dialects import Answer, Call, Turn

_CATALOGUE = {
    "object": "list",
    "data": [{"id": "stub-1", "object": "model", "type": "model", "owned_by": "stub", "created": 0}],
    "models": [{"name": "models/stub-1", "supportedGenerationMethods": ["generateContent"]}],
}
_TOKENS = {"input_tokens": 1, "totalTokens": 1}


Make = Call | Callable[[], Call]


class _Said(NamedTuple):
    answer: Answer
    calls: tuple[Make, ...]


class Model:
    """The server, from `with` to its end: it answers as `says` told it, and keeps what it was asked."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.requests: list[str] = []
        self.called: list[tuple[str, str]] = []
        """Markers, each with the whole name of the tool that its answer called."""
        self._markers = (f"marker{number:04d}" for number in itertools.count(1))
        self._says: dict[str, _Said] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> "Model":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def marker(self) -> str:
        """Return a word that no other message has."""
        return next(self._markers)

    def says(self, marker: str, text: str = "", delay_s: float = 0.0, calls: Sequence[Make] = ()) -> None:
        """Answer a turn that holds the marker with this; with calls, once each of them has its result.

        A call may be a function, which is asked when its turn comes.
        """
        self._says[marker] = _Said(Answer(text, delay_s), tuple(calls))

    def asked(self, marker: str) -> list[str]:
        """Return the turns that held the marker, as the program sent them."""
        return [turn.text for turn in self.turns if marker in turn.text]

    def answer(self, turn: Turn) -> Answer:
        """Return the answer to a turn."""
        self.turns.append(turn)
        marker = max(self._says, key=turn.text.rfind, default="")  # a turn may hold older ones too
        if not marker or marker not in turn.text:
            last = [line for line in turn.text.splitlines() if line.strip()]
            return Answer(f"You said: {last[-1][:80]}" if last else "You said nothing.")
        said, done = self._says[marker], len(turn.results(marker))
        if done >= len(said.calls):
            return said.answer
        call = said.calls[done]
        call = call if isinstance(call, Call) else call()
        named = [tool for tool in turn.tools if re.search(f"({call.tool})$", tool)]
        if not named:
            return said.answer  # such as a request for a title
        self.called.append((marker, named[0]))
        return said.answer._replace(call=call._replace(tool=named[0]))


class _Way(NamedTuple):
    path: str
    dialect: Any


_WAYS = (
    _Way("/messages", dialects.anthropic),
    _Way("/chat/completions", dialects.chat),
    _Way("/responses", dialects.responses),
    _Way(":generateContent", dialects.gemini),
    _Way(":streamGenerateContent", dialects.gemini),
)


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._send(b"")

        def do_GET(self) -> None:
            self._json(_CATALOGUE if self.path.split("?")[0].endswith("/models") else {})

        def do_POST(self) -> None:
            raw, path = self._body(), self.path.split("?")[0]
            if "ount" in path.rsplit("/", 1)[-1]:  # count_tokens, :countTokens
                self._json(_TOKENS)
                return
            dialect = next((way.dialect for way in _WAYS if path.endswith(way.path)), None)
            if dialect is None:
                self._json({})
                return
            body = json.loads(raw)
            model.requests.append(raw.decode())
            answer = model.answer(dialect.read(body))
            time.sleep(answer.delay_s)
            if body.get("stream") or "stream" in path:
                self._stream(dialect.stream(answer, body))
            else:
                self._json(dialect.whole(answer, body))

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            raw = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                raw += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return raw

        def _json(self, value: Mapping[str, Any]) -> None:
            self._send(json.dumps(value).encode())

        def _send(self, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, events: Any) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for name, value in events:
                head = f"event: {name}\n" if name else ""
                data = value if isinstance(value, str) else json.dumps(value)
                self.wfile.write(f"{head}data: {data}\n\n".encode())
                self.wfile.flush()
            self.close_connection = True

        def handle(self) -> None:
            # A program gives up on its request when a turn is cancelled.
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

    return Handler
