"""Playing a trial as it was heard: the player waits where it waited, and the cursor shows where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import looking, parts
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PLAYED = "window.playedAtMs"
NOTE_PLAYS = """(figure) => {
  window.playedAtMs = [];
  const cursor = figure.querySelector("[data-part=cursor]");
  figure.querySelector("audio").addEventListener("play", () => {
    window.playedAtMs.push(Number(cursor.dataset.atMs));
  });
}"""
"""Notes where on the time axis the cursor is, whenever the sound begins to play."""
MOVED_MS = 200.0
"""Of the time axis: enough for the cursor to have moved."""


def timeline_with_sound(page: Page) -> Locator:
    timeline = page.locator(parts.FAILING_CELL).locator(parts.FAILING_TIMELINE)
    page.wait_for_function(
        "audio => audio.readyState >= 2", arg=timeline.locator(parts.AUDIO).element_handle()
    )
    return timeline


def at_ms(timeline: Locator) -> float:
    return float(looking.attribute(timeline.locator(parts.CURSOR), "data-at-ms"))


def wait_for_cursor(page: Page, timeline: Locator, beyond_ms: float) -> None:
    """Wait until the cursor has moved beyond a place of the time axis."""
    page.wait_for_function(
        "([cursor, beyond]) => Number(cursor.dataset.atMs) > beyond",
        arg=[timeline.locator(parts.CURSOR).element_handle(), beyond_ms],
    )


def is_pressed(button: Locator) -> bool:
    return looking.attribute(button, "aria-pressed") == "true"


def pieces_of(timeline: Locator) -> list[list[float]]:
    pieces: list[list[float]] = json.loads(looking.attribute(timeline, "data-pieces"))
    return pieces


def test_the_sound_is_as_long_as_the_trial_says(open_page: OpenPage, failing_page: Path) -> None:
    timeline = timeline_with_sound(open_page(failing_page))
    duration_s = float(timeline.locator(parts.AUDIO).evaluate("audio => audio.duration"))
    wanted_ms = sum(length_ms for _, _, length_ms in pieces_of(timeline))
    assert duration_s == pytest.approx(wanted_ms / 1000, abs=0.1)


def test_the_first_sound_and_the_one_after_the_hole_come_as_late_as_in_the_trial(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    timeline = timeline_with_sound(page)
    pieces = pieces_of(timeline)
    timeline.evaluate(NOTE_PLAYS)
    button = timeline.locator(parts.PLAY)
    button.click()
    assert is_pressed(button)
    wait_for_cursor(page, timeline, pieces[-1][0] + MOVED_MS)
    played = page.evaluate(f"() => {PLAYED}")
    assert len(played) == len(pieces) == 2
    for (begins_ms, _, length_ms), played_ms in zip(pieces, played, strict=True):
        assert begins_ms <= played_ms < begins_ms + length_ms / 2


def test_a_sound_that_has_ended_can_be_played_again(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    timeline = timeline_with_sound(page)
    button = timeline.locator(parts.PLAY)
    button.click()
    page.wait_for_function(
        "button => button.getAttribute('aria-pressed') === 'false'", arg=button.element_handle()
    )
    last_ms = pieces_of(timeline)[-1][0]
    assert at_ms(timeline) > last_ms
    button.click()
    page.wait_for_function(
        "([cursor, last]) => cursor.dataset.atMs > 0 && cursor.dataset.atMs < last",
        arg=[timeline.locator(parts.CURSOR).element_handle(), last_ms],
    )
    assert is_pressed(button)


def test_the_cursor_moves_and_stays_where_it_was_stopped(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    timeline = timeline_with_sound(page)
    cursor = timeline.locator(parts.CURSOR)
    assert not cursor.is_visible()
    button = timeline.locator(parts.PLAY)
    button.click()
    begins_ms = pieces_of(timeline)[0][0]
    wait_for_cursor(page, timeline, begins_ms + MOVED_MS)
    assert cursor.is_visible()
    button.click()
    assert not is_pressed(button)
    stopped_ms = at_ms(timeline)
    box = cursor.bounding_box()
    page.wait_for_timeout(200)
    assert at_ms(timeline) == stopped_ms
    assert cursor.bounding_box() == box
    assert timeline.locator(parts.AUDIO).evaluate("audio => audio.paused")


def test_one_sound_plays_at_a_time(open_page: OpenPage, failing_page: Path) -> None:
    page = open_page(failing_page)
    timeline_with_sound(page)
    buttons = page.locator(parts.FAILING_CELL).locator(parts.PLAY)
    assert buttons.count() == 2
    first, second = buttons.all()
    first.click()
    second.click()
    assert [is_pressed(first), is_pressed(second)] == [False, True]


def test_failing_and_median_trials_alone_have_sound(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    looking.open_everything(page)
    with_sound = page.locator(parts.TIMELINE).filter(has=page.locator(parts.AUDIO))
    roles = [looking.attribute(timeline, "data-role") for timeline in with_sound.all()]
    assert sorted(roles) == ["failing", "median"]
    assert page.locator(parts.AUDIO).count() == 2


def test_a_page_without_sound_says_how_to_get_it(open_page: OpenPage, silent_page: Path) -> None:
    page = open_page(silent_page)
    looking.open_everything(page)
    assert page.locator(parts.AUDIO).count() == 0
    assert page.locator(parts.PLAY).count() == 0
    reason = page.locator(parts.FAILING_CELL).locator(parts.FAILING_TIMELINE)
    assert "--ttsperf-save-audio" in reason.locator(parts.NO_SOUND).inner_text()
