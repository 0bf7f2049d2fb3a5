"""Clocks and waiting that stay real."""

from __future__ import annotations

import datetime
import subprocess
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from pytest_ttsperf import popen, real


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every clock of the standard library stands still, and sleeping does not wait."""
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: 1577934245.0)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


@pytest.mark.usefixtures("stopped")
def test_what_never_ends_is_waited_for_and_no_longer() -> None:
    looks = []
    assert not real.wait_until(lambda: bool(looks.append(1)), 0.1, every_s=0.02)
    assert 2 <= len(looks) <= 7


@pytest.mark.usefixtures("stopped")
def test_what_ends_is_noticed() -> None:
    over = threading.Event()
    threading.Timer(0.05, over.set).start()
    assert real.wait_until(over.is_set, 60)


@pytest.mark.usefixtures("stopped")
def test_a_lock_that_another_holds_is_given_up(tmp_path: Path) -> None:
    with FileLock(tmp_path / "lock"), pytest.raises(Timeout):
        real.acquire(FileLock(tmp_path / "lock"), 0.1)
    free = FileLock(tmp_path / "lock")
    real.acquire(free, 0.1)
    assert free.is_locked
    free.release()


def test_the_date_is_that_of_the_system() -> None:
    now = real.now()
    assert now.tzinfo is not None
    assert now.utcoffset() == datetime.datetime.now().astimezone().utcoffset()
    assert abs(now - datetime.datetime.now().astimezone()) < datetime.timedelta(minutes=1)


def test_freezegun_does_not_reach_them() -> None:
    freezegun = pytest.importorskip("freezegun")
    with freezegun.freeze_time("2020-01-02"):
        first = real.REAL.monotonic_ns()
        assert real.now().year > 2020
        assert type(real.now()) is real.REAL.datetime
        threading.Event().wait(0.01)
        assert real.REAL.monotonic_ns() > first


def test_two_sockets_are_joined() -> None:
    one, other = real.socketpair()
    with one, other:
        one.sendall(b"word")
        assert other.recv(9) == b"word"
        assert not one.get_inheritable()


def test_popen_is_put_back_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = object()
    monkeypatch.setattr(subprocess, "Popen", stand_in)

    def fail() -> None:
        with popen.restore_popen():
            assert subprocess.Popen is popen.Popen
            raise ValueError("of the test")

    with pytest.raises(ValueError, match="of the test"):
        fail()
    assert subprocess.Popen is stand_in
