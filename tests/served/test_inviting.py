"""Come in by an invitation, through a real sshd: the exchange of keys, repeated, cut, too late, elsewhere."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.served.gate import Host
from tests.ssh.conftest import Home, Keys
from tests.ssh.sshd import Sshd, public
from xw import config
from xw.actions import login_key
from xw.errors import Refused, Usage
from xw.files.ssh.link import SshLink
from xw.hub.served import invitation, joining
from xw.hub.served.authorized import KeysFile
from xw.signing.keys import PrivateKey, private_text


def use(words: list[str], machine: Path, told: list[str] | None = None, name: str = "") -> None:
    """Do what `xw init` does with an invitation, on a machine with these own keys."""
    options = dict(zip(words[1::2], words[2::2], strict=True))
    environ = {"XW_KEY": str(own(machine))}
    heard = [] if told is None else told
    chosen = name or options["--name"]
    login_key.use(options["--hub"], chosen, options["--invite"], config.NONE, heard.append, environ)


def own(machine: Path) -> Path:
    """Return the own key of a machine, made if missing."""
    if not machine.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", machine], check=True)
    return machine


def test_a_machine_comes_in(host: Host, home: Home, tmp_path: Path) -> None:
    """With nothing but the line, the machine's key becomes the member's, and the host's key is noted."""
    told: list[str] = []
    words = host.invite("alice")
    use(words, tmp_path / "east", told)
    (entry,) = (one for one in KeysFile(str(host.file)).entries() if not one.invited)
    assert (entry.name, entry.key, entry.hub) == ("alice", public(tmp_path / "east"), str(host.hub))
    assert home.known_hosts.read_text() == f"[127.0.0.1]:{host.server.port} {public(host.key)}\n"
    assert len(told) == 1 and str(home.known_hosts) in told[0]
    for key, code in ((tmp_path / "east", 0), (home.ssh / "id_ed25519", 255)):  # `restrict` gives no shell
        ssh = ["ssh", "-F", str(home.config), "-p", str(host.server.port), "-oIdentitiesOnly=yes"]
        ssh += ["-oBatchMode=yes", f"-oIdentityFile={key}", "127.0.0.1", "echo a shell"]
        ran = subprocess.run(ssh, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert "a shell" not in ran.stdout.splitlines()
        assert (ran.returncode == 255) == (code == 255), ran


def test_a_member_s_key_opens_nothing_else(host: Host, home: Home, tmp_path: Path) -> None:
    """Neither the key of an invitation nor a member's forwards a port, gets a terminal, or runs a command."""
    words = host.invite("alice")
    one_time = tmp_path / "one-time"
    one_time.write_text(private_text(PrivateKey(invitation.read(words[-1]).seed)))
    one_time.chmod(0o600)
    use(words, tmp_path / "east")
    to = f"127.0.0.1:{host.server.port}"  # what answers there first is an SSH greeting
    for key in (home.ssh / "id_ed25519", one_time, tmp_path / "east"):
        if key.name == "id_ed25519":
            with host.file.open("a") as file:
                file.write(f"{public(key)}\n")
        ssh = ["ssh", "-F", str(home.config), "-p", str(host.server.port), "-oIdentitiesOnly=yes"]
        ssh += ["-oBatchMode=yes", f"-oIdentityFile={key}", "-W", to, "127.0.0.1"]
        ran = subprocess.run(ssh, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        # The owner's own key shows that the server would forward.
        assert (b"SSH-2.0" in ran.stdout) == (key.name == "id_ed25519"), ran


def test_the_line_again(host: Host, tmp_path: Path) -> None:
    """On the same machine the line goes on; on another it says that it was used; other names are refused."""
    words = host.invite("alice")
    with pytest.raises(Refused, match="is for alice, not bob"):
        use(words, tmp_path / "east", name="bob")
    assert host.members() == {}
    for _ in range(3):
        use(words, tmp_path / "east")
    before = host.file.read_bytes()
    with pytest.raises(Refused, match="used before, by the key SHA256:"):
        use(words, tmp_path / "west")
    assert host.file.read_bytes() == before
    assert list(host.members()) == ["alice"]


def test_the_line_again_when_it_has_expired(host: Host, tmp_path: Path) -> None:
    """A machine that came in may paste its line even when the invitation has expired and left the file."""
    words = host.invite("alice")
    use(words, tmp_path / "east")
    before = host.members()
    host.file.write_text(host.file.read_text().replace("until=20", "until=19"))
    host.invite("bob")
    assert "xw-invitation alice" not in host.file.read_text()
    use(words, tmp_path / "east")
    assert host.members() == before


def test_a_second_machine(host: Host, tmp_path: Path) -> None:
    """A second invitation for a member adds a machine to its mailbox, and the owner is told that."""
    use(host.invite("alice"), tmp_path / "east")
    again = host.run("invite", "alice", "--host", "you@server", "--host-key", f"{host.key}.pub")
    assert "alice is a member already" in again.err
    use(host.invite("alice"), tmp_path / "west")
    assert len(host.members()["alice"]) == 2


@pytest.mark.parametrize("step", ["before the login", "before the request", "before the answer"])
def test_a_cut(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A machine that dies at any step goes on with the same line."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        if step == "before the answer":
            real(*_)  # type: ignore[arg-type]
        raise Killed

    words = host.invite("alice")
    real = joining._exchange
    with monkeypatch.context() as patch:
        if step == "before the login":
            patch.setattr(SshLink, "transport", die)
        else:
            patch.setattr(joining, "_exchange", die)
        with pytest.raises(Killed):
            use(words, tmp_path / "east")
    assert list(host.members()) == (["alice"] if step == "before the answer" else [])
    use(words, tmp_path / "east")
    assert list(host.members()) == ["alice"]


def test_too_late(host: Host, tmp_path: Path) -> None:
    """An invitation that has expired, or that was taken back, is refused with what to do."""
    words = host.invite("alice")
    text = host.file.read_text()
    host.file.write_text(text.replace("until=20", "until=19"))
    with pytest.raises(Refused, match=r"expired at 19.*xw hub invite alice"):
        use(words, tmp_path / "east")
    host.file.write_text(text)
    host.ok("remove", "alice")
    with pytest.raises(Refused, match="taken back: `xw hub invite alice`"):
        use(words, tmp_path / "east")
    assert host.members() == {}


def test_sshd_s_own_limit(host: Host, tmp_path: Path) -> None:
    """sshd refuses the key of an invitation a day after its end, whatever command it has."""
    words = host.invite("alice")
    text = host.file.read_text()
    at = text.index('expiry-time="') + len('expiry-time="')
    host.file.write_text(f"{text[:at]}2001{text[at + 4 :]}")
    with pytest.raises(Refused, match="used on another machine, or taken back"):
        use(words, tmp_path / "east")


def test_another_host(host: Host, home: Home, keys: Keys, tmp_path: Path) -> None:
    """A host that shows another key than the invitation names gets nothing, and is not noted."""
    words = host.invite("alice")
    host.server.stop()
    other = Sshd(tmp_path / "other", [keys.stranger], host.file)
    try:
        words = [word.replace(str(host.server.port), str(other.port)) for word in words]
        with pytest.raises(Refused, match="host key is not the one in the invitation"):
            use(words, tmp_path / "east")
        home.know(other, keys.host)
        with pytest.raises(Refused, match="its host key has changed"):
            use(words, tmp_path / "east")
    finally:
        other.stop()
    assert host.members() == {}


def test_a_word_that_is_damaged(tmp_path: Path) -> None:
    """A slip in copying is found before anything is done, and so is another kind of hub."""
    made = invitation.create("a" * 26, b"key", 10**12)
    word = str(made)
    assert invitation.read(word) == made
    for wrong in (word[:-1], word[:40] + word[41:], word.swapcase(), "", "é", word + "A", f"{word}\n"):
        with pytest.raises(Usage, match="copy the whole line"):
            login_key.use("ssh://server/srv/hub", "alice", wrong, config.NONE, print, {})
    with pytest.raises(Usage, match="is for a hub at ssh://"):
        login_key.use(str(tmp_path), "alice", word, config.NONE, print, {})


def test_other_clients(host: Host, tmp_path: Path) -> None:
    """A client that asks for something else with an invitation's key gets a sentence, and changes nothing."""
    words = host.invite("alice")
    word = invitation.read(words[-1])
    key = tmp_path / "one-time"
    key.write_text(private_text(PrivateKey(word.seed)))
    key.chmod(0o600)
    before = host.file.read_bytes()
    options = [
        "-oStrictHostKeyChecking=no",
        "-oIdentitiesOnly=yes",
        "-oBatchMode=yes",
        f"-oIdentityFile={key}",
    ]
    options += [f"-oUserKnownHostsFile={tmp_path / 'known'}", "-F", "none", "-p", str(host.server.port)]
    for request in (b"", b"\n", b"hello\n", b"\0\0\0\5\1\0\0\0\3", b'{"accept": 1}\n', b"x" * 100_000):
        ran = subprocess.run(
            ["ssh", *options, "127.0.0.1", "sh"], input=request, capture_output=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stdout.count(b"\n")) == (6, 1), ran
        assert b"this key is an invitation for alice" in ran.stdout
    assert host.file.read_bytes() == before
    assert os.listdir(host.hub / "..") and host.members() == {}
