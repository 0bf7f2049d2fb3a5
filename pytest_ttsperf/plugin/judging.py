"""When a test is judged: after its body, also after an exception, however that is noted."""

from __future__ import annotations

import pytest

from pytest_ttsperf.plugin import markers, run_state


def after_body(item: pytest.Item) -> None:
    """Fail the test with all that is unmet.

    A case of unittest raises nothing: pytest notes its exceptions in the item, and the report of
    the call takes the first of them in the place of whatever is raised here.
    """
    noted = getattr(item, "_excinfo", None)
    if not noted:
        unmet = _judge(item, body_raised=False)
        if unmet:
            pytest.fail(unmet, pytrace=False)
        return
    try:
        after_exception(item, noted[0].value)
    except pytest.fail.Exception:
        noted.clear()
        raise


def after_exception(item: pytest.Item, error: BaseException) -> None:
    """Add to the exception of a body what is unmet; fail a test that then skipped itself."""
    unmet = _judge(item, body_raised=True)
    if unmet and isinstance(error, pytest.skip.Exception):
        pytest.fail(f"{unmet}\n\n(then the test skipped itself: {error})", pytrace=False)
    if unmet:
        error.add_note(unmet)


def _judge(item: pytest.Item, *, body_raised: bool) -> str | None:
    """What is unmet in a performance test, or in one that asked for our fixtures by name."""
    if not markers.is_perf(item) and run_state.STATE not in item.stash:
        return None
    return run_state.state_of(item).judge(body_raised)
