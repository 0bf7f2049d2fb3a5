"""The doctor looks at the real machine; each finding is sprung, and each has a quiet side."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from msgspec import structs

from pytest_ttsperf.doctor import checks
from pytest_ttsperf.errors import TargetCrashed
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.records import SystemLoad, TargetSpec, Usage
from tests.unit.cpu_burner import stranger

HERE = fingerprint.machine()
CALM = SystemLoad(
    load_1m=0.0, steal_share=0.0, swap_used_share=0.0, governor="performance", seconds=2.0,
    others_cores=0.0, swapped_mb=0.0, memory_stall_share=0.0,
)  # fmt: skip


def levels(**changed):
    sky = structs.replace(CALM, **changed)
    return {
        finding.about: finding.level for finding in checks._system_load(sky, "make (pid 7, 90%)")
    }


def test_a_calm_sky_is_good():
    assert set(levels().values()) == {"good"}


@pytest.mark.parametrize(
    ("about", "changed", "level"),
    [
        ("other load", {"others_cores": 0.2}, "advice"),
        ("other load", {"others_cores": 0.9}, "bad"),
        ("steal", {"steal_share": 0.02}, "advice"),
        ("steal", {"steal_share": 0.2}, "bad"),
        ("memory", {"swapped_mb": 3.0}, "bad"),
        ("memory", {"memory_stall_share": 0.2}, "bad"),
        ("clock policy", {"governor": "powersave"}, "advice"),
        ("heat", {"thermal_throttles": 2}, "bad"),
        ("other load", {"others_cores": None}, "unmeasured"),
        ("steal", {"steal_share": None}, "unmeasured"),
        ("memory", {"swapped_mb": None, "memory_stall_share": None}, "unmeasured"),
        ("memory", {"swapped_mb": None}, "good"),
        ("clock policy", {"governor": None}, "unmeasured"),
    ],
)
def test_each_trouble_is_found(about, changed, level):
    assert levels(**changed)[about] == level


def test_what_is_not_good_says_why_and_what_to_do():
    sky = structs.replace(CALM, others_cores=0.9, steal_share=0.2, swapped_mb=1.0, governor="x")
    found = [finding for finding in checks._system_load(sky, None) if finding.level != "good"]
    assert len(found) == 4
    assert all(finding.why and finding.remedy for finding in found)


def test_what_is_not_measured_gives_the_reason():
    sky = structs.replace(CALM, steal_share=None, unmeasured={"steal_share": "no host"})
    assert checks._steal(sky).found == "not measured: no host"


@pytest.mark.parametrize(
    ("affinity", "quota", "level"),
    [(2, None, "good"), (1, None, "bad"), (4, 1.5, "bad"), (4, 3.0, "advice")],
)
def test_cores(affinity, quota, level):
    machine = structs.replace(HERE, affinity=affinity, cpu_quota=quota)
    assert checks._cores(machine).level == level


@pytest.mark.parametrize(("slow", "level"), [(1.0, "good"), (1.5, "advice"), (3.0, "bad")])
def test_steadiness_is_the_tail_of_equal_work(slow, level):
    assert checks._steadiness([0.01] * 90 + [0.01 * slow] * 10).level == level


def test_processors_that_idle_are_told():
    good, advice = checks._idling(True), checks._idling(False)
    assert good is not None
    assert good.level == "good"
    assert advice is not None
    assert (advice.level, "/dev/cpu_dma_latency" in (advice.remedy or "")) == ("advice", True)
    assert checks._idling(None) is None, "where there is no such device there is nothing to advise"


def test_a_battery_is_told(monkeypatch):
    for plugged, told in ((False, True), (True, False), (None, False)):
        battery = SimpleNamespace(percent=50, power_plugged=plugged)
        monkeypatch.setattr(
            checks.psutil, "sensors_battery", lambda battery=battery: battery, raising=False
        )
        assert (checks._power() is not None) == told


@pytest.mark.starts
def test_this_machine_is_examined_for_real():
    found = checks.examine(0.2)
    told = {finding.about: finding for finding in found.findings}
    assert told["isolation"].level == "good"
    assert "5 chunks" in told["isolation"].found
    assert told["memory readings"].level == "good"
    assert found.runtimes["onnxruntime"] in told["onnxruntime"].found
    assert "CPUExecutionProvider" in (found.providers or ())
    assert found.machine == HERE
    assert found.fingerprint is None


@pytest.mark.starts
def test_a_busy_core_is_no_machine_for_gating():
    with stranger():
        done = subprocess.run(
            [sys.executable, "-m", "pytest_ttsperf", "doctor", "--seconds", "0.5"],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode in (0, 1)
    line = next(line for line in done.stdout.splitlines() if " other load: " in line)
    assert not line.startswith("good")
    assert "why it matters: trials wait" in done.stdout


@pytest.mark.starts
def test_the_target_that_was_asked_for_is_opened():
    good = TargetFactory(spec=TargetSpec(spec="pytest_ttsperf.doctor.tone_target:Tone"))
    finding, ready, summary = checks._target(good)
    assert finding.level == "advice"
    assert "does not tell which provider" in finding.found
    assert summary is not None
    assert summary.kind == "a Python engine"
    assert ready is not None
    plain = TargetFactory(spec=TargetSpec(spec="tests.unit.baseline.factories:Placed"))
    finding, _, _ = checks._target(plain)
    assert finding.level == "good"
    assert "nodes {'CPUExecutionProvider': 12}" in finding.found
    missing = TargetFactory(spec=TargetSpec(spec="nowhere:X"))
    finding, ready, summary = checks._target(missing)
    assert (finding.level, ready, summary) == ("bad", None, None)
    assert "nowhere" in finding.found


def test_a_machine_without_a_runtime_is_none_the_worse():
    providers, finding = checks._providers({})
    assert (providers, finding.level) == (None, "good")


@pytest.mark.starts
def test_a_runtime_that_cannot_be_imported(monkeypatch):
    monkeypatch.setattr(checks, "ASK_PROVIDERS", "raise ImportError('libfoo.so is missing')")
    providers, finding = checks._providers({"onnxruntime": "9"})
    assert (providers, finding.level) == (None, "bad")
    assert "libfoo.so is missing" in finding.found


@pytest.mark.starts
def test_two_runtimes_in_one_environment_overwrite_each_other(monkeypatch):
    monkeypatch.setattr(checks, "_owns_module", lambda name: name != "onnxruntime-ep-x")
    both = {"onnxruntime": "1", "onnxruntime-gpu": "1", "onnxruntime-ep-x": "1"}
    providers, finding = checks._providers(both)
    assert providers is not None
    assert finding.level == "bad"
    assert "onnxruntime-gpu" in finding.found
    assert "onnxruntime-ep-x" not in finding.found


def test_a_worker_that_does_not_work_is_bad(monkeypatch):
    def crash(source, *, warm):
        raise TargetCrashed("it ended")

    monkeypatch.setattr(checks, "open_target", crash)
    (finding,) = checks._isolation()
    assert finding.level == "bad"
    assert "--ttsperf-inline" in finding.remedy


@pytest.mark.parametrize(
    ("usage", "level"),
    [
        (None, "bad"),
        (Usage(rss_bytes=0, rss_peak_bytes=0, uss_bytes=None, cpu_s=0.0), "bad"),
        (Usage(rss_bytes=10**6, rss_peak_bytes=10**6, uss_bytes=None, cpu_s=0.0), "advice"),
        (Usage(rss_bytes=10**6, rss_peak_bytes=10**6, uss_bytes=10**6, cpu_s=0.0), "good"),
    ],
)
def test_memory_readings(usage, level):
    assert checks._memory_readings(usage).level == level


class Mute:
    """An engine that opens, and raises when it is to speak."""

    sample_rate = 8000

    def stream(self, text):
        raise RuntimeError("no voice today")


@pytest.mark.starts
def test_a_target_that_opens_and_does_not_speak_is_bad():
    mute = TargetFactory(spec=TargetSpec(spec=f"{__name__}:Mute"))
    finding, ready, summary = checks._target(mute)
    assert finding is not None
    assert finding.level == "bad"
    assert "no voice today" in finding.found
    assert finding.why == "it opens, and gives no sound that could be measured"
    assert ready is not None
    assert summary is None
