"""What others did is told apart from what we did, and what cannot be told is None with a reason."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest
from msgspec import structs

from pytest_ttsperf.machine import load
from pytest_ttsperf.records import SystemLoad
from tests.unit.cpu_burner import WORK, stranger

FIELDS = set(SystemLoad.__struct_fields__) - {"unmeasured"}


def test_every_field_is_measured_or_has_a_reason():
    sky = load.LoadMonitor().so_far(at_least_s=0.1)
    missing = {name for name in FIELDS if getattr(sky, name) is None}
    assert missing == set(sky.unmeasured)
    assert all(sky.unmeasured.values())


def test_too_short_a_time_is_not_measured():
    sky = load.LoadMonitor().so_far()
    assert sky.others_cores is None
    assert "had passed" in sky.unmeasured["others_cores"]


def test_a_system_that_tells_nothing_gives_none_and_not_zero(tmp_path):
    sky = load.LoadMonitor(root=tmp_path).so_far(at_least_s=0.1)
    for name in ("governor", "memory_stall_share", "thermal_throttles", "quota_wait_s"):
        assert getattr(sky, name) is None
        assert name in sky.unmeasured


def test_what_the_system_counts_is_told_as_what_it_grew_by(tmp_path):
    pressure = tmp_path / "proc/pressure/memory"
    heat = tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    policy = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    for path in (pressure, heat, policy):
        path.parent.mkdir(parents=True)
    pressure.write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\nfull total=7\n")
    heat.write_text("40\n")
    policy.write_text("powersave\n")
    watch = load.LoadMonitor(root=tmp_path)
    pressure.write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=1050000\nfull total=7\n")
    heat.write_text("43\n")
    sky = watch.so_far(at_least_s=0.1)
    assert sky.memory_stall_share == pytest.approx(0.05 / sky.seconds, abs=0.02)
    assert sky.thermal_throttles == 3
    assert sky.governor == "powersave"


@pytest.mark.starts
def test_a_process_counts_as_others_unless_it_is_the_targets():
    with stranger() as pid:
        apart, ours = load.LoadMonitor(), load.LoadMonitor(also=[pid])
        with_it = apart.so_far(at_least_s=0.5).others_cores
        without_it = ours.so_far().others_cores
    assert with_it > without_it


@pytest.mark.starts
def test_what_our_children_do_is_ours():
    child = subprocess.Popen([sys.executable, "-c", WORK])
    try:
        ours = load.LoadMonitor()
        blind = ours._start.ours_s
        sky = ours.so_far(at_least_s=0.5)
        spent = load._cpu_time_of_tree_s([]) - blind
    finally:
        child.kill()
        child.wait()
    # The child took part of a core, and its time is on our side of the bill.
    assert spent > 0
    assert sky.others_cores is not None


@pytest.mark.starts
def test_a_quiet_machine_has_less_of_it_than_a_busy_one():
    quiet, busy = [], []
    for _ in range(3):
        quiet.append(load.LoadMonitor().so_far(at_least_s=0.3).others_cores)
        with stranger():
            busy.append(load.LoadMonitor().so_far(at_least_s=0.3).others_cores)
    if min(quiet) > len(os.sched_getaffinity(0)) - 0.5:
        pytest.skip("others keep every core busy, so none is left to be made busy")
    assert min(quiet) < max(busy)


SKY = SystemLoad(
    load_1m=1.0, steal_share=0.1, swap_used_share=None, governor="performance", seconds=1.0,
    others_cores=0.2, swapped_mb=1.0, memory_stall_share=None, thermal_throttles=1,
    unmeasured={"memory_stall_share": "why"},
)  # fmt: skip


def test_two_stretches_are_joined_by_their_lengths():
    other = structs.replace(SKY, seconds=3.0, others_cores=1.0, steal_share=0.0, swapped_mb=2.0)
    both = load.merge_loads(SKY, other)
    assert both.seconds == 4.0
    assert both.others_cores == pytest.approx(0.8)
    assert both.steal_share == pytest.approx(0.025)
    assert both.swapped_mb == 3.0
    assert both.thermal_throttles == 2
    assert both.memory_stall_share is None
    assert both.unmeasured["memory_stall_share"] == "why"


def test_joining_with_nothing():
    assert load.merge_loads(None, None) is None
    assert load.merge_loads(SKY, None) == SKY
    assert load.merge_loads(None, SKY) == SKY
    assert load.merge_loads(structs.replace(SKY, seconds=None), SKY) == SKY


def test_files_that_are_not_understood_give_none_with_a_reason(tmp_path):
    cpus = tmp_path / "sys/devices/system/cpu"
    (cpus / "cpu0/cpufreq/scaling_governor").mkdir(parents=True)  # cannot be read as a file
    heat = cpus / "cpu0/thermal_throttle/core_throttle_count"
    pressure = tmp_path / "proc/pressure/memory"
    for path in (heat, pressure):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\xffmany\n")
    sky = load.LoadMonitor(root=tmp_path).so_far(at_least_s=0.1)
    for name in ("governor", "thermal_throttles", "memory_stall_share"):
        assert getattr(sky, name) is None
        assert sky.unmeasured[name]


def test_a_system_whose_proc_is_closed(tmp_path, monkeypatch):
    # psutil itself, that finds none of its files.
    monkeypatch.setattr("psutil.PROCFS_PATH", str(tmp_path))
    sky = load.LoadMonitor().so_far(at_least_s=0.1)
    for name in ("others_cores", "steal_share"):
        assert getattr(sky, name) is None
        assert "does not let its CPU times be read" in sky.unmeasured[name]
    for name in ("swap_used_share", "swapped_mb"):
        assert name in sky.unmeasured
    assert sky.seconds


def test_our_own_times_that_cannot_be_read_are_not_taken_for_others(monkeypatch):
    def refuse(_):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "cpu_times", refuse)
    sky = load.LoadMonitor().so_far(at_least_s=0.1)
    assert sky.others_cores is None
    assert "of our processes" in sky.unmeasured["others_cores"]


def test_a_load_average_that_is_refused(monkeypatch):
    def refuse():
        raise OSError("not here")

    monkeypatch.setattr(os, "getloadavg", refuse)
    sky = load.LoadMonitor().so_far()
    assert sky.load_1m is None
    assert "load average" in sky.unmeasured["load_1m"]
