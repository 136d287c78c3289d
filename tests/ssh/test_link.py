"""One connection for all threads: sessions, limits, and the loss of the connection."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest

from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd
from xw.errors import Refused, Unreachable
from xw.files import Publication
from xw.files.sftp import SftpFiles
from xw.files.ssh.link import SshLink, link_to
from xw.files.ssh.route import find
from xw.files.ssh.stream import DeadlineSocket
from xw.files.ssh.target import parse

LATE_S = 8.0
"""The limit, and what a busy machine adds; without the limit it is 15."""


def hub(server: Sshd, path: str) -> tuple[SshLink, SftpFiles]:
    target = parse(f"ssh://127.0.0.1:{server.port}{path}")
    link = link_to(target)
    return link, SftpFiles(link, target.path)


def test_files_on_another_host(known: Sshd, tmp_path: Path) -> None:
    """A message is published durably through sshd and read back, in four round trips."""
    link, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["tmp", "a"])
    assert files.durable
    before = link.round_trips
    items = [Publication(b"text", "tmp", (f"a/{number}",)) for number in range(10)]
    assert files.publish_all(items) == [None] * 10
    (names,) = files.list_folders(["a"])
    assert isinstance(names, list)
    assert [*files.read_all([f"a/{name}" for name in names], 10)] == [b"text"] * 10
    assert link.round_trips - before == 4
    assert (tmp_path / "hub/a/3").read_bytes() == b"text"


def test_a_relative_path_starts_at_home(known: Sshd) -> None:
    """`~/` and a path without a slash lie where the login lands."""
    for path in ("/~/hub", "/~/deep/er"):
        _, files = hub(known, path)
        files.make_folder("a")
        assert (known.home / path[3:] / "a").is_dir()
    target = parse(f"{os.environ['LOGNAME']}@127.0.0.1:hub")
    assert target.path == "hub"


def test_large_files(known: Sshd, tmp_path: Path) -> None:
    """An attachment of some MB goes there and back whole, between other requests of the same thread."""
    _, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["a"])
    data = os.urandom(5_000_003)
    pieces = (data[start : start + 1_000_000] for start in range(0, len(data), 1_000_000))
    assert files.store(pieces, "a/large")[0] == len(data)
    found = b""
    for piece in files.read_chunks("a/large"):
        found += piece
        assert files.stat("a/large").size == len(data)
    assert found == data
    # Both ends at once: a copy on the hub reads and writes on one session.
    files.store(files.read_chunks("a/large"), "a/copy")
    assert (tmp_path / "hub/a/copy").read_bytes() == data


def test_one_connection_for_all(known: Sshd, tmp_path: Path) -> None:
    """Eight threads on two hubs of one host share one connection, each with a session of its own."""
    links = [hub(known, f"{tmp_path}/{name}") for name in ("one", "two")]
    assert links[0][0] is links[1][0]
    for _, files in links:
        files.make_folders(["tmp", "a"])
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        files = links[number % 2][1]
        for turn in range(20):
            files.publish(b"text", "tmp", [f"a/{number}-{turn}"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert all(len(files.list_folder("a")) == 80 for _, files in links)
    assert known.log.read_text().count("Accepted publickey") == 1


def test_sessions_end_with_their_threads(known: Sshd, tmp_path: Path) -> None:
    """Twenty threads, one after the other, use one connection; a server allows ten sessions at once."""
    _, files = hub(known, f"{tmp_path}/hub")
    files.make_folder("a")
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(files.list_folder, "").result() == ["a"]


@pytest.mark.parametrize("when", ["before connecting", "while connected"])
def test_a_stopped_server(known: Sshd, tmp_path: Path, when: str) -> None:
    """A stopped server is unreachable within the limit; when it continues, so does the link."""
    link, files = hub(known, f"{tmp_path}/hub")
    if when == "while connected":
        files.make_folders(["tmp", "a"])
    known.signal_all(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Unreachable), link.within(0.5):
        files.make_folders(["tmp", "a"])
    assert time.monotonic() - began < LATE_S
    known.signal_all(signal.SIGCONT)
    files.make_folders(["tmp", "a"])
    files.publish(b"text", "tmp", ["a/one"])
    assert files.read("a/one", 10) == b"text"


def test_a_stopped_server_takes_no_attachment(known: Sshd, tmp_path: Path) -> None:
    """Sending more than the network holds to a stopped server ends within the limit."""
    link, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["a"])
    known.signal_all(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Unreachable), link.within(1.0):
        files.store((bytes(1 << 20) for _ in range(64)), "a/large")
    assert time.monotonic() - began < LATE_S
    known.signal_all(signal.SIGCONT)


def test_a_line_that_takes_no_bytes(known: Sshd, home: Home, tmp_path: Path) -> None:
    """If the line itself takes nothing more in the middle of an upload, that ends within the limit."""
    relay = Path(__file__).with_name("relay.py")
    home.configure(f"Host 127.0.0.1\nProxyCommand {sys.executable} {relay} %h %p\n")
    link, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["a"])
    stream = link.transport().sock
    assert isinstance(stream, DeadlineSocket)
    command = stream.command
    assert command is not None

    def pieces() -> Iterator[bytes]:
        yield b"begun"
        os.kill(command.pid, signal.SIGSTOP)
        yield bytes(1_000_000)

    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: [^:]"), link.within(1.0):
        files.store(pieces(), "a/large")
    assert time.monotonic() - began < LATE_S


ACTS: dict[str, Callable[[SftpFiles], object]] = {
    "names": lambda files: files.list_folder("a"),
    "publish": lambda files: files.publish(b"text", "tmp", ["a/two"]),
    "move": lambda files: files.move("a/one", "a/three"),
    "read_chunks": lambda files: list(files.read_chunks("a/one")),
    "store": lambda files: files.store([b"text"], "a/four"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_cut_connection(known: Sshd, tmp_path: Path, act: str) -> None:
    """After its session is killed, at most one call is unreachable; the next one connects again."""
    link, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["tmp", "a"])
    files.publish(b"text", "tmp", ["a/one"])
    known.cut()
    with link.within(30):
        try:
            ACTS[act](files)
        except Unreachable:
            ACTS[act](files)


def test_a_server_that_went(known: Sshd, tmp_path: Path) -> None:
    """A server that is gone is unreachable, and says what to look at; when it is back, it works again."""
    link, files = hub(known, f"{tmp_path}/hub")
    files.make_folders(["a"])
    known.stop()
    with link.within(30):
        for _ in range(2):
            with pytest.raises(Unreachable) as caught:
                files.list_folder("a")
        assert "nothing listens on port" in str(caught.value)
    known.start()
    assert files.list_folder("a") == []


def test_forty_at_once(tmp_path: Path, home: Home, keys: Keys) -> None:
    """Forty that connect at once to a server with the default MaxStartups all get through."""
    server = Sshd(tmp_path / "busy", [keys.host], keys.accepted, ["MaxStartups 10:30:100"])
    home.know(server, keys.host)
    route = find(parse(f"ssh://127.0.0.1:{server.port}/"))
    links = [SshLink(str(route), lambda _: route) for _ in range(40)]
    start = threading.Barrier(40)

    def work(link: SshLink) -> list[str]:
        start.wait()
        with link.within(60):
            return SftpFiles(link, str(server.home)).list_folder("")

    try:
        with ThreadPoolExecutor(40) as pool:
            assert list(pool.map(work, links)) == [[]] * 40
    finally:
        for link in links:
            link.close()
        server.stop()


def test_a_command_on_the_host(known: Sshd) -> None:
    """A command's output comes over the same connection as the files; one that ends, ends its channel."""
    link, _ = hub(known, "/")
    channel = link.run("echo found; cat")
    channel.sendall(b"text")
    channel.shutdown_write()
    found = b""
    while piece := channel.recv(100):
        found += piece
    assert found == b"found\ntext"
    assert known.log.read_text().count("Accepted publickey") == 1


def test_sessions_are_not_endless(tmp_path: Path, home: Home, keys: Keys) -> None:
    """If the server opens no more sessions, the error says so."""
    server = Sshd(tmp_path / "few", [keys.host], keys.accepted, ["MaxSessions 1"])
    home.know(server, keys.host)
    link, files = hub(server, "/")
    try:
        files.stat("")
        with pytest.raises(Unreachable, match="MaxSessions"):
            link.run("true")
        assert files.stat("").kind == "folder"
    finally:
        server.stop()


@pytest.fixture
def bare(tmp_path: Path, home: Home, keys: Keys) -> Iterator[Sshd]:
    """A server without the SFTP subsystem."""
    server = Sshd(tmp_path / "bare", [keys.host], keys.accepted, ["Subsystem other /bin/true"])
    config = tmp_path / "bare/sshd_config"
    config.write_text(
        "\n".join(line for line in config.read_text().splitlines() if "sftp -d" not in line) + "\n"
    )
    server.stop()
    server.start()
    home.know(server, keys.host)
    yield server
    server.stop()


def test_no_sftp_there(bare: Sshd) -> None:
    """A server without the SFTP subsystem is refused with the line it needs."""
    with pytest.raises(Refused, match="Subsystem sftp"):
        hub(bare, "/")[1].list_folder("")


def test_no_sftp_there_and_the_connection_ends(bare: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is reported as one, even if the connection ends at the same moment."""
    real = paramiko.Channel._request_failed  # type: ignore[attr-defined]  # not in the stubs

    def then_all_ends(self: paramiko.Channel, message: paramiko.Message) -> None:
        self.get_transport().close()
        real(self, message)

    monkeypatch.setattr(paramiko.Channel, "_request_failed", then_all_ends)
    with pytest.raises(Refused, match="Subsystem sftp"):
        hub(bare, "/")[0].wire()
