"""Pages of scripted runs, written as a run writes its own: beside its artifact and its sound."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from pytest_ttsperf.experiment import saved_sound
from pytest_ttsperf.report.artifact import ArtifactWriter
from pytest_ttsperf.report.pages import write_pages
from tests.browser.runs import ScriptedRun

STARTED = datetime(2026, 11, 30, 10, 19, 59, tzinfo=UTC)


def find_missing() -> str | None:
    """What is missing for a page to be drawn with its sound, with the remedy; None for nothing."""
    for module in ("jinja2", "av"):
        if find_spec(module) is None:
            return f"found no module {module}, wanted it; run `pip install -e '.[report]'`"
    return None


def write(scripted: ScriptedRun, folder: Path) -> Path:
    """Write the artifact, the sound and the pages of a run; gives the path of the HTML.

    OSError where one of them cannot be written, with the reason.
    """
    writer = ArtifactWriter(folder, STARTED)
    losses = [*writer.write(scripted.run, is_last=True)]
    for cell, recordings in scripted.sounds.items():
        sound_folder = writer.sound_folder(cell.test, cell.preset, cell.mode, cell.phase)
        for index, recording in recordings.items():
            saved_sound.save_sound(sound_folder, index, recording)
    written = write_pages(scripted.run, writer.run_path)
    losses += written.losses
    if losses:
        raise OSError(f"a scripted run cannot be written: {losses}")
    return written.paths[0]
