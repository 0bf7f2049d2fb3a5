"""Systems that do not let themselves be looked at: measured, and what is missing is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ttsperf.targets import tracing
from tests.plugin.conftest import Project

TEST = "@trials(3)\n@ttfa(max_ms=60000)\ndef test_x(perf): perf.stream('short')"
CLOSE = """
set -e
for file in $1; do mount --bind closed "$file"; done; shift
exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"
"""
"""Files that not even root may read, in mounts of its own."""


@pytest.fixture
def closed(project: Project) -> Project:
    (project.path / "closed").write_text("")
    (project.path / "close.sh").write_text(CLOSE)
    os.chmod(project.path / "closed", 0)
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("files of the system can only be closed by root, with util-linux")
    os.chown(project.path / "closed", 12345, 12345)
    if run(project, "/proc/stat", "cat", "/proc/uptime").returncode:
        pytest.skip("no mounts of one's own here")
    if not run(project, "/proc/stat", "cat", "/proc/stat").returncode:
        pytest.skip("root cannot be kept from reading here")
    return project


def run(project: Project, files: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "bash", "close.sh", files, *command],
        cwd=project.path,
        env={
            **tracing.without_coverage(os.environ),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(project.path), *sys.path])),
        },
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "closed_files",
    [
        "/proc/stat",
        "/proc/meminfo /proc/loadavg /proc/uptime",
        "/proc/vmstat /proc/cpuinfo /proc/swaps",
    ],
)
def test_a_closed_file_costs_one_figure(closed: Project, closed_files: str) -> None:
    """Those that are closed together are read for different figures."""
    files = [file for file in closed_files.split() if Path(file).exists()]
    if not files:
        pytest.skip(f"this system has none of {closed_files}")
    closed.test(TEST)
    done = run(closed, " ".join(files), sys.executable, "-m", "pytest", "-p", "no:randomly")
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = closed.cells()
    assert cell["summary"]["ttfa_ms"]["n"] == 3
    if files == ["/proc/stat"]:
        assert cell["weather"]["others_cores"] is None
        assert "CPU times" in cell["weather"]["unmeasured"]["others_cores"]
        assert "other load not measured (this system does not let its CPU times" in done.stdout
        assert cell["memory"]["rss_peak_mb"] > 1, "the engine's memory can be read"
