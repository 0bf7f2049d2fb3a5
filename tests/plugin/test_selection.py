"""The repository's own conftest: perf tests run when asked for, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.conftest import QUIET_ASYNCIO

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    source = (REPOSITORY / "conftest.py").read_text()
    pytester.makeconftest(source)
    pytester.makeini(f"[pytest]\nttsperf_target = nothing:here\n{QUIET_ASYNCIO}\n")
    pytester.makepyfile(
        test_a="""
        import pytest
        @pytest.mark.parametrize("x", [1, 2])
        @pytest.mark.perf
        def test_slow(x): pass
        @pytest.mark.perf
        def test_slow_too(): pass
        def test_quick(): pass
        """
    )
    return pytester


@pytest.mark.parametrize(
    ("arguments", "passed", "deselected"),
    [
        ([], 1, 3),
        (["test_a.py"], 1, 3),
        (["-m", "not slow"], 1, 3),
        (["-m", "perf"], 3, 1),
        (["-m", "not perf"], 1, 3),
        (["test_a.py::test_slow"], 2, 0),
        (["test_a.py::test_slow[2]"], 1, 0),
        (["test_a.py::test_slow_too", "test_a.py::test_quick"], 2, 0),
        (["-k", "slow"], 0, 4),
    ],
)
def test_selection(
    suite: pytest.Pytester, arguments: list[str], passed: int, deselected: int
) -> None:
    suite.runpytest("-p", "no:randomly", *arguments).assert_outcomes(
        passed=passed, deselected=deselected
    )
