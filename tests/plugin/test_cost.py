"""What the plugin costs those who measure nothing: next to no imports."""

from __future__ import annotations

import subprocess
import sys

from tests.plugin.conftest import Project

HEAVY = ("numpy", "scipy", "msgspec", "psutil", "cpuinfo", "filelock", "engine", "av")
CLIENT = ("http.client",)


def test_a_suite_without_perf_tests_imports_nothing_heavy(project: Project) -> None:
    project.pytester.makeconftest(
        f"""
        import sys
        def pytest_sessionfinish(session):
            print("LOADED", [name for name in {(*HEAVY, *CLIENT)!r} if name in sys.modules])
        """
    )
    project.test("def test_x(): pass")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "no:randomly", "-p", "no:benchmark",
         "-p", "no:hypothesispytest", "-p", "no:xdist"],
        cwd=project.path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "LOADED []" in done.stdout
