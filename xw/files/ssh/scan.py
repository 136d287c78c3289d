"""Ask an sshd on this machine for its public key, as `ssh-keyscan` does. `xw hub invite` calls it."""

import logging
import socket
from contextlib import suppress

import paramiko

# As in `link`: errors come as exceptions.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

_LIMIT_S = 5.0


def local_host_key(host: str, port: int) -> bytes | None:
    """Return the public key that an sshd on this machine shows, as the protocol sends it.

    Return None if the host is another machine, or nothing there speaks SSH: nobody on a network is believed.
    """
    with suppress(OSError, paramiko.SSHException, EOFError):
        address = _local(host, port)
        if address is None:
            return None
        with socket.create_connection(address, _LIMIT_S) as stream:
            transport = paramiko.Transport(stream)
            try:
                transport.banner_timeout = transport.handshake_timeout = _LIMIT_S
                transport.start_client(timeout=_LIMIT_S)
                return transport.get_remote_server_key().asbytes()
            finally:
                transport.close()
    return None


def _local(host: str, port: int) -> tuple[str, int] | None:
    """Return an address of this machine that the name has, or None."""
    for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((place[0], 0))  # only an address of this machine's
            return str(place[0]), port
    return None
