"""Read the simple part of `~/.ssh/config` with paramiko, if there is no `ssh` program. For `config`.

Paramiko's reader knows less than ssh(1), and accepts what it does not know (a `Match` that it cannot decide
applies to every host). So anything that it reads differently from ssh(1) is refused by name: never another
host, never a weaker check.
"""

import glob
import os
import re
from typing import Any

import paramiko

from xw.errors import Usage
from xw.files.ssh.target import PORT, Target

Options = dict[str, tuple[str, ...]]
"""Option in lower case → its values as `ssh -G` prints them, one for each of its lines."""

_INSTALL = "install OpenSSH's `ssh` program, which xw asks"
_SYSTEM = "/etc/ssh/ssh_config"
_LINE = re.compile(r"(\w+)(?:\s*=\s*|\s+)(.+)")
_COMMANDS = ("proxycommand", "localcommand", "remotecommand")
_USUAL: Options = {
    "port": (str(PORT),),
    "identityfile": tuple(f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519")),
    "userknownhostsfile": ("~/.ssh/known_hosts ~/.ssh/known_hosts2",),
    "globalknownhostsfile": ("/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",),
}
_READ = (
    *_USUAL, "hostname", "user", "addressfamily", "bindaddress", "bindinterface", "checkhostip",
    "connecttimeout", "hostkeyalias", "identitiesonly", "identityagent", "preferredauthentications",
    "proxycommand", "proxyjump", "proxyusefdpass", "pubkeyauthentication", "requiredrsasize",
    "revokedhostkeys",
)  # fmt: skip
# Lists that are simple unless they add to or remove from the defaults.
_LISTS = (
    "casignaturealgorithms", "ciphers", "hostkeyalgorithms", "kexalgorithms", "macs",
    "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes",
)  # fmt: skip
# Options that ssh(1) expands before printing.
_EXPANDED = ("userknownhostsfile", "globalknownhostsfile", "identityagent")
# Prefixes of options that change neither the way to a host nor the proof of its identity.
_OTHERS = (
    "addkeystoagent", "batchmode", "canonical", "clearall", "compression", "connectionattempts", "control",
    "enable", "escapechar", "exiton", "fingerprint", "fork", "forward", "gateway", "gssapi", "hashknownhosts",
    "hostbased", "ipqos", "kbd", "local", "log", "nohostauthentication", "numberofpassword", "password",
    "permit", "pkcs11", "rekey", "remote", "requesttty", "securitykey", "sendenv", "serveralive",
    "sessiontype", "setenv", "stdinnull", "streamlocal", "stricthostkey", "syslog", "tcpkeepalive", "tunnel",
    "updatehostkeys", "usekeychain", "verifyhostkeydns", "visual", "xauth",
)  # fmt: skip


class _Reader(paramiko.SSHConfig):
    """Paramiko's reader without its tokens, which support neither `%%` nor a port from the command line."""

    TOKENS_BY_CONFIG_KEY: dict[str, list[str]] = {}  # noqa: RUF012  # overrides paramiko's


def lookup(target: Target, user: str, jumps: str) -> Options:
    """Return the options for a host. Raise Usage with an option's name if it is not simple."""
    # Given values come first, because the first value counts.
    given = {"Port": target.port, "User": target.user, "ProxyJump": jumps}
    text = "".join(f"{option} {value}\n" for option, value in given.items() if value)
    for path in (os.path.expanduser("~/.ssh/config"), _SYSTEM):
        text += f"Host *\n{_checked(path)}\n"
    try:
        found: dict[str, Any] = _Reader.from_text(text).lookup(target.host)
    except (paramiko.ConfigParseError, ValueError) as error:
        raise Usage(f"~/.ssh/config: {error}: fix it, or {_INSTALL}") from None
    options: Options = {**_USUAL, "user": (user,)}
    for option, value in found.items():
        options[option] = tuple(value) if isinstance(value, list) else (value or "none",)
        _check(option, options[option][0])
    _keep_one_way(options)
    hostname = re.sub("%[%h]", lambda token: target.host if token[0] == "%h" else "%", options["hostname"][0])
    return {**options, "hostname": (hostname,)}


def _checked(path: str) -> str:
    """Return a file's text, empty if there is none. Raise Usage for a line that paramiko misreads."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            about = os.fstat(file.fileno())
            text = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except OSError as error:
        raise Usage(f"{path}: {error.strerror}") from None
    if about.st_uid not in (0, os.getuid()) or about.st_mode & 0o022:
        raise Usage(f"{path} can be written by others: make it your own and `chmod go-w {path}`")
    lines = []
    for at, line in enumerate(text.split("\n"), start=1):
        found = _LINE.match(line.strip())
        option, value = (found[1].lower(), found[2]) if found else ("", "")
        why = _why_not(option, value, os.path.dirname(path))
        if why:
            raise Usage(f"{path} line {at}: xw cannot read {why} by itself: leave it out, or {_INSTALL}")
        lines.append("" if option == "include" else line)
    return "\n".join(lines)


def _why_not(option: str, value: str, folder: str) -> str:
    """Return the part of a line that paramiko misreads; empty if it reads the line correctly."""
    if option == "match" or (option == "canonicalizehostname" and value.lower() not in ("no", "false")):
        return f"`{option} {value}`"
    if option == "include" and any(_includes(word, folder) for word in value.split()):
        return f"`{option} {value}`"
    inner = value[1:-1] if value[:1] == value[-1:] == '"' else value
    odd = r"\s#|[\\'\"\[]" if option == "host" else r"\s#|[\\'\"]"
    if option not in _COMMANDS and re.search(odd, inner):
        return f"the comment, quotes, backslash or brackets in `{option} {value}`"
    return ""


def _includes(word: str, folder: str) -> bool:
    """Return True if an `Include` names an existing file, or one that cannot be found from here."""
    pattern = os.path.join(folder, os.path.expanduser(word))
    return bool(glob.glob(pattern)) or re.search(r"[$%\"']", word) is not None


def _keep_one_way(options: Options) -> None:
    """Drop the second of `ProxyJump` and `ProxyCommand`; `ProxyJump none` leaves room for a command."""
    order = [option for option in options if option in ("proxyjump", "proxycommand")]
    if len(order) == 2 and options["proxyjump"][0].lower() != "none":
        del options[order[1]]


def _check(option: str, value: str) -> None:
    """Raise Usage unless an option's value can be taken as it stands, or does not matter."""
    simple = option in _READ or option.startswith(_OTHERS)
    if option in _LISTS:
        simple = re.fullmatch(r"[\w@.][\w@.,-]*", value, re.ASCII) is not None
    if option in _EXPANDED and re.search(r"%|\$\{", value):
        simple = False
    if option == "connecttimeout" and not (value.isdigit() or value.lower() == "none"):
        simple = False  # it has a unit
    if not simple:
        raise Usage(
            f"~/.ssh/config: xw cannot tell what `{option} {value}` means: leave it out, or {_INSTALL}"
        )
