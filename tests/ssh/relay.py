"""A ProxyCommand: `relay.py HOST PORT` carries stdin and stdout to a port."""

import os
import socket
import sys
import threading
from contextlib import suppress


def main() -> None:
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])))

    def send() -> None:
        with suppress(OSError):
            while data := os.read(0, 65536):
                stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := stream.recv(65536):
        os.write(1, data)


if __name__ == "__main__":
    main()
