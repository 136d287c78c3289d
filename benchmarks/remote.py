"""The cost of distance: commands on a mirror, and pushed mail, with 100 ms between client and hub."""

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.library import send
from benchmarks.project import pair
from benchmarks.timing import Result, compare, run, scratch
from tests.remote.proxy import Proxy
from tests.ssh.sshd import Sshd, keygen, public
from xw.actions.setup import init
from xw.instance import Instance, Options

_XW = os.path.join(sysconfig.get_path("scripts"), "xw")
_ONE_WAY = 0.05
_BARE = """\
import os, socket, sys, paramiko
stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client = paramiko.SSHClient()
client.load_host_keys(os.path.expanduser("~/.ssh/known_hosts"))
client.connect("127.0.0.1", int(sys.argv[1]), username=os.environ["LOGNAME"], sock=stream,
    key_filename=os.path.expanduser("~/.ssh/id_ed25519"), allow_agent=False, look_for_keys=False)
client.open_sftp()
os._exit(0)
"""


def remote() -> Iterator[Result]:
    """check under `sync --watch` beside a directory hub, check alone beside a bare login, and the push."""
    with scratch() as folder, scratch() as other, _far_host(Path(folder)) as (proxy, near):
        os.makedirs(f"{other}/mirrored")
        local = pair(other)[1]
        url = f"ssh://127.0.0.1:{proxy.port}{near.root}"
        mirror = init(Options(config=f"{other}/mirrored/xw.json", hub=url), "bob", {}).instance
        check = [_XW, "check"]
        bare = [sys.executable, "-c", _BARE, str(proxy.port)]
        cold = lambda: run(check, _environ(mirror))  # noqa: E731
        yield compare("xw check, cold, 100 ms", cold, lambda: run(bare, _environ(mirror)), 2.0, 10)
        with _watching(mirror):
            yield compare("xw check under --watch", cold, lambda: run(check, _environ(local)), 1.1, 60)
            times = [_push(near, mirror) for _ in range(15)]
            yield Result("push, 100 ms", median(times), 6 * _ONE_WAY + 0.02, 1.0)


def _push(near: Instance, mirror: Instance) -> float:
    """From a message that is durable on the hub to the same in the mirror."""
    pending = f"{mirror.root}/{mirror.mailbox.at('inbox/pending')}"
    before = len(os.listdir(pending))
    time.sleep(0.3)  # what the last one set off is over
    send(near)
    start = time.perf_counter()
    while len(os.listdir(pending)) == before:
        time.sleep(0.001)
    return time.perf_counter() - start


@contextmanager
def _far_host(folder: Path) -> Iterator[tuple[Proxy, Instance]]:
    """Start a server behind the delay, with alice and bob's hub on its disk; yield alice as she is there."""
    home = folder / "home/.ssh"
    home.mkdir(parents=True, mode=0o700)
    key, host_key = keygen(home / "id_ed25519"), keygen(folder / "host")
    (folder / "accepted").write_text(f"{public(key)}\n")
    server = Sshd(folder / "server", [host_key], folder / "accepted")
    proxy = Proxy(server.port, _ONE_WAY)
    (home / "known_hosts").write_text(f"[127.0.0.1]:{proxy.port} {public(host_key)}\n")
    (home / "config").write_text(f"UserKnownHostsFile {home}/known_hosts\nIdentityFile {key}\n")
    # ssh(1) finds the home in the user database, whatever HOME says.
    ssh = folder / "tools/ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n')
    ssh.chmod(0o755)
    before = dict(os.environ)
    os.environ["HOME"] = str(home.parent)
    os.environ["PATH"] = f"{ssh.parent}:{before['PATH']}"
    os.environ["LOGNAME"] = os.environ.get("LOGNAME", "root")
    try:
        yield proxy, pair(str(folder))[0]
    finally:
        os.environ.update({name: before.get(name, "") for name in ("HOME", "PATH")})
        proxy.close()
        server.stop()


@contextmanager
def _watching(mirror: Instance) -> Iterator[None]:
    process = subprocess.Popen(
        [_XW, "sync", "--watch"], env=_environ(mirror), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    connected = threading.Event()
    stream = process.stdout

    def hear() -> None:
        for line in stream:
            if "connected" in line:
                connected.set()

    threading.Thread(target=hear, daemon=True).start()
    connected.wait(30)
    time.sleep(1)  # until the hub pushes
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _environ(instance: Instance) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "XW_NAME": instance.name, "XW_CONFIG": str(instance.config.path)}
