"""The options of `~/.ssh/config` for a host, as `ssh -G` prints them. Used by `route`.

ssh(1) alone decides the meaning of its files: sections, includes, `Match`, canonical names, the system's
file. It connects to nothing; only a `Match exec` runs. Without an `ssh` program, `without_ssh` reads the
simple part of a file.
"""

import os
import pwd
import shutil
from collections.abc import Mapping
from getpass import getuser
from typing import NamedTuple

from xw.errors import Unreachable, Usage
from xw.files.ssh import program, without_ssh
from xw.files.ssh.program import Budget, Ended
from xw.files.ssh.target import Target
from xw.files.ssh.without_ssh import Options

_USUAL_S = 10.0
# Ask for a subsystem as sftp(1) does, so that `Match` sees the same; run none of the user's commands.
_ASIDE = ("RemoteCommand=none", "PermitLocalCommand=no", "ClearAllForwardings=yes", "RequestTTY=no")
# The replies of dbclient, and of an ssh before 7.6, to -G and these options.
_FOREIGN = ("usage:", "command-line: line 0: bad configuration option", "exited:")


class Configuration(NamedTuple):
    """The options for a host; `home` and `local_user` are the configuration's user."""

    options: Options
    home: str
    local_user: str

    def one(self, option: str, otherwise: str = "") -> str:
        """Return an option's first value, or `otherwise`."""
        return self.options.get(option, (otherwise,))[0]

    def is_on(self, option: str, otherwise: str = "no") -> bool:
        """Return True if a switch is on."""
        return self.one(option, otherwise).lower() not in ("", "no", "none", "false")


def lookup(
    target: Target, budget: Budget, environ: Mapping[str, str], jumps: str = "", onward: str = ""
) -> Configuration:
    """Return the options for a host.

    `jumps` are the hosts to jump over, if already known; `onward` is the place that the jump leads to. Raise
    Usage if the configuration is invalid, Unreachable if ssh takes too long.
    """
    # ssh(1) takes the home from the user database, not from HOME, and refuses a user without an entry.
    account = _account()
    path = shutil.which("ssh", path=environ.get("PATH"))
    if path and account:
        ended = _ask(path, target, budget(_USUAL_S), environ, jumps, onward)
        if ended is not None:
            return Configuration(_parse(ended, target.host), account.pw_dir, account.pw_name)
    try:
        user = getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        raise Usage(
            f"user id {os.getuid()} has no name on this machine: set LOGNAME to one, "
            f"here `export LOGNAME={target.user or 'NAME'}`"
        ) from None
    return Configuration(without_ssh.lookup(target, user, jumps), os.path.expanduser("~"), user)


def _account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _ask(
    path: str, target: Target, limit: float, environ: Mapping[str, str], jumps: str, onward: str
) -> Ended | None:
    """Return the result of `ssh -G`; None if this ssh is not OpenSSH's, or too old."""
    command = [path, "-G", *(f"-o{option}" for option in _ASIDE)]
    command += ["-p", str(target.port)] if target.port else []
    command += ["-l", target.user] if target.user else []
    command += ["-J", jumps] if jumps else []
    command += ["-W", onward, "--", target.host] if onward else ["-s", "--", target.host, "sftp"]
    try:
        ended = program.run(command, limit, environ)
    except TimeoutError:
        raise Unreachable(
            f"`ssh -G {target.host}` takes longer than {limit:.1f} s: "
            f"does a `Match exec` or a name server hold it up?"
        ) from None
    except OSError as error:
        raise Usage(f"{path} cannot be run: {error.strerror}: fix it, or take it off PATH") from None
    if ended.code and any(word in ended.err.lower() for word in _FOREIGN):
        return None
    return ended


def _parse(ended: Ended, host: str) -> Options:
    if ended.code:
        why = _why(ended)
        if "Could not resolve" in why:  # a name that ssh should canonicalize
            raise Unreachable(f"{host}: {why}: is the network up?")
        advice = "give it to yourself and `chmod go-w` it" if "Bad owner" in why else "fix it"
        raise Usage(f"ssh rejects its configuration for {host}: {why}: {advice}; `ssh -G {host}` tries it")
    options: dict[str, tuple[str, ...]] = {}
    for line in ended.out.split("\n"):
        option, _, value = line.partition(" ")
        options[option] = (*options.get(option, ()), value)
    if not {"hostname", "port", "user"} <= options.keys():
        raise Usage(f"`ssh -G {host}` prints no host name, port and user: is that ssh OpenSSH's?")
    return options


def _why(ended: Ended) -> str:
    """Return the lines of an error that name file, line and reason, as one line."""
    lines = [line.strip() for line in ended.err.split("\n") if not line.startswith("debug")]
    said = [line.rstrip(".") for line in lines if line and ": terminating, " not in line]
    return "; ".join(said[-2:]) or f"exit {ended.code} without a reason"
