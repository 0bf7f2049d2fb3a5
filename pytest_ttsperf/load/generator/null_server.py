"""A server that does nothing: it answers every request over HTTP with the same second of silence.

The null system of MLPerf's loadgen: what it takes is the generator's own, sockets included. It is
run by its path in a process of its own, and needs nothing but the standard library; it prints its
port.
"""

from __future__ import annotations

import socket
import sys
import threading

RATE = 24_000
PIECES = 10
PIECE = b"\1\0" * (RATE // PIECES)
"""A second of sound in ten chunks, as a fast server would send it."""
_CHUNK = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm; rate=%d\r\nTransfer-Encoding: chunked\r\n\r\n"
    % RATE
)
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_LENGTH = b"content-length:"


def main() -> None:
    """Listen on a free port of this machine, until the process is ended."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    with connection:
        while True:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                data = connection.recv(1 << 16)
                if not data:
                    return
                buffer = head + data
                continue
            size = _body_bytes(head)
            while len(buffer) < size:
                buffer += connection.recv(1 << 16)
            buffer = buffer[size:]
            _answer(connection, head)


def _answer(connection: socket.socket, head: bytes) -> None:
    if not head.startswith(b"POST"):
        connection.sendall(_NOT_FOUND)
        return
    connection.sendall(_HEAD)
    for _ in range(PIECES):
        connection.sendall(_CHUNK)
    connection.sendall(b"0\r\n\r\n")


def _body_bytes(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(_LENGTH):
            return int(line.removeprefix(_LENGTH))
    return 0


if __name__ == "__main__":
    main()
