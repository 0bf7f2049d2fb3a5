"""The time axis: what happened when, of the trials that explain a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import looking, parts
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WITHIN = 0.01
"""Of the width of a drawing: a line has a width of its own."""


def failing_timeline(page: Page) -> Locator:
    return page.locator(parts.FAILING_CELL).locator(parts.FAILING_TIMELINE)


def pieces_of(timeline: Locator) -> list[list[float]]:
    """`[at, audio, length]` of what plays without a stop, in ms."""
    found: list[list[float]] = json.loads(looking.attribute(timeline, "data-pieces"))
    return found


def end_ms_of(timeline: Locator) -> float:
    return float(looking.attribute(timeline.locator(parts.SLOT), "data-end"))


def extent_of(shape: Locator) -> tuple[float, float]:
    """Where a shape begins and ends, as shares of the width of its drawing."""
    box = shape.bounding_box()
    drawing = shape.locator("xpath=..").bounding_box()
    assert box is not None
    assert drawing is not None
    left = (box["x"] - drawing["x"]) / drawing["width"]
    return left, left + box["width"] / drawing["width"]


def test_a_failing_trial_is_drawn_with_all_that_explains_it(
    open_page: OpenPage, failing_page: Path
) -> None:
    timeline = failing_timeline(open_page(failing_page))
    assert timeline.count() == 1
    assert timeline.locator(parts.CHUNK).count() == 4
    assert timeline.locator(parts.HOLE).count() == 1
    assert timeline.locator(parts.JOINT).count() == 3
    # text, phonemes, and the synthesis of each chunk
    assert timeline.locator(parts.STAGE).count() == 6
    for part in (parts.BUFFER, parts.WAVEFORM):
        assert timeline.locator(part).is_visible()


def test_the_hole_is_where_the_player_has_nothing_to_play(
    open_page: OpenPage, failing_page: Path
) -> None:
    timeline = failing_timeline(open_page(failing_page))
    before, after = pieces_of(timeline)
    end_ms = end_ms_of(timeline)
    left, right = extent_of(timeline.locator(parts.HOLE))
    assert left == pytest.approx((before[0] + before[2]) / end_ms, abs=WITHIN)
    assert right == pytest.approx(after[0] / end_ms, abs=WITHIN)
    assert after[0] - before[0] - before[2] == pytest.approx(350.0, abs=1.0)


def test_the_waveform_begins_when_the_player_does(open_page: OpenPage, failing_page: Path) -> None:
    timeline = failing_timeline(open_page(failing_page))
    left, right = extent_of(timeline.locator(parts.WAVEFORM))
    pieces = pieces_of(timeline)
    end_ms = end_ms_of(timeline)
    assert left == pytest.approx(pieces[0][0] / end_ms, abs=WITHIN)
    assert right == pytest.approx((pieces[-1][0] + pieces[-1][2]) / end_ms, abs=WITHIN)


def test_the_old_version_stands_above_the_new_one_on_the_same_axis(
    open_page: OpenPage, failing_page: Path
) -> None:
    page = open_page(failing_page)
    timelines = page.locator(parts.FAILING_CELL).locator(parts.TIMELINE).all()
    arms = [looking.attribute(timeline, "data-arm") for timeline in timelines]
    assert arms[:2] == ["baseline", "candidate"]
    assert set(arms[1:]) == {"candidate"}
    heights = []
    for timeline in timelines:
        box = timeline.bounding_box()
        assert box is not None
        heights.append(box["y"])
    assert heights == sorted(heights)
    assert len({end_ms_of(timeline) for timeline in timelines}) == 1


def test_each_drawing_says_in_words_what_it_shows(open_page: OpenPage, failing_page: Path) -> None:
    timeline = failing_timeline(open_page(failing_page))
    drawings = timeline.get_by_role("img")
    texts = [looking.attribute(drawing, "aria-label") for drawing in drawings.all()]
    assert all(texts)
    assert any("stops once, for 350" in text for text in texts)
    assert any("4 chunks" in text for text in texts)


def test_an_axis_that_is_much_longer_than_its_work_has_a_view_of_the_beginning(
    open_page: OpenPage, passing_page: Path
) -> None:
    page = open_page(passing_page)
    cell = page.locator(parts.CELL).first
    timeline = cell.locator(parts.TIMELINE).first
    buttons = cell.locator(parts.VIEW_BUTTONS)
    assert buttons.count() == 2
    short_ms = end_ms_of(timeline)
    buttons.nth(1).click()
    whole_ms = end_ms_of(timeline)
    assert whole_ms > 3 * short_ms / 1.15
    assert looking.attribute(buttons.nth(0), "aria-pressed") == "false"
    assert looking.attribute(buttons.nth(1), "aria-pressed") == "true"
    assert timeline.locator(parts.CHUNK).count() == 4
    buttons.nth(0).click()
    assert end_ms_of(timeline) == short_ms
    assert timeline.locator(parts.STAGE).last.is_visible()
