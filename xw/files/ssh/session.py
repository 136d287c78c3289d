"""A session on a connection: its channel, and why it carries no SFTP. Used by `link` alone."""

from contextlib import suppress

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST
from paramiko.message import Message

from xw.errors import Refused, Unreachable, XwError
from xw.files.ssh.reach import Transport, shown
from xw.files.ssh.stream import SEND_S, DeadlineSocket

LINE = 256
"""Bytes of a one-line answer."""

LOST = "the connection was lost"

_END_S = 3.0  # for the exit code of a program that has closed its output
_FATAL = 255  # of sshd itself
_CHROOT = "its sshd log names the reason (is ChrootDirectory root's alone, and all above it?)"
_FORCED = "another command forced (ForceCommand, `command=` in authorized_keys)"


class SessionChannel:
    """A channel for `Wire`: paramiko's own errors become OSErrors."""

    def __init__(self, inner: paramiko.Channel) -> None:
        self.ended = False  # True once the other side has closed it
        self.opening = b""  # the first bytes that came; sshd passes on no stderr of a subsystem
        self._inner = inner
        self._number = inner.get_id()

    @property
    def refused(self) -> bool:
        """True if the server refused to start the requested program."""
        transport = self._inner.get_transport()
        return isinstance(transport, Transport) and self._number in transport.refused

    def sendall(self, data: bytes, /) -> None:
        """Send all bytes. OSError."""
        try:
            self._inner.sendall(data)
        except OSError:
            self.ended = self._inner.closed
            if self.ended and not self.opening:  # what a program said that ended before it was asked
                with suppress(OSError):
                    self.opening = self._inner.recv(LINE)
            raise
        except (paramiko.SSHException, EOFError) as error:
            raise OSError(str(error) or LOST) from None

    def recv(self, size: int, /) -> bytes:
        """Return some bytes; empty at the end. OSError."""
        try:
            data = self._inner.recv(size)
        except (paramiko.SSHException, EOFError) as error:
            raise OSError(str(error) or LOST) from None
        self.ended = not data
        if not (data or self.opening):
            self._inner.status_event.wait(_END_S)
        if len(self.opening) < LINE:
            self.opening += data[: LINE - len(self.opening)]
        return data

    @property
    def exit_code(self) -> int:
        """The exit code of the program at the other end; negative if it is unknown."""
        return self._inner.exit_status

    def settimeout(self, seconds: float, /) -> None:
        """Set the timeout of `sendall` and `recv`."""
        self._inner.settimeout(seconds)
        transport = self._inner.get_transport()
        # While keys are renewed nothing can be sent, and paramiko's own timeout for that is longer.
        transport.clear_to_send_timeout = seconds
        # The socket may take no bytes while the channel's window still has room.
        if isinstance(transport.sock, DeadlineSocket):
            transport.sock.limit = min(SEND_S, seconds)

    def close(self) -> None:
        """Close the channel."""
        with suppress(paramiko.SSHException, OSError, EOFError):  # the connection is already lost
            self._inner.close()


def ask_channel(channel: paramiko.Channel, kind: str, what: str) -> None:
    """Ask the host to start a program on a channel, without waiting for its answer."""
    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string(kind)
    message.add_boolean(True)
    message.add_string(what)
    channel._event_pending()  # type: ignore[attr-defined]  # as in paramiko's invoke_subsystem
    channel.get_transport()._send_user_message(message)  # type: ignore[attr-defined]


def why_no_sftp(name: str, channel: SessionChannel, up: bool, served: bool, error: Unreachable) -> XwError:
    """Return why a host's answer is not SFTP.

    `up` is True if the connection still exists, `served` if it has carried SFTP before.
    """
    said = shown(channel.opening)
    if channel.refused:  # it stays a refusal, even if the connection has ended since
        return Refused(f"{name}: it offers no SFTP: its sshd_config needs a line `Subsystem sftp`")
    if said:
        return Refused(
            f"{name}: it starts no SFTP, but says {said}: may the account log in, is {_FORCED}, or does a "
            f"start-up file print that?"
        )
    if up and channel.ended:
        code = channel.exit_code
        if code == _FATAL:
            return Refused(f"{name}: SFTP ends there at once (exit {code}): {_CHROOT}")
        how = "" if code < 0 else f" (exit {code})"
        return Refused(
            f"{name}: SFTP ends there at once{how}: is the login shell /bin/false, does a start-up file "
            f"exit, or is {_FORCED}?"
        )
    return error if up or served else cut_off(name)


def cut_off(name: str) -> Unreachable:
    """Return the error for a connection that ended between login and SFTP."""
    return Unreachable(f"{name}: it logged in and was then cut off: try again; if that repeats, {_CHROOT}")
