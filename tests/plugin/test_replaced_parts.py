"""Fixtures that replace what we rest on: sockets, processes, the environment, the folder."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.plugin import speech_server
from tests.plugin.conftest import Project

TEST = "@trials(5)\n@ttfa(p50_ms=60000)\ndef test_x(perf): perf.stream('short')\n"
NO_SOCKETS = """
import socket
@pytest.fixture(autouse=True)
def closed(monkeypatch):
    class Closed(socket.socket):
        def __new__(cls, *arguments, **options): raise RuntimeError("a test opens a socket")
    def no_address(*arguments, **options): raise RuntimeError("a test looks up an address")
    monkeypatch.setattr(socket, "socket", Closed)
    monkeypatch.setattr(socket, "getaddrinfo", no_address)
"""
NO_PROCESSES = """
import subprocess
@pytest.fixture(autouse=True)
def none(monkeypatch):
    class NoProcess:
        def __init__(self, *arguments, **options): raise RuntimeError("a test starts a process")
    monkeypatch.setattr(subprocess, "Popen", NoProcess)
"""
NO_VARIABLES = """
import os
from unittest import mock
@pytest.fixture(autouse=True)
def cleared():
    with mock.patch.dict(os.environ, clear=True):
        yield
"""
NO_FOLDER = """
@pytest.fixture(autouse=True)
def gone(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
"""
FIXTURES = {
    "no sockets": NO_SOCKETS,
    "no processes": NO_PROCESSES,
    "no variables": NO_VARIABLES,
    "no folder": NO_FOLDER,
}
ASYNCHRONOUS = """
import asyncio
from engines import tone
class Asynchronous:
    sample_rate = 24000
    async def stream(self, text):
        await asyncio.sleep(0.02)
        yield tone(len(text) / 15)
"""


def use(project: Project, fixture: str) -> None:
    project.pytester.makeconftest(f"import pytest\n{fixture}")
    project.test(TEST)


def run(project: Project, *arguments: str) -> pytest.RunResult:
    """In a process of its own, whose machine is looked at anew."""
    return project.run_apart("-p", "no:randomly", *arguments)


@pytest.fixture(scope="module")
def plain_runs() -> list[dict[str, Any]]:
    """The one run of this module in which nothing is replaced, once a test has run it."""
    return []


@pytest.fixture
def plain(project: Project, plain_runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What a run of the same test says where nothing is replaced."""
    if not plain_runs:
        project.test(TEST)
        run(project).assert_outcomes(passed=1)
        plain_runs += project.artifacts()
    return plain_runs[0]


@pytest.mark.parametrize("name", FIXTURES)
def test_a_worker_is_measured_and_the_machine_is_the_same(
    project: Project, plain: dict[str, Any], name: str
) -> None:
    use(project, FIXTURES[name])
    run(project, "--ttsperf-save").assert_outcomes(passed=1)
    replaced = project.artifacts()[-1]
    assert replaced["cells"][0]["fingerprint"] == plain["cells"][0]["fingerprint"]
    assert replaced["environment"]["machine"] == plain["environment"]["machine"]


@pytest.mark.parametrize("name", FIXTURES)
def test_also_where_it_is_asked_for_at_run_time(project: Project, name: str) -> None:
    use(project, FIXTURES[name])
    project.test("def test_x(request): request.getfixturevalue('perf').stream('short')")
    run(project, "--ttsperf-trials=3").assert_outcomes(passed=1)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_program_is_measured(project: Project, name: str) -> None:
    use(project, FIXTURES[name])
    project.test(TEST.replace("perf)", "perf, cold_engine)"))
    program = project.path / "program.py"
    program.write_text(
        "import sys\n"
        "text = sys.stdin.read()\n"
        "sys.stdout.buffer.write(b'\\x10\\x27\\xf0\\xd8' * 800 * len(text))\n"
    )
    run(
        project,
        f"--ttsperf-target=cmd:{sys.executable} {program}",
        "--ttsperf-target-option",
        "rate=24000",
        "--ttsperf-cold-trials=2",
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize("name", FIXTURES)
def test_an_asynchronous_target_is_measured_inline(project: Project, name: str) -> None:
    use(project, FIXTURES[name])
    project.pytester.makepyfile(asynchronous=ASYNCHRONOUS)
    run(project, "--ttsperf-inline", "--ttsperf-target=asynchronous:Asynchronous").assert_outcomes(
        passed=1
    )
    assert project.cells()[0]["summary"]["ttfs_ms"]["p50"] >= 20


def test_a_server_is_measured_where_tests_may_open_no_socket(project: Project) -> None:
    use(project, NO_SOCKETS)
    server = speech_server.serve()
    try:
        address = f"http://localhost:{server.server_address[1]}/pcm"
        run(project, f"--ttsperf-target={address}").assert_outcomes(passed=1)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("arguments", [[], ["--ttsperf-inline"]], ids=["worker", "inline"])
def test_beside_pytest_socket(project: Project, arguments: list[str]) -> None:
    pytest.importorskip("pytest_socket")
    project.pytester.makepyfile(asynchronous=ASYNCHRONOUS)
    project.test(TEST)
    target = "--ttsperf-target=asynchronous:Asynchronous"
    run(project, "--disable-socket", target, *arguments).assert_outcomes(passed=1)


def test_a_tests_alarm_rings_while_a_target_is_waited_for(project: Project) -> None:
    project.pytester.makepyfile(
        hangs="""
        import threading
        from engines import Telling
        class Hangs(Telling):
            def stream(self, text):
                threading.Event().wait(600)
                yield
        """
    )
    project.test(
        """
        import signal
        class Alarm(Exception): pass
        @pytest.fixture
        def alarm():
            def ring(*_): raise Alarm
            before = signal.signal(signal.SIGALRM, ring)
            yield
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        def test_x(perf, alarm):
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(Alarm):
                perf.stream("short")
        """
    )
    run(project, "--ttsperf-target=hangs:Hangs").assert_outcomes(passed=1)
