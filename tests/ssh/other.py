"""AsyncSSH's SFTP server: `other.py HOST_KEY ACCEPTED_KEYS` prints its port and serves files."""

import asyncio
import sys

import asyncssh  # type: ignore[import-not-found, unused-ignore]


async def main(host_key: str, accepted: str) -> None:
    """Serve until killed."""
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[host_key], authorized_client_keys=accepted, sftp_factory=True
    )
    sys.stdout.write(f"{server.get_port()}\n")
    sys.stdout.flush()
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
