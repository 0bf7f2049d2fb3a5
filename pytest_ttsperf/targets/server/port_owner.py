"""From an address to the process tree that listens there, when it is on this machine.

Memory and CPU of a server are those of that tree, never of the client. Where its owner cannot be
found, nothing is read, and the reason is reported.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import psutil

from pytest_ttsperf import real

FORWARDERS = ("docker-proxy", "rootlessport", "slirp4netns", "ssh", "sshd", "kubectl", "socat")
"""They hold a port and hand on what comes; the work is done elsewhere."""
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  (compared with, not bound)
_HIDDEN = -1
"""In the place of a process that the system does not show us."""
_LOOPBACK = ("127.0.0.1", "::1")


class Owner(NamedTuple):
    """The top of the tree that listens, or why there is none to be read."""

    pid: int | None
    reason: str | None = None


class _Listener(NamedTuple):
    """A TCP socket that listens, and the process that holds it, by which descriptor."""

    pid: int
    descriptor: int
    address: str
    port: int


def find_owner(host: str, port: int) -> Owner:
    """Who listens on that address."""
    try:
        entries = real.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Owner(None, f"{host} is no known address ({error})")
    addresses = {str(entry[4][0]) for entry in entries}
    try:
        return _find_local_owner(host, addresses, port)
    except (psutil.Error, OSError, RuntimeError) as error:
        return Owner(
            None,
            f"this system does not say who listens on port {port} ({type(error).__name__}), so "
            "memory and CPU cannot be read",
        )


def _find_local_owner(host: str, addresses: set[str], port: int) -> Owner:
    if addresses.isdisjoint(_local_addresses()):
        return Owner(None, f"{host} is not this machine: its memory and CPU cannot be read here")
    listeners = list(_listeners_at(addresses, port))
    shown = [listener for listener in listeners if listener.pid != _HIDDEN]
    if not shown:
        reason = "is nobody's on this machine"
        if listeners:
            reason = "belongs to another user or container"
        return Owner(
            None,
            f"the process behind port {port} {reason}; run the server and pytest as one user",
        )
    pids = {listener.pid for listener in shown}
    return _find_top(pids | _sharing(shown), port)


def _listeners_at(addresses: set[str], port: int) -> Iterator[_Listener]:
    """The sockets that take what comes to that port of these addresses."""
    everywhere = addresses.union(_ANY)
    for listener in _listeners():
        if listener.port == port and listener.address in everywhere:
            yield listener


def _sharing(listeners: Collection[_Listener]) -> set[int]:
    """Processes related to these that hold one of their sockets, too.

    Linux names one process for each socket; others inherited it, or passed it on. Other systems
    name all, and have no such files.
    """
    sockets = set()
    for listener in listeners:
        with contextlib.suppress(OSError):
            sockets.add(os.readlink(f"/proc/{listener.pid}/fd/{listener.descriptor}"))
    if not sockets:
        return set()
    relatives = _relatives({listener.pid for listener in listeners})
    return {pid for pid in relatives if not sockets.isdisjoint(_open_files(pid))}


def _open_files(pid: int) -> Iterator[str]:
    """What the descriptors of a process stand for, as Linux names it: `socket:[4711]`."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(folder):
            with contextlib.suppress(OSError):  # it was closed since
                yield os.readlink(f"{folder}/{descriptor}")


def _relatives(pids: Iterable[int]) -> set[int]:
    """Processes above these or beside them, which may hold the same socket."""
    relatives: set[int] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            above = process.parents()
            relatives.update(parent.pid for parent in above)
            for sibling in above[0].children():
                if sibling.name() == process.name():
                    relatives.add(sibling.pid)
        except (psutil.Error, IndexError):
            continue
    return relatives


def _find_top(pids: Collection[int], port: int) -> Owner:
    """The process above all that hold the port: a server and its workers share the socket."""
    top = _common_ancestor(pids)
    if top is None:
        shown = ", ".join(map(str, sorted(pids)))
        return Owner(None, f"port {port} is held by processes that are not one tree ({shown})")
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


def _common_ancestor(pids: Collection[int]) -> int | None:
    """The one of these that is, or is above, each of them."""
    shared = set(pids).intersection(*map(_ancestors, pids))
    return next(iter(shared), None)


def _listeners() -> Iterator[_Listener]:
    """Every TCP socket of this machine that listens."""
    try:
        yield from _listening(psutil.net_connections("tcp"))
    except psutil.AccessDenied:  # macOS shows each user only their own processes
        yield from _listeners_of(psutil.process_iter())


def _listeners_of(processes: Iterable[Any]) -> Iterator[_Listener]:
    for process in processes:
        try:
            read_connections = getattr(process, "net_connections", None) or process.connections
            entries = read_connections("tcp")
        except psutil.Error:
            continue
        yield from _listening(entries, process.pid)


def _listening(entries: Iterable[Any], pid: int | None = None) -> Iterator[_Listener]:
    """Those of the connections that listen: of one process, or each with the process it names."""
    for entry in entries:
        if entry.status == psutil.CONN_LISTEN:
            address = entry.laddr.ip.removeprefix("::ffff:")
            holder = pid or entry.pid or _HIDDEN
            yield _Listener(holder, entry.fd, address, entry.laddr.port)


def _local_addresses() -> set[str]:
    """Of all interfaces, without the zone of IPv6."""
    addresses = set(_LOOPBACK)
    for entries in psutil.net_if_addrs().values():
        addresses.update(entry.address.partition("%")[0] for entry in entries)
    return addresses


def _ancestors(pid: int) -> list[int]:
    """The process and those above it, nearest first."""
    try:
        parents = psutil.Process(pid).parents()
    except psutil.Error:
        return [pid]
    return [pid, *(parent.pid for parent in parents)]


def _name(pid: int) -> str:
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""
