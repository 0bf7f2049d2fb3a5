"""The plugin's one door to what is slow to import: a module is imported when it is first used.

A suite without performance tests pays for nothing behind it; tests/plugin/test_cost.py holds that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pytest_ttsperf.late import importer

if TYPE_CHECKING:
    import pytest_ttsperf.alternatives.comparison
    import pytest_ttsperf.alternatives.providers
    import pytest_ttsperf.alternatives.report
    import pytest_ttsperf.alternatives.settings
    import pytest_ttsperf.endurance.cell
    import pytest_ttsperf.endurance.crowd
    import pytest_ttsperf.endurance.journal
    import pytest_ttsperf.endurance.plan
    import pytest_ttsperf.endurance.progress
    import pytest_ttsperf.endurance.verdicts
    import pytest_ttsperf.load.cell
    import pytest_ttsperf.load.comparison
    import pytest_ttsperf.load.pooling
    import pytest_ttsperf.load.report
    import pytest_ttsperf.records.cell
    from pytest_ttsperf import records as records
    from pytest_ttsperf.alternatives import candidates as candidates
    from pytest_ttsperf.baseline import admission as admission
    from pytest_ttsperf.baseline import screening as screening
    from pytest_ttsperf.baseline import store as store
    from pytest_ttsperf.compare import absence as absence
    from pytest_ttsperf.compare import cells as cells
    from pytest_ttsperf.experiment import cell as cell
    from pytest_ttsperf.experiment import plan as plan
    from pytest_ttsperf.experiment import trial as trial
    from pytest_ttsperf.experiment import trial_timelines as trial_timelines
    from pytest_ttsperf.experiment import warm as warm
    from pytest_ttsperf.load import barge_in as barge_in
    from pytest_ttsperf.load import capacity as capacity
    from pytest_ttsperf.load import capacity_cell as capacity_cell
    from pytest_ttsperf.load import window_blocks as window_blocks
    from pytest_ttsperf.machine import environment as environment
    from pytest_ttsperf.report import artifact as artifact
    from pytest_ttsperf.report import brief as brief
    from pytest_ttsperf.report import layout as layout
    from pytest_ttsperf.report import pages as pages
    from pytest_ttsperf.report import rows as rows
    from pytest_ttsperf.report import terminal as terminal
    from pytest_ttsperf.report import trace_events as trace_events
    from pytest_ttsperf.sound_quality import function_process as function_process
    from pytest_ttsperf.targets.server import run_options as run_options

    alternative_comparison = pytest_ttsperf.alternatives.comparison
    alternative_providers = pytest_ttsperf.alternatives.providers
    alternative_report = pytest_ttsperf.alternatives.report
    alternative_settings = pytest_ttsperf.alternatives.settings
    load_cell = pytest_ttsperf.load.cell
    load_comparison = pytest_ttsperf.load.comparison
    load_pooling = pytest_ttsperf.load.pooling
    load_report = pytest_ttsperf.load.report
    records_cell = pytest_ttsperf.records.cell
    soak_cell = pytest_ttsperf.endurance.cell
    soak_crowd = pytest_ttsperf.endurance.crowd
    soak_journal = pytest_ttsperf.endurance.journal
    soak_plan = pytest_ttsperf.endurance.plan
    soak_progress = pytest_ttsperf.endurance.progress
    soak_verdicts = pytest_ttsperf.endurance.verdicts

MODULES = {
    "absence": "pytest_ttsperf.compare.absence",
    "alternative_comparison": "pytest_ttsperf.alternatives.comparison",
    "alternative_providers": "pytest_ttsperf.alternatives.providers",
    "alternative_report": "pytest_ttsperf.alternatives.report",
    "alternative_settings": "pytest_ttsperf.alternatives.settings",
    "admission": "pytest_ttsperf.baseline.admission",
    "artifact": "pytest_ttsperf.report.artifact",
    "barge_in": "pytest_ttsperf.load.barge_in",
    "brief": "pytest_ttsperf.report.brief",
    "candidates": "pytest_ttsperf.alternatives.candidates",
    "capacity": "pytest_ttsperf.load.capacity",
    "capacity_cell": "pytest_ttsperf.load.capacity_cell",
    "cell": "pytest_ttsperf.experiment.cell",
    "cells": "pytest_ttsperf.compare.cells",
    "environment": "pytest_ttsperf.machine.environment",
    "function_process": "pytest_ttsperf.sound_quality.function_process",
    "layout": "pytest_ttsperf.report.layout",
    "load_cell": "pytest_ttsperf.load.cell",
    "load_comparison": "pytest_ttsperf.load.comparison",
    "load_pooling": "pytest_ttsperf.load.pooling",
    "load_report": "pytest_ttsperf.load.report",
    "pages": "pytest_ttsperf.report.pages",
    "plan": "pytest_ttsperf.experiment.plan",
    "records": "pytest_ttsperf.records",
    "records_cell": "pytest_ttsperf.records.cell",
    "rows": "pytest_ttsperf.report.rows",
    "run_options": "pytest_ttsperf.targets.server.run_options",
    "screening": "pytest_ttsperf.baseline.screening",
    "soak_cell": "pytest_ttsperf.endurance.cell",
    "soak_crowd": "pytest_ttsperf.endurance.crowd",
    "soak_journal": "pytest_ttsperf.endurance.journal",
    "soak_plan": "pytest_ttsperf.endurance.plan",
    "soak_progress": "pytest_ttsperf.endurance.progress",
    "soak_verdicts": "pytest_ttsperf.endurance.verdicts",
    "store": "pytest_ttsperf.baseline.store",
    "terminal": "pytest_ttsperf.report.terminal",
    "trace_events": "pytest_ttsperf.report.trace_events",
    "trial": "pytest_ttsperf.experiment.trial",
    "trial_timelines": "pytest_ttsperf.experiment.trial_timelines",
    "warm": "pytest_ttsperf.experiment.warm",
    "window_blocks": "pytest_ttsperf.load.window_blocks",
}

if not TYPE_CHECKING:  # to a type checker a name that is missing here is an error
    __getattr__ = importer(__name__, MODULES)


def load_all() -> None:
    """Import everything now: in a test that has stopped time it would be with false clocks."""
    for name in MODULES.values():
        importlib.import_module(name)
