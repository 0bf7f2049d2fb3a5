"""What is asked of a server, and what it cannot be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf.compare.cells import ComparedVersion
from pytest_ttsperf.errors import MeasurementError, TargetShapeError
from pytest_ttsperf.experiment import processes
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import run_cold_trial
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.targets.server.run_options import with_http_options
from pytest_ttsperf.targets.worker.source_tree import Tree

URL = "http://127.0.0.1:8000"
STARTED = TargetSpec(
    spec="http://127.0.0.1:{port}", options={"start": "serve {port}", "preset": "piper"}
)


def test_the_connection_is_always_part_of_the_name() -> None:
    def label(spec: str, /, **http: object) -> str:
        return with_http_options(TargetSpec(spec=spec), http).label

    assert label(URL) == f"{URL}(connection='keep')"
    assert label(URL, connection="fresh") == f"{URL}(connection='fresh')"
    assert label(URL, preset="piper") == f"{URL}(connection='fresh', preset='piper')"
    assert label("wyoming://a:1", preset="piper") == "wyoming://a:1(connection='keep')"
    assert label("engine:Engine", connection="fresh") == "engine:Engine"


def test_what_a_spec_says_itself_comes_first() -> None:
    own = TargetSpec(spec=URL, options={"connection": "fresh"})
    assert with_http_options(own, {"connection": "keep"}).options == {"connection": "fresh"}
    with pytest.raises(TargetShapeError, match="wanted one of openai"):
        with_http_options(TargetSpec(spec=URL, options={"preset": "nobody"}), {})


def test_a_server_has_no_older_version_and_no_cold_start() -> None:
    spec = TargetSpec(spec=URL)
    with pytest.raises(MeasurementError, match="start that version too"):
        TargetFactory(spec=spec, tree=Tree("HEAD~1", Path("a"), Path("b")))
    with pytest.raises(MeasurementError, match="no cold start"):
        run_cold_trial(
            TargetFactory(spec=spec), ScheduledTrial(0, "trial", 0, "Hello."), "Again.", "stream"
        )


def test_one_that_is_started_has_none_either_and_says_what_has() -> None:
    with pytest.raises(MeasurementError, match="--ttsperf-against-option start=COMMAND"):
        TargetFactory(spec=STARTED, tree=Tree("HEAD~1", Path("a"), Path("b")))
    source = TargetFactory(spec=STARTED)
    with pytest.raises(MeasurementError, match=r"no cold start .* name its engine"):
        run_cold_trial(source, ScheduledTrial(0, "trial", 0, "Hello."), "Again.", "stream")
    assert TargetFactory(spec=TargetSpec(spec="engine:Engine")).cold_missing_because is None


def test_its_trials_may_be_spread_over_processes_and_its_command_is_its_name() -> None:
    source = TargetFactory(spec=with_http_options(STARTED, {}))
    assert not processes.has_one(source)
    assert processes.has_one(TargetFactory(spec=TargetSpec(spec=URL)))
    assert source.spec.label == (
        "http://127.0.0.1:{port}(connection='fresh', preset='piper', start='serve {port}')"
    )


def test_what_starts_the_measured_one_starts_no_other() -> None:
    """The baseline is asked in the same way; what is started there has to be said."""
    other = TargetSpec(spec=URL)
    baseline = ComparedVersion(other.label, spec=other).of(TargetFactory(spec=STARTED))
    assert baseline.spec.options == {"connection": "fresh", "preset": "piper"}
    with pytest.raises(TargetShapeError, match="nothing that starts a server there"):
        ComparedVersion("x", spec=TargetSpec(spec=STARTED.spec)).of(TargetFactory(spec=STARTED))
