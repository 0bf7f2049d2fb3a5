"""Core ML on an M-series Mac: 10 ms to the first sound, and what each of its options does.

    ttsperf run engine:Engine --suite m_series --provider coreml

The target has to take `provider`; its options `provider_options`, `session` and `shapes` are called
as those of the engine of this package's repository. Anywhere else every test is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_ttsperf import Alternatives, Perf, WarmEngine, ttfa
from pytest_ttsperf.suites import m_series
from pytest_ttsperf.suites.limits import limits_of

LIMITS = limits_of("m_series")
Describe = Callable[[str | None], None]


@pytest.fixture(autouse=True)
def mac(request: pytest.FixtureRequest) -> m_series.Host:
    """This Mac; the test is skipped, with what it would have looked at, where it is none."""
    host = m_series.this_host()
    providers = m_series.chosen_providers(
        request.config.getoption("--ttsperf-provider"),
        request.config.getini("ttsperf_provider"),
    )
    reason = m_series.why_skipped(host, providers)
    if reason is not None:
        looked_at = str(request.function.__doc__).splitlines()[0].rstrip(".")
        pytest.skip(f"{looked_at}: {reason}")
    return host


def describe_shares(report: Any, describe: Describe) -> None:
    """A line below the table for each alternative: what Core ML runs of it, or why it runs none.

    Each is compared too; what is proven of it stands in the report of the comparison.
    """
    for alternative in report.alternatives:
        share = m_series.read_share(alternative.placement)
        found = alternative.error or m_series.share_problem(share)
        if found is None and share is not None:
            found = m_series.share_line(share)
        describe(f"{alternative.name}: {found}")


@ttfa(p95_ms=LIMITS["ttfa_p95_ms"])
def test_first_sound(perf: Perf) -> None:
    """The first sound of a warm engine."""
    perf.stream("short")


def test_share(warm_engine: WarmEngine, describe: Describe) -> None:
    """How many nodes Core ML runs, in how many pieces, and what is left to the CPU."""
    share = m_series.read_share(warm_engine.opened.target.inspect().placement)
    problem = m_series.share_problem(share)
    if problem is not None or share is None:
        pytest.fail(str(problem), pytrace=False)
    describe(m_series.share_line(share))


def test_compute_units(alternatives: Alternatives, describe: Describe) -> None:
    """Compute units: all, without the GPU, without the Neural Engine, the CPU alone."""
    lines = [m_series.provider_setting(ml_compute_units=units) for units in m_series.COMPUTE_UNITS]
    describe_shares(alternatives.settings("short", lines), describe)


def test_model_format(alternatives: Alternatives, describe: Describe) -> None:
    """Model formats: MLProgram against NeuralNetwork."""
    lines = [m_series.provider_setting(model_format=each) for each in m_series.MODEL_FORMATS]
    describe_shares(alternatives.settings("short", lines), describe)


def test_static_shapes(alternatives: Alternatives, describe: Describe) -> None:
    """Graphs of fixed shapes against graphs that take any length."""
    lines = [m_series.BUCKETS, m_series.provider_setting(**{m_series.STATIC: True})]
    report = alternatives.settings("short", lines)
    describe_shares(report, describe)
    dynamic, fixed = report.alternatives[:2]
    if fixed.error is not None:
        pytest.fail(f"{fixed.name} does not open: {fixed.error}", pytrace=False)
    problem = m_series.shapes_problem(
        m_series.read_share(dynamic.placement),
        m_series.read_share(fixed.placement),
    )
    if problem is not None:
        pytest.fail(problem, pytrace=False)


def test_model_cache(alternatives: Alternatives, tmp_path: Path) -> None:
    """Cold starts with a folder for compiled models against those without one."""
    line = m_series.provider_setting(model_cache_directory=str(tmp_path))
    # Describing an alternative opens it once, which fills the folder.
    alternatives.settings("short", [line], phase="cold")


def test_arena(alternatives: Alternatives, mac: m_series.Host, describe: Describe) -> None:
    """The memory arena, and whether a Mac of this memory has room for it."""
    report = alternatives.settings("short", [m_series.ARENA])
    directions = {}
    for pair in report.comparisons:
        directions.update({each.metric.label: each.direction for each in pair.figures})
    describe(m_series.arena_line(m_series.memory_class(mac.memory_bytes), directions))
