"""Nobody's name and no day of this machine is in these tests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_ttsperf import real
from pytest_ttsperf.baseline import person
from tests.unit.baseline.factories import BEGUN, PERSON


@pytest.fixture(autouse=True)
def _known_person_and_day(monkeypatch):
    monkeypatch.setattr(person, "find_name", lambda folder: PERSON)
    monkeypatch.setattr(real, "now", lambda: BEGUN + timedelta(days=1))
