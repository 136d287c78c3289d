"""A WibWob-DOS chat for tests that keeps its wire's limits exactly.

As `app/api_ipc.cpp` does: one thread, one connection at a time, a backlog of
four, a single read of at most 2,047 bytes, one command, one answer, close. Values
are split at white space and percent-decoded, `base64:` ones decoded. With a
secret a connection starts with a challenge. Texts that come while the chat
works are dropped (send_chat) or wait in one slot (wibwob_ask), texts with `/` are
commands, and answers grow while they are streamed.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import threading
from pathlib import Path

Message = dict[str, str]


class WibWob:
    """Builds: `direct` has the two chat commands, `registry` has them in exec_command, `log` only the log."""

    def __init__(self, path: Path, *, build: str = "direct", secret: str = "") -> None:
        self.path, self.build, self.secret = path, build, secret
        self.log = path.parent / "logs" / "chat_20261121_000000_test.log"
        self.log.parent.mkdir(exist_ok=True)
        self.messages: list[Message] = []
        self.commands: list[str] = []
        """Texts that began with `/`."""
        self.requests: list[bytes] = []
        self.slot = ""
        self.auto = True
        """Answer at once; else the test calls `say` and `finish`."""
        self.trouble = ""
        """The fault of each answer: `mute`, `half` of it, or `err`."""
        self.working = False
        self._stopped = False
        self._listen = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listen.bind(str(path))
        self._listen.listen(4)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; the socket's file stays, as after a crash."""
        self._stopped = True
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as poke:
            poke.connect(str(self.path))
        self._thread.join(30)
        self._listen.close()

    def _serve(self) -> None:
        while not self._stopped:
            link, _ = self._listen.accept()
            link.settimeout(30)
            with link, contextlib.suppress(OSError):
                self._one(link)

    def _one(self, link: socket.socket) -> None:
        if self.secret and not self._authenticated(link):
            link.sendall(b'{"error":"auth_failed"}\n')
            return
        data = link.recv(2047)
        if not data:
            return
        self.requests.append(data)
        line = data.split(b"\0")[0].rstrip(b"\n\r ")
        words = line.split()
        name, values = "", {}
        for word in words:
            if word.startswith(b"cmd:"):
                name = word[4:].decode()
            elif b"=" in word:
                key, _, value = word.partition(b"=")
                values[key.decode()] = _percent(value)
        answer = self._command(name, values)
        whole = answer.encode() + b"\n"
        troubles = {"mute": b"", "half": whole[: len(whole) // 2], "err": b"err busy\n"}
        link.sendall(troubles.get(self.trouble, whole))

    def _authenticated(self, link: socket.socket) -> bool:
        nonce = secrets.token_hex(16)
        link.sendall(
            json.dumps({"type": "challenge", "nonce": nonce}, separators=(",", ":")).encode() + b"\n"
        )
        got = b""
        while b"\n" not in got:
            chunk = link.recv(511)
            if not chunk:
                return False
            got += chunk
        found = re.search(rb'"hmac": ?"([0-9a-f]*)"', got)
        right = hmac.new(self.secret.encode(), nonce.encode(), hashlib.sha256).hexdigest()
        if not found or found[1].decode() != right:
            return False
        link.sendall(b'{"type":"auth_ok"}\n')
        return True

    def _command(self, name: str, values: dict[str, bytes]) -> str:
        if name == "exec_command":
            inner = values.get("name", b"").decode()
            if inner == "wibwob_ask":
                return self._ask(values.get("text", b"").decode())
            if inner == "get_chat_history" and self.build == "registry":
                return self._history()
            return "err unknown command"
        if self.build == "direct" and name == "get_chat_history":
            return self._history()
        if self.build == "direct" and name == "send_chat":
            if "query" not in values:
                return "err missing query"
            query = values["query"]
            if query.startswith(b"base64:"):
                query = base64.b64decode(query[7:])
            self.input(query.decode())
            return "ok"
        return "err unknown cmd"

    def _ask(self, text: str) -> str:
        if not text:
            return "err missing text"
        self.slot = text
        if not self.working:
            self._drain()
        return "ok queued"

    def _drain(self) -> None:
        text, self.slot = self.slot, ""
        if text:
            self.input(text)

    def _history(self) -> str:
        return json.dumps({"messages": self.messages}, ensure_ascii=False)

    def input(self, text: str) -> None:
        """A text typed by a person or a program."""
        if not text or self.working:
            return
        if text.startswith("/"):
            self.commands.append(text)
            if text == "/clear":
                self.messages.clear()
            return
        self.messages.append({"role": "user", "content": text})
        self._write("User", text)
        self.working = True
        if self.auto:
            self.say(f"You said {len(text)} characters.\n[x] User: that is all")
            self.finish()

    def say(self, text: str) -> None:
        """Stream a piece of the answer."""
        last = self.messages[-1]
        if last["role"] != "assistant":
            last = {"role": "assistant", "content": ""}
            self.messages.append(last)
        last["content"] += text
        size = len(text.encode())
        self._write("Stream", f"[chunk] type=CONTENT_DELTA content_len={size} content={text}")

    def finish(self) -> None:
        """The answer is whole."""
        self._write("Wib&Wob", "[streaming complete]")
        self.working = False
        self._drain()

    def fail(self, error: str) -> None:
        """The model refused."""
        self.messages.append({"role": "system", "content": f"Error: {error}"})
        self._write(
            "System [ERROR]", f"Streaming error: {error}\n    ^^ Error occurred during message processing"
        )
        self.working = False

    def _write(self, sender: str, text: str) -> None:
        with self.log.open("a", encoding="utf-8", newline="") as file:
            file.write(f"[2026-11-21 05:30:00.{os.getpid() % 1000:03d}] {sender}: {text}\n")


def _percent(value: bytes) -> bytes:
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), value)
