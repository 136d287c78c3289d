"""Run a shell in a hub's directory that prints a line whenever something changes there."""

import subprocess
from collections.abc import Iterator, Sequence
from itertools import takewhile

from xw import layout
from xw.layout import INBOX

# One line, for any shell. It ends with its standard input, that is with the connection, so that nothing
# is left running on the hub; and with its watchers, so that a failed watch does not look like silence.
# inotifywait's own "Watches established." is the first wake-up: from then on nothing is missed.
_PUSH = (
    "exec 3<&0; if command -v inotifywait >/dev/null; then"
    " inotifywait -m -e create -e moved_to --exclude '/[.][^/]*$' --format x {folders} 2>&1 </dev/null &"
    " watchers=$!;"
    " elif command -v xw >/dev/null; then echo ready;"
    ' for name in {names}; do xw --hub . --as $name watch </dev/null & watchers="$watchers $!"; done;'
    " else exit 3; fi;"
    " {{ cat; kill $watchers; }} <&3 >/dev/null 2>&1 & exec 3<&-; wait $watchers; kill $!"
)

# If the shell's directories are not SFTP's (`internal-sftp -d`, a chroot), another hub may be at the same
# path, whose changes would mislead. So the shell first prints the hub's id that it sees, or its `hub.json`
# where there is none: two hubs made in one second may have the same `hub.json`.
_PROOF = "cat hub.id 2>/dev/null || cat hub.json 2>/dev/null && echo && echo . || exit 3; "
_PROVEN = ".\n"


def script(owners: Sequence[str]) -> str:
    """Return the shell command that prints a line whenever something changes for one of the owners."""
    folders = " ".join(f"{name}/{INBOX[state]}" for name in owners for state in layout.STATES)
    return _PROOF + _PUSH.format(folders=folders, names=" ".join(owners))


def proven(printed: Iterator[str], proof: bytes) -> Iterator[None]:
    """Yield for each line that `script` prints; yield nothing if its shell does not see this `proof`."""
    shown = "".join(takewhile(_PROVEN.__ne__, printed))
    if shown.split() == proof.decode("utf-8", "replace").split():
        for _ in printed:
            yield


def start(folder: str, command: str) -> "subprocess.Popen[str]":
    """Run a command in a local directory; it ends with its standard input."""
    return subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    """Yield a process's lines, and wait for its end."""
    with process:
        assert process.stdout
        yield from process.stdout
