"""The plugin's door into pytest: each hook fetches, calls and hands over."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_ttsperf import popen  # noqa: F401  (before any test can replace what it has)
from pytest_ttsperf.errors import LimitError, RevisionError
from pytest_ttsperf.plugin import (
    fixtures,
    judging,
    listeners,
    markers,
    option_table,
    options,
    reports,
    run_state,
    summary,
    usage,
)

SUMMARY = pytest.StashKey[summary.RunSummary]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--ttsperf-*` and the ini lines."""
    option_table.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options, declare the marks, and register the fixtures."""
    manager = config.pluginmanager
    run_summary = summary.RunSummary(config)
    config.stash[run_state.RUN] = run_state.RunState(config, options.read(config))
    config.stash[SUMMARY] = run_summary
    manager.register(run_summary, "ttsperf-summary")
    manager.register(fixtures, "ttsperf-fixtures")
    usage.yield_to_others(manager, fixtures)
    for name, description in markers.DESCRIPTIONS.items():
        separator = "" if description.startswith("(") else ": "
        config.addinivalue_line("markers", f"{name}{separator}{description}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise by provider and listeners, without importing any engine; the id names both."""
    if not usage.uses_ours(metafunc.definition):
        return
    # An older pytest overlooks what a fixture rests on that is overridden and asked for again.
    unseen = [name for name in usage.INTERNAL if name not in metafunc.fixturenames]
    metafunc.fixturenames.extend(unseen)
    chosen = run_state.run_state_of(metafunc.config).options
    ids = [name or "default" for name in chosen.providers]
    metafunc.parametrize("_ttsperf_provider", chosen.providers, indirect=True, ids=ids)
    listeners.parametrize(metafunc, chosen)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a target that a test is parametrised with, if it holds a secret, without it."""
    return reports.parameter_id(val)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Check the marks, and add `perf` before -m selects."""
    try:
        markers.check(item)
    except LimitError as error:
        raise pytest.UsageError(str(error)) from error
    if markers.is_perf(item):
        item.add_marker(pytest.mark.perf)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say how long the performance tests will take."""
    config = session.config
    perf_items = [item for item in session.items if markers.is_perf(item)]
    selected = [listeners.name_test(item) for item in perf_items]
    config.stash[SUMMARY].selected = selected
    if not selected or config.getoption("collectonly"):
        return
    run = run_state.run_state_of(config)
    try:
        run.prepare()
    except (RevisionError, LimitError) as error:
        raise pytest.UsageError(str(error)) from error
    summary.announce_duration(run, selected)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse to measure beside other workers of pytest-xdist."""
    if usage.uses_ours(item):
        run_state.refuse_beside_workers(item.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Forget after the last attempt at a test what only another one would need."""
    done = yield
    if run_state.STATE in item.stash:
        run_state.state_of(item).comparisons.clear()
    return done


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge after the body, also after its exception; one failure lists every unmet limit."""
    try:
        outcome = yield
    except BaseException as error:
        judging.after_exception(item, error)
        raise
    judging.after_body(item)
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send along what was measured, for the summary (over process borders under xdist)."""
    report = yield
    if run_state.STATE in item.stash:
        report.ttsperf = run_state.report_data(run_state.state_of(item))  # type: ignore[attr-defined]
        reports.scrub(report)
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Finish the artifact; a run that skipped every performance test has not passed."""
    run_state.run_state_of(session.config).finish()
    session.config.stash[SUMMARY].settle(session, exitstatus)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, the remarks and where the artifact is."""
    terminalreporter.config.stash[SUMMARY].print(terminalreporter)
