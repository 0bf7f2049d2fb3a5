"""Whose a port is: real sockets of real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_ttsperf.targets.server import port_owner
from pytest_ttsperf.targets.server.port_owner import Owner, find_owner

pytestmark = pytest.mark.starts

LISTEN = """
import os, socket, sys, time
s = socket.create_server((sys.argv[1], 0))
children = []
for _ in range(int(sys.argv[2])):
    children.append(os.fork())
    if not children[-1]:
        time.sleep(60)
print(s.getsockname()[1], flush=True)
time.sleep(60)
"""


@contextmanager
def listening(host: str = "127.0.0.1", workers: str = "0") -> Iterator[tuple[int, int]]:
    """A process that listens: its pid and port."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTEN, host, workers],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_process_that_listens_is_found(host: str) -> None:
    with listening(host) as (pid, port):
        assert find_owner("127.0.0.1", port) == Owner(pid)
        assert find_owner("localhost", port) == Owner(pid)


def test_of_a_server_and_its_workers_the_top_is_taken() -> None:
    with listening(workers="2") as (pid, port):
        assert find_owner("127.0.0.1", port) == Owner(pid)


def test_the_connections_are_read_once_however_many_may_share_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = port_owner.psutil.net_connections
    kinds: list[str] = []

    def read_all(kind: str) -> object:
        kinds.append(kind)
        return read(kind)

    def read_one(process: object, kind: str) -> object:
        raise AssertionError(f"the connections of {process} were read apart")

    monkeypatch.setattr(port_owner.psutil, "net_connections", read_all)
    monkeypatch.setattr(port_owner.psutil.Process, "net_connections", read_one, raising=False)
    with listening(workers="2") as (pid, port):
        assert find_owner("127.0.0.1", port) == Owner(pid)
    assert kinds == ["tcp"]


def test_a_server_elsewhere_has_no_process_here() -> None:
    found = find_owner("192.0.2.1", 80)
    assert found.pid is None
    assert "is not this machine" in str(found.reason)


def test_nobody_and_unknown_hosts_are_told() -> None:
    assert "is nobody's on this machine" in str(find_owner("127.0.0.1", 1).reason)
    assert "no known address" in str(find_owner("no-such-host.invalid", 80).reason)


def test_pytests_own_process_is_not_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        found = find_owner("127.0.0.1", own.getsockname()[1])
    assert found.pid is None
    assert "pytest's own process" in str(found.reason)


def test_what_only_hands_on_is_not_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (_, port):
        monkeypatch.setattr(port_owner, "_name", lambda pid: "docker-proxy")
        found = find_owner("127.0.0.1", port)
    assert found.pid is None
    assert "docker-proxy, which only hands on" in str(found.reason)


def test_processes_that_are_not_one_tree_are_told() -> None:
    with listening() as (one, port), listening() as (two, _):
        found = port_owner._find_top({one, two}, port)
    assert found.pid is None
    assert "not one tree" in str(found.reason)


def test_where_the_system_tells_of_own_processes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(kind: str) -> None:
        raise port_owner.psutil.AccessDenied

    with listening() as (pid, port):
        monkeypatch.setattr(port_owner.psutil, "net_connections", denied)
        assert find_owner("127.0.0.1", port) == Owner(pid)


def test_a_system_that_does_not_tell_its_sockets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("psutil.PROCFS_PATH", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = find_owner("127.0.0.1", server.getsockname()[1])
    assert found.pid is None
    assert found.reason
