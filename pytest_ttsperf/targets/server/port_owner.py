"""From an address to the process tree that listens there, when it is on this machine.

Memory and CPU of a server are those of that tree, never of the client. Where it cannot be told
whose they are, nothing is read, and the reason is told.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import psutil

from pytest_ttsperf import real

FORWARDERS = ("docker-proxy", "rootlessport", "slirp4netns", "ssh", "sshd", "kubectl", "socat")
"""They hold a port and hand on what comes; the work is done elsewhere."""
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  (compared with, not bound)


class Owner(NamedTuple):
    """The top of the tree that listens, or why there is none to be read."""

    pid: int | None
    reason: str | None = None


def owner(host: str, port: int) -> Owner:
    """Who listens on that address."""
    try:
        found = real.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Owner(None, f"{host} is no known address ({error})")
    addresses = {str(entry[4][0]) for entry in found}
    try:
        return _found(host, addresses, port)
    except (psutil.Error, OSError, RuntimeError) as error:
        return Owner(
            None,
            f"this system does not tell who listens on port {port} ({type(error).__name__}), so "
            "memory and CPU cannot be read",
        )


def _found(host: str, addresses: set[str], port: int) -> Owner:
    if not addresses & _own_addresses():
        return Owner(None, f"{host} is not this machine: its memory and CPU cannot be read here")
    pids, is_hidden = _listening(addresses, port)
    if not pids:
        why = "belongs to another user or container" if is_hidden else "is nobody's on this machine"
        return Owner(
            None, f"the process behind port {port} {why}; run the server and pytest as one user"
        )
    return _top(pids | _sharing(pids, addresses, port), port)


def _sharing(pids: set[int], addresses: set[str], port: int) -> set[int]:
    """Others that hold the same socket: the system tells one process for each.

    They inherited it, so they are above the one that is told, or beside it.
    """
    near: set[Any] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            above = process.parents()
            near |= set(above) | {p for p in above[0].children() if p.name() == process.name()}
        except (psutil.Error, IndexError):
            continue
    return {
        pid
        for pid, local in _own_sockets(near)
        if pid is not None and _is_at(local, addresses, port)
    }


def _top(pids: set[int], port: int) -> Owner:
    """The process above all that hold the port: a server and its workers share the socket."""
    lines = {pid: _ancestors(pid) for pid in pids}
    tops = [pid for pid in pids if all(pid in line for line in lines.values())]
    if not tops:
        told = ", ".join(map(str, sorted(pids)))
        return Owner(None, f"port {port} is held by processes that are not one tree ({told})")
    top = tops[0]
    if top in _ancestors(os.getpid()):
        return Owner(
            None,
            f"port {port} is held by pytest's own process (or one above it), whose memory is not "
            "the server's alone; start the server as a process of its own",
        )
    name = _name(top)
    if name in FORWARDERS:
        return Owner(None, f"port {port} is held by {name}, which only hands on what comes")
    return Owner(top)


def _listening(addresses: set[str], port: int) -> tuple[set[int], bool]:
    """Processes that listen there, and whether one does that is hidden from us."""
    pids: set[int] = set()
    is_hidden = False
    for pid, local in _sockets():
        if _is_at(local, addresses, port):
            if pid is None:
                is_hidden = True
            else:
                pids.add(pid)
    return pids, is_hidden


def _is_at(local: Any, addresses: set[str], port: int) -> bool:
    address = local.ip.removeprefix("::ffff:")
    return local.port == port and (address in addresses or address in _ANY)


def _sockets() -> Iterator[tuple[int | None, Any]]:
    """Process and local address of every TCP socket that listens."""
    try:
        for entry in psutil.net_connections("tcp"):
            if entry.status == psutil.CONN_LISTEN:
                yield entry.pid, entry.laddr
    except psutil.AccessDenied:  # macOS tells each user of its own processes alone
        yield from _own_sockets(psutil.process_iter())


def _own_sockets(processes: Iterable[Any]) -> Iterator[tuple[int | None, Any]]:
    for process in processes:
        try:
            ask = getattr(process, "net_connections", None) or process.connections
            entries = ask("tcp")
        except psutil.Error:
            continue
        for entry in entries:
            if entry.status == psutil.CONN_LISTEN:
                yield process.pid, entry.laddr


def _own_addresses() -> set[str]:
    named = (entry.address for each in psutil.net_if_addrs().values() for entry in each)
    return {address.partition("%")[0] for address in named} | {"127.0.0.1", "::1"}


def _ancestors(pid: int) -> list[int]:
    """The process and those above it, nearest first."""
    try:
        process = psutil.Process(pid)
        return [pid, *(above.pid for above in process.parents())]
    except psutil.Error:
        return [pid]


def _name(pid: int) -> str:
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""
