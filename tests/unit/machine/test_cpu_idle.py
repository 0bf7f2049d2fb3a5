"""Keeping processors from idling, by the system's own device where this user may write to it."""

import struct
from pathlib import Path

import pytest

from pytest_ttsperf.machine.cpu_idle import DEVICE, can_inhibit_cpu_idle, inhibit_cpu_idle


def latency_us() -> int:
    """What the system tolerates at this moment."""
    return int(struct.unpack("=i", DEVICE.read_bytes()[:4])[0])


def test_it_is_asked_for_while_it_is_held(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_bytes(b"none")
    with inhibit_cpu_idle(device) as is_awake:
        assert is_awake
        assert device.read_bytes() == struct.pack("=i", 0)
    assert can_inhibit_cpu_idle(device) is True


def test_a_system_that_has_no_device_or_refuses_says_so(tmp_path: Path) -> None:
    with inhibit_cpu_idle(tmp_path / "missing") as is_awake:
        assert not is_awake
    assert can_inhibit_cpu_idle(tmp_path / "missing") is None
    assert can_inhibit_cpu_idle(tmp_path) is False, (
        "a folder cannot be written to, not even by root"
    )


def test_an_error_meanwhile_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine") as raised, inhibit_cpu_idle(tmp_path / "missing"):
        raise OSError("mine")
    assert raised.value.__context__ is None


@pytest.mark.skipif(can_inhibit_cpu_idle() is not True, reason="this user may not write to it")
def test_the_system_grants_it_and_forgets_it() -> None:
    before = latency_us()
    with inhibit_cpu_idle():
        assert latency_us() == 0
    assert latency_us() == before
