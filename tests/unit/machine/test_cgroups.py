"""Quotas as control groups of both versions tell them, from folders laid out like theirs."""

from __future__ import annotations

import pytest

from pytest_ttsperf.machine import cgroups


def lay(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


def test_version_2(tmp_path):
    group = tmp_path / "sys/fs/cgroup/pod/box"
    lay(tmp_path, proc__self__cgroup="0::/pod/box")
    lay(group, **{"cpu.max": "150000 100000", "cpu.stat": "usage_usec 9\nthrottled_usec 2500000"})
    assert cgroups.cpu_quota(tmp_path) == 1.5
    assert cgroups.throttled_s(tmp_path) == 2.5


def test_version_1(tmp_path):
    lay(tmp_path, proc__self__cgroup="9:name=systemd:/\n1:cpu,cpuacct:/box")
    group = tmp_path / "sys/fs/cgroup/cpu/box"
    lay(group, **{"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"})
    lay(group, **{"cpu.stat": "nr_throttled 3\nthrottled_time 4000000000"})
    assert cgroups.cpu_quota(tmp_path) == 0.5
    assert cgroups.throttled_s(tmp_path) == 4.0


def test_the_narrowest_of_the_parents_binds(tmp_path):
    lay(tmp_path, proc__self__cgroup="0::/pod/box")
    lay(tmp_path / "sys/fs/cgroup/pod", **{"cpu.max": "100000 100000"})
    lay(tmp_path / "sys/fs/cgroup/pod/box", **{"cpu.max": "300000 100000"})
    assert cgroups.cpu_quota(tmp_path) == 1.0


@pytest.mark.parametrize("limit", ["max 100000", "max"])
def test_no_limit_is_no_quota(tmp_path, limit):
    lay(tmp_path, proc__self__cgroup="0::/")
    lay(tmp_path / "sys/fs/cgroup", **{"cpu.max": limit})
    assert cgroups.cpu_quota(tmp_path) is None


def test_a_system_without_control_groups_tells_nothing(tmp_path):
    assert cgroups.cpu_quota(tmp_path) is None
    assert cgroups.throttled_s(tmp_path) is None


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_controllers_that_are_mounted_together(tmp_path, folder, controllers):
    lay(tmp_path, proc__self__cgroup=f"4:{controllers}:/box")
    group = tmp_path / "sys/fs/cgroup" / folder / "box"
    lay(group, **{"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000"})
    lay(group, **{"cpu.stat": "nr_periods 9\nthrottled_time 4000000000"})
    assert cgroups.cpu_quota(tmp_path) == 0.5
    assert cgroups.throttled_s(tmp_path) == 4.0


def test_both_versions_side_by_side(tmp_path):
    lay(tmp_path, proc__self__cgroup="4:cpu,cpuacct:/box\n1:name=systemd:/box\n0::/box")
    lay(tmp_path / "sys/fs/cgroup/cpu/box", **{"cpu.cfs_quota_us": "-1"})
    lay(tmp_path / "sys/fs/cgroup/unified/box", **{"cpu.max": "200000 100000"})
    assert cgroups.cpu_quota(tmp_path) == 2.0


@pytest.mark.parametrize("path", ["/../..", "/../../other", "/..", "//"])
def test_a_group_outside_of_what_can_be_seen(tmp_path, path):
    lay(tmp_path, proc__self__cgroup=f"0::{path}")
    lay(tmp_path / "sys/fs/cgroup", **{"cpu.max": "100000 100000"})
    lay(tmp_path, **{"cpu.max": "1 100000"})
    lay(tmp_path / "sys/fs", **{"cpu.max": "1 100000"})
    lay(tmp_path / "sys", **{"cpu.max": "1 100000"})
    assert cgroups.cpu_quota(tmp_path) == 1.0


@pytest.mark.parametrize("line", ["", "0:", "0", "::", "x::/", "junk", "7:cpu", "\x00\x01"])
def test_lines_of_an_odd_shape_are_passed_over(tmp_path, line):
    lay(tmp_path, proc__self__cgroup=f"{line}\n0::/box")
    lay(tmp_path / "sys/fs/cgroup/box", **{"cpu.max": "100000 100000"})
    assert cgroups.cpu_quota(tmp_path) == 1.0


@pytest.mark.parametrize(
    "limit", ["", "100000 0", "0 100000", "-5 100000", "much", "100000 often", "1e5 100000"]
)
def test_a_limit_that_is_not_understood_is_none(tmp_path, limit):
    lay(tmp_path, proc__self__cgroup="0::/\n4:cpu:/")
    lay(tmp_path / "sys/fs/cgroup", **{"cpu.max": limit, "cpu.stat": "throttled_usec soon"})
    lay(tmp_path / "sys/fs/cgroup/cpu", **{"cpu.cfs_quota_us": limit})
    assert cgroups.cpu_quota(tmp_path) is None
    assert cgroups.throttled_s(tmp_path) is None


def test_files_that_are_no_text(tmp_path):
    lay(tmp_path, proc__self__cgroup="0::/")
    for name in ("cpu.max", "cpu.stat"):
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xfe")
    assert cgroups.cpu_quota(tmp_path) is None
    assert cgroups.throttled_s(tmp_path) is None
