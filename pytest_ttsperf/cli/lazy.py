"""The command's one door to what is slow to import: `ttsperf --help` pays for nothing behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ttsperf.late import importer

if TYPE_CHECKING:
    import pytest_ttsperf.baseline.report
    import pytest_ttsperf.ci.base
    import pytest_ttsperf.ci.comment
    import pytest_ttsperf.ci.pipeline
    import pytest_ttsperf.ci.run
    import pytest_ttsperf.compare.report
    import pytest_ttsperf.doctor.report
    import pytest_ttsperf.init.report
    import pytest_ttsperf.load.cell
    import pytest_ttsperf.load.comparison
    import pytest_ttsperf.load.comparison_report
    import pytest_ttsperf.load.report
    import pytest_ttsperf.load.traces
    from pytest_ttsperf import records as records
    from pytest_ttsperf.baseline import accept as accept
    from pytest_ttsperf.baseline import listing as listing
    from pytest_ttsperf.baseline import prune as prune
    from pytest_ttsperf.compare import cells as cells
    from pytest_ttsperf.doctor import checks as checks
    from pytest_ttsperf.doctor import server_forms as server_forms
    from pytest_ttsperf.experiment import plan as plan
    from pytest_ttsperf.init import candidates as candidates
    from pytest_ttsperf.init import first_files as first_files
    from pytest_ttsperf.init import first_measurement as first_measurement
    from pytest_ttsperf.init import project as project
    from pytest_ttsperf.init import suggest as suggest
    from pytest_ttsperf.load import capacity as capacity
    from pytest_ttsperf.load import capacity_cell as capacity_cell
    from pytest_ttsperf.load import capacity_search as capacity_search
    from pytest_ttsperf.load import window_blocks as window_blocks
    from pytest_ttsperf.report import artifact as artifact
    from pytest_ttsperf.report import pages as pages
    from pytest_ttsperf.targets.server import run_options as run_options

    baseline_report = pytest_ttsperf.baseline.report
    ci_base = pytest_ttsperf.ci.base
    ci_comment = pytest_ttsperf.ci.comment
    ci_pipeline = pytest_ttsperf.ci.pipeline
    ci_run = pytest_ttsperf.ci.run
    compare_report = pytest_ttsperf.compare.report
    doctor_report = pytest_ttsperf.doctor.report
    init_report = pytest_ttsperf.init.report
    load_cell = pytest_ttsperf.load.cell
    load_comparison = pytest_ttsperf.load.comparison
    load_comparison_report = pytest_ttsperf.load.comparison_report
    load_report = pytest_ttsperf.load.report
    load_traces = pytest_ttsperf.load.traces

MODULES = {
    "accept": "pytest_ttsperf.baseline.accept",
    "artifact": "pytest_ttsperf.report.artifact",
    "baseline_report": "pytest_ttsperf.baseline.report",
    "candidates": "pytest_ttsperf.init.candidates",
    "capacity": "pytest_ttsperf.load.capacity",
    "capacity_cell": "pytest_ttsperf.load.capacity_cell",
    "capacity_search": "pytest_ttsperf.load.capacity_search",
    "cells": "pytest_ttsperf.compare.cells",
    "checks": "pytest_ttsperf.doctor.checks",
    "ci_base": "pytest_ttsperf.ci.base",
    "ci_comment": "pytest_ttsperf.ci.comment",
    "ci_pipeline": "pytest_ttsperf.ci.pipeline",
    "ci_run": "pytest_ttsperf.ci.run",
    "compare_report": "pytest_ttsperf.compare.report",
    "doctor_report": "pytest_ttsperf.doctor.report",
    "first_files": "pytest_ttsperf.init.first_files",
    "first_measurement": "pytest_ttsperf.init.first_measurement",
    "init_report": "pytest_ttsperf.init.report",
    "listing": "pytest_ttsperf.baseline.listing",
    "load_cell": "pytest_ttsperf.load.cell",
    "load_comparison": "pytest_ttsperf.load.comparison",
    "load_comparison_report": "pytest_ttsperf.load.comparison_report",
    "load_report": "pytest_ttsperf.load.report",
    "load_traces": "pytest_ttsperf.load.traces",
    "pages": "pytest_ttsperf.report.pages",
    "plan": "pytest_ttsperf.experiment.plan",
    "project": "pytest_ttsperf.init.project",
    "prune": "pytest_ttsperf.baseline.prune",
    "records": "pytest_ttsperf.records",
    "run_options": "pytest_ttsperf.targets.server.run_options",
    "server_forms": "pytest_ttsperf.doctor.server_forms",
    "suggest": "pytest_ttsperf.init.suggest",
    "window_blocks": "pytest_ttsperf.load.window_blocks",
}

if not TYPE_CHECKING:  # to a type checker a name that is missing here is an error
    __getattr__ = importer(__name__, MODULES)
