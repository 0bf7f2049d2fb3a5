"""The command's one door to what is slow to import: `ttsperf --help` pays for nothing behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ttsperf.late import importer

if TYPE_CHECKING:
    import pytest_ttsperf.baseline.report
    import pytest_ttsperf.compare.report
    import pytest_ttsperf.doctor.report
    from pytest_ttsperf import records as records
    from pytest_ttsperf.baseline import accept as accept
    from pytest_ttsperf.baseline import listing as listing
    from pytest_ttsperf.baseline import prune as prune
    from pytest_ttsperf.compare import cells as cells
    from pytest_ttsperf.doctor import checks as checks
    from pytest_ttsperf.experiment import plan as plan
    from pytest_ttsperf.targets.server import run_options as run_options

    baseline_report = pytest_ttsperf.baseline.report
    compare_report = pytest_ttsperf.compare.report
    doctor_report = pytest_ttsperf.doctor.report

MODULES = {
    "accept": "pytest_ttsperf.baseline.accept",
    "baseline_report": "pytest_ttsperf.baseline.report",
    "cells": "pytest_ttsperf.compare.cells",
    "checks": "pytest_ttsperf.doctor.checks",
    "compare_report": "pytest_ttsperf.compare.report",
    "doctor_report": "pytest_ttsperf.doctor.report",
    "listing": "pytest_ttsperf.baseline.listing",
    "plan": "pytest_ttsperf.experiment.plan",
    "prune": "pytest_ttsperf.baseline.prune",
    "records": "pytest_ttsperf.records",
    "run_options": "pytest_ttsperf.targets.server.run_options",
}

if not TYPE_CHECKING:  # to a type checker a name that is missing here is an error
    __getattr__ = importer(__name__, MODULES)
