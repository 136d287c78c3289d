"""A hub that is a directory on another host, reached by SFTP over SSH.

It connects on first use. Without a shell on the host it works too, with fewer features: no pushes, no check
of the system's name.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress

from xw import checkup
from xw.checkup import LINKS_NEEDED
from xw.errors import Unreachable, Usage, XwError
from xw.files.contract import Files
from xw.files.sftp import SftpFiles
from xw.files.ssh.link import SshLink, link_to
from xw.files.ssh.target import parse
from xw.finding import Finding
from xw.hub.contract import Limits
from xw.hub.directory import DirectoryHub, facts
from xw.hub.making import check_group, has_links, make_hub
from xw.hub.rooms import DirectoryRooms

TYPE_CHECKING = False  # type checkers read it as true
if TYPE_CHECKING:
    from xw.hub.served.client import ServedHub

READ_ONLY = "check the owner and mode of the path; or its SFTP server is read-only (`sftp-server -R`)"
NEEDED = "use OpenSSH 6.5 or later there"
MAC = (
    "the hub's host is a Mac, where SFTP's fsync stops at the drive's cache: "
    "a power cut there can lose mail that was acknowledged"
)
MAC_INSTEAD = "keep the hub on Linux, or run the Mac on a battery"
LOOK_AGAIN_S = (2.0, 15.0)  # at first, and after a minute without mail


def open_files(url: str, *, group: bool = False, links: bool = True) -> SftpFiles:
    """Return the remote directory that a URL names; it connects on first use. Raise Usage."""
    link, root = _link(url)
    return SftpFiles(link, root, group=group, links=links)


def _link(url: str) -> tuple[SshLink, str]:
    target = parse(url)
    return link_to(target), target.path


def open_hub(url: str) -> "SshHub":
    """Return the hub at a URL, not yet connected. Raise Usage."""
    parse(url)
    return SshHub(url)


def open_served(url: str, key: str) -> "ServedHub":
    """Return a served hub, not yet connected; only the key in the file `key` is offered, if given. Usage."""
    from xw.hub.served.client import ServedHub

    target = parse(url)
    return ServedHub(url, lambda: link_to(target, key))


def join(
    url: str, readme: str, group: str, tell: Callable[[str], None], key: str = ""
) -> "tuple[bool, SshHub | ServedHub]":
    """Return the hub at a URL, made if missing, and whether it is new. `schemes` calls it.

    The server says whether it is SFTP, or serves this key one mailbox. `key` is the path of the only private
    key to offer to a hub that was served before.
    """

    def share() -> None:
        raise Usage(
            f"{url}: a hub on another host is shared there: run `xw init --group {group} --hub PATH` on it"
        )

    files = open_files(url, group=bool(group))
    try:
        if (link_to(parse(url), key) if key else _link(url)[0]).wire().no_sftp:
            served = open_served(url, key)
            if group:
                raise Usage(f"the hub {url} is served: leave out --group to join it")
            served.connect()
            return False, served
        new = make_hub(files, url, readme, tell, group=group, share=share if group else None)
    except Unreachable as error:
        raise Unreachable(f"{error}{_port_hint(url)}") from None
    except (FileNotFoundError, NotADirectoryError):
        with suppress(OSError):
            _nearest(url)
        raise
    about = facts(open_files(url), url)
    if group:
        check_group(url, about, group)
    if about.links and not new:
        has_links(files, lambda lie: tell(f"{lie}: {LINKS_NEEDED}"))
    if not files.durable:  # after the first write, which a server may refuse to sync
        tell(f"{_not_durable(files)}: {NEEDED}")
    return new, SshHub(url)


def _not_durable(files: SftpFiles) -> str:
    return f"its SFTP server {files.lacking}: mail there does not survive a power cut"


def _port_hint(url: str) -> str:
    """Return a sentence for `user@host:27422/x`, where the number is a folder's name, or an empty string."""
    target = parse(url)
    number, _, rest = target.path.partition("/")
    if url.startswith("ssh://") or not number.isdigit():
        return ""
    meant = target._replace(port=int(number), path=f"/{rest}")
    return f" {number} is part of the path here; for a port write `{meant}`"


def _nearest(url: str) -> str:
    """Return the last folder that exists of the hub's path: all of it, or a part; empty for the login's home.

    Raise Usage if a part is a file, for which a server answers that nothing is there; OSError.
    """
    link, root = _link(url)
    ways = [root[:end] for end, letter in enumerate(root) if letter == "/" and end] + [root]
    there = "/" if root.startswith("/") else ""
    for way in filter(None, ways):
        try:
            found = SftpFiles(link, way).stat("")
        except (FileNotFoundError, NotADirectoryError):
            return there
        if found.kind == "file":
            raise Usage(f"{url}: {way} is a file on the host: choose another path for the hub")
        there = way
    return there


class SshHub(DirectoryHub):
    """A `contract.Hub` at `ssh://[user@]host[:port]/path` or `user@host:path`."""

    def __init__(self, url: str, files: Files | None = None) -> None:
        super().__init__(files, url)

    def _place(self, group: bool = False, links: bool = True) -> Files:
        return open_files(self.url, group=group, links=links)

    def limits(self) -> Limits:
        """Look less often, because a round trip costs time and data. A coordinator needs local files."""
        host = f"a room runs on the host of its hub's files: run this on the host of {self.url}"
        return Limits(look_again_s=LOOK_AGAIN_S, no_coordinator=host)

    def rooms(self) -> DirectoryRooms:
        return DirectoryRooms(self, locally=False)

    def pushes(self, owners: Sequence[str]) -> Iterator[None]:
        """Watch the folders by a shell on the host; yield nothing without one, or if it sees other files."""
        from shlex import quote

        from xw.hub import pushes

        proof = self._proof()
        link, root = _link(self.url)
        # For any user's shell; csh accepts no line breaks in quotes.
        command = f"cd {quote(root or '.')} || exit 3; {pushes.script(owners)}"
        return pushes.proven(link.lines(f"exec sh -c {quote(command)}"), proof)

    def closed(self, owner: str) -> str:  # noqa: ARG002  # the server decides at each step
        """Return "": the server decides at each step."""
        return ""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the connection's steps and flights."""
        return _link(self.url)[0].within(seconds)

    def connect(self) -> None:
        """Connect, within the timeouts of name look-up, route, key exchange and login."""
        _link(self.url)[0].transport()

    def ping(self) -> None:
        """Ask for the attributes of the hub's directory."""
        self.files.stat("")

    def close(self) -> None:
        """Close the connection, even during a flight of another thread."""
        _link(self.url)[0].close()

    def caution(self) -> str:
        """Return what the SFTP server lacks, as far as this connection has shown."""
        files = open_files(self.url)
        return _not_durable(files) if files.lacking else ""

    def _steps(self) -> Iterator[Finding]:
        """Try each step: name, TCP, key exchange, host key, login, SFTP, path, writing, durability."""
        link, root = _link(self.url)
        trouble: XwError | None = None
        try:
            link.wire()
        except XwError as error:
            trouble = error
        for step in link.steps:
            yield Finding("ok", "connected", step)
        if trouble:
            raise trouble
        yield Finding("ok", "connected", "SFTP: it answers")
        there = _nearest(self.url)
        if there == root:
            try:
                links = facts(SftpFiles(link, root), self.url).links
                yield Finding("ok", "connected", f"path: a hub is at {self.url}")
            except Unreachable:
                yield Finding("ok", "connected", f"path: {root or '~'} exists, and is not a hub yet")
                links = True
        else:
            links = True
            yield Finding("ok", "connected", f"path: {root} is not there yet, but {there or '~'} is")
        files = SftpFiles(link, there, links=links)
        for finding in checkup.writing(files, "", f"in {there or '~'} on its host"):
            if finding.code == "not-writable" and not files.durable:
                yield finding._replace(fix=READ_ONLY)
                return
            yield finding
        if files.durable:
            yield Finding("ok", "connected", "durability: it syncs files to disk, and makes hard links")
        else:
            yield Finding("bad", "not-durable", _not_durable(files), NEEDED)

    def _way(self) -> Iterator[Finding]:
        self.connect()
        yield Finding("ok", "connected", f"connected to {self.url}: name, route, host key, login, path")
        files = open_files(self.url)
        if not files.durable:
            yield Finding("bad", "not-durable", _not_durable(files), NEEDED)
        if _link(self.url)[0].answer("uname -s") == "Darwin":
            yield Finding("note", "not-durable", MAC, MAC_INSTEAD)
