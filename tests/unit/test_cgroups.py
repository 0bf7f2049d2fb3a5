"""Quotas as control groups of both versions tell them, from folders laid out like theirs."""

from __future__ import annotations

import pytest

from pytest_ttsperf import cgroups


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
