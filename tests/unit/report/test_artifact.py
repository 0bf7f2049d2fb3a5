"""Artifacts come back as they were written, whatever is in them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import jsonschema
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Environment,
    Machine,
    Memory,
    Outcome,
    Recording,
    Run,
    Sound,
    Span,
    Summary,
    SystemLoad,
    Threshold,
    Trial,
    TrustNote,
    Usage,
    Verdict,
)
from pytest_ttsperf.report import artifact
from tests.examples import examples

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBERS
INSTANTS = st.integers(0, 2**62)
# JSON carries any text but lone surrogates, which no encoder of UTF-8 accepts.
RUN_SCHEMA = jsonschema.Draft202012Validator(artifact.read_schema("run-1"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)

recordings = st.builds(
    Recording,
    request_ns=INSTANTS,
    arrivals_ns=st.lists(INSTANTS, max_size=4).map(tuple),
    frame_counts=st.lists(st.integers(0, 10**6), max_size=4).map(tuple),
    end_ns=INSTANTS,
    sample_rate=st.integers(1000, 192_000),
    spans=st.lists(
        st.builds(Span, stage=TEXTS, chunk=st.none() | st.integers(0, 99), start_ns=INSTANTS,
                  end_ns=INSTANTS),
        max_size=3,
    ).map(tuple),
)  # fmt: skip
trials = st.builds(
    Trial,
    index=st.integers(0, 999),
    kind=st.sampled_from(["warmup", "trial", "probe"]),
    process=st.integers(0, 9),
    text=TEXTS,
    recording=st.none() | recordings,
    sound=st.none()
    | st.builds(Sound, onset_frame=st.none() | st.integers(0, 9), silence_share=MAYBE,
                active_level_dbfs=MAYBE),
    usage=st.none()
    | st.builds(Usage, rss_bytes=INSTANTS, rss_peak_bytes=INSTANTS, uss_bytes=st.none() | INSTANTS,
                cpu_s=NUMBERS),
    phases_ms=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    error=st.none() | TEXTS,
)  # fmt: skip
thresholds = st.builds(
    Threshold, marker=TEXTS, keyword=TEXTS, metric=TEXTS,
    statistic=st.sampled_from(["p50", "p95", "p99", "max", "value"]), limit=NUMBERS, declared=MAYBE,
)  # fmt: skip
verdicts = st.builds(
    Verdict, subject=TEXTS, outcome=st.sampled_from(Outcome), reason=TEXTS, value=MAYBE,
    threshold=st.none() | thresholds,
)  # fmt: skip
results = st.builds(
    CellResult,
    cell=st.builds(
        Cell, test=TEXTS, target=TEXTS, provider=TEXTS, voice=TEXTS, preset=TEXTS,
        mode=st.sampled_from(["stream", "nonstream"]), phase=st.sampled_from(["warm", "cold"]),
    ),
    fingerprint=TEXTS,
    declared_trials=st.integers(1, 999),
    trials=st.lists(trials, max_size=3).map(tuple),
    ready=st.none(),
    thresholds=st.lists(thresholds, max_size=2).map(tuple),
    summary=st.dictionaries(
        TEXTS, st.builds(Summary, metric=TEXTS, n=st.integers(0, 9), missing=st.integers(0, 9),
                         p50=MAYBE, p95=MAYBE, p95_bound=MAYBE), max_size=2),
    memory=st.builds(Memory, rss_range_mb=MAYBE, reason=st.none() | TEXTS),
    notes=st.lists(
        st.builds(TrustNote, guard=TEXTS, text=TEXTS, invalid=st.booleans()), max_size=2
    ).map(tuple),
    verdicts=st.lists(verdicts, max_size=2).map(tuple),
)  # fmt: skip
QUIET_LOAD = SystemLoad(load_1m=None, steal_share=None, swap_used_share=None, governor=None)
ENVIRONMENT = Environment(
    machine=Machine(
        cpu_model="x", cores=2, affinity=2, memory_gib=32, system="Linux", architecture="x86_64",
        python="3.11",
    ),
    machine_load_before=QUIET_LOAD, machine_load_after=None, git=None,
    plugin_version="0", pytest_version="9",
    arguments=(),
)  # fmt: skip


@settings(max_examples=examples(60))
@given(st.lists(results, max_size=2))
def test_round_trip_and_schema(cells: list[CellResult]) -> None:
    run = Run(
        id="r", started="2025-10-30T10:19:59+00:00", finished=True, environment=ENVIRONMENT,
        cells=tuple(cells),
    )  # fmt: skip
    body = msgspec.json.encode(run)
    assert msgspec.json.decode(body, type=Run) == run
    RUN_SCHEMA.validate(msgspec.json.decode(body))


def test_what_was_not_measured_is_null_and_not_left_out() -> None:
    body = msgspec.json.decode(msgspec.json.encode(Memory()))
    assert body["rss_range_mb"] is None


def test_files_of_a_cell_are_found_by_the_artifact_alone(tmp_path: Path) -> None:
    writer = artifact.ArtifactWriter(tmp_path, datetime(2026, 11, 30, 10, 19, 59))
    cell = ("tests/test_a.py::test_reply[cpu]", "short", "stream", "warm")
    folder = artifact.cell_folder(writer.run_path, "sound", *cell)
    assert folder == writer.sound_folder(*cell)
    assert folder.parent.name == "sound_101959"
    assert artifact.cell_folder(writer.run_path, "trace", *cell).name == folder.name


def test_another_cell_has_another_folder() -> None:
    run_path = Path("run_101959.json")
    names = {
        artifact.cell_folder(run_path, "sound", test, "short").name
        for test in ("a.py::test_x[a/b]", "a.py::test_x[a-b]", "b.py::test_x[a-b]")
    }
    assert len(names) == 3
