"""Pages of scripted runs, written as a run writes its own: beside its artifact and its sound."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pytest_ttsperf.experiment import saved_sound
from pytest_ttsperf.report import page_build
from pytest_ttsperf.report.artifact import ArtifactWriter
from pytest_ttsperf.report.html import page as html_page
from tests.browser.runs import ScriptedRun

STARTED = datetime(2026, 11, 30, 10, 19, 59, tzinfo=UTC)


def write(scripted: ScriptedRun, folder: Path) -> Path:
    """Write the artifact, the sound and the page of a run; gives the path of the page."""
    writer = ArtifactWriter(folder, STARTED)
    losses = writer.write(scripted.run, is_last=True)
    if losses:
        raise OSError(f"the artifact of a scripted run cannot be written: {losses}")
    for cell, recordings in scripted.sounds.items():
        sound_folder = writer.sound_folder(cell.test, cell.preset, cell.mode, cell.phase)
        for index, recording in recordings.items():
            saved_sound.save_sound(sound_folder, index, recording)
    page = writer.run_path.with_name("report.html")
    model = page_build.build(scripted.run, writer.run_path)
    page.write_text(html_page.render(model), "utf-8")
    return page
