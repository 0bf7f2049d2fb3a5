"""The tool that takes pictures for the documentation takes those that were wanted."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium
from tools import screenshots

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, which stand in its first part."""
    head = path.read_bytes()[:24]
    assert head.startswith(SIGNATURE)
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.mark.parametrize("viewport", chromium.VIEWPORTS, ids=lambda viewport: viewport.name)
def test_a_picture_is_as_large_as_its_window_and_differs_by_theme(
    browser: Browser, failing_page: Path, tmp_path: Path, viewport: chromium.Viewport
) -> None:
    bodies = set()
    for theme in chromium.THEMES:
        shot = screenshots.Shot(viewport, theme)
        assert screenshots.take(browser, failing_page, shot, tmp_path) == []
        path = tmp_path / shot.file_name
        assert size_of(path) == (viewport.width, viewport.height)
        assert list(screenshots.too_large([path])) == []
        bodies.add(path.read_bytes())
    assert len(bodies) == 2


def test_a_picture_of_the_cells_has_the_filter_and_a_cell_that_passes(
    browser: Browser, failing_page: Path, passing_page: Path, tmp_path: Path
) -> None:
    for shot in screenshots.CELL_SHOTS:
        assert screenshots.take(browser, failing_page, shot, tmp_path) == []
        size = size_of(tmp_path / shot.file_name)
        assert size == (shot.viewport.width, shot.viewport.height)
        assert screenshots.take(browser, passing_page, shot, tmp_path) == [
            "found no cell that fails in view, wanted a cell that fails"
        ]
