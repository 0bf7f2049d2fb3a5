from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics import definitions as d
from pytest_ttsperf.metrics import stages
from pytest_ttsperf.records import (
    Breakdown,
    FlaggedSeam,
    Level,
    Quality,
    Sample,
    SeamCheck,
    WordCheck,
)
from tests.unit.metrics.factories import RATE, recording, sound, trial, usage

FRAMES_PER_MS = RATE // 1000


# Time to first audio


def test_header_counts_as_first_byte_and_not_as_first_sample():
    rec = recording([(5, 0), (40, 100), (90, 100)])
    assert d.ttfb_ms(rec) == 5.0
    assert d.ttfs_ms(rec) == 40.0


def test_silence_sent_ahead_is_not_first_sound():
    rec = recording([(5, 0), (10, 200), (70, 100), (90, 100)])
    heard = sound(onset_frame=220 * FRAMES_PER_MS)
    assert d.ttfs_ms(rec) == 10.0
    assert d.lead_in_ms(rec, heard) == 220.0
    assert d.ttfa_sound_ms(rec, heard) == 70.0
    # the 220 ms of silence have to be played first
    assert d.ttfa_ms(rec, heard) == 230.0


def test_ttfa_is_the_arrival_when_that_is_later_than_its_turn():
    rec = recording([(10, 20), (500, 100)])
    assert d.ttfa_ms(rec, sound(onset_frame=20 * FRAMES_PER_MS)) == 500.0


def test_ttfa_waits_for_the_prebuffer():
    rec = recording([(10, 50), (40, 50), (80, 50)])
    assert d.ttfa_ms(rec, sound(0)) == 10.0
    assert d.ttfa_ms(rec, sound(0), prebuffer_ms=100.0) == 40.0


@pytest.mark.parametrize(("frame", "arrival"), [(0, 10), (479, 10), (480, 20), (959, 20)])
def test_first_frame_of_a_chunk_belongs_to_it(frame, arrival):
    rec = recording([(10, 20), (15, 0), (20, 20)])
    assert d.ttfa_sound_ms(rec, sound(frame)) == arrival


def test_onset_outside_the_audio_is_not_attributed_to_any_chunk():
    assert d.ttfa_sound_ms(recording([(10, 20)]), sound(480)) is None


def test_instants_before_the_request_are_passed_on_for_trust_to_refuse():
    assert d.ttfs_ms(recording([(-3, 20)])) == -3.0


# Throughput and cadence


def test_rtf_is_time_until_the_last_chunk_over_audio():
    rec = recording([(100, 500), (250, 500), (300, 0)], end_ms=400)
    assert d.rtf(rec, sound()) == pytest.approx(0.25)
    assert d.duration_s(rec) == 1.0


@pytest.mark.parametrize(("silence_share", "counted_s"), [(0.0, 10), (0.4, 10), (0.8, 4.5)])
def test_silence_past_what_speech_brings_is_no_audio(silence_share, counted_s):
    rec = recording([(100, 5000), (900, 5000)])
    found = d.rtf(rec, sound(silence_share=silence_share))
    assert found == pytest.approx(0.9 / counted_s)


def test_silence_alone_is_as_long_as_silence_may_be():
    silent = sound(None, silence_share=1.0)
    assert d.rtf(recording([(150, 5000)]), silent) == pytest.approx(0.1)


def test_rtf_stream_leaves_the_first_chunk_out():
    assert d.rtf_stream(recording([(100, 200), (150, 250), (200, 250)])) == pytest.approx(0.2)
    assert d.rtf_stream(recording([(100, 200), (150, 0)])) is None


def test_gaps_coalesce_reads_less_than_two_milliseconds_apart():
    rec = recording([(10, 5), (11.9, 5), (13.9, 5), (50, 5), (51, 5)])
    assert d.gaps_ms(rec) == pytest.approx((2.0, 36.1))


def test_gaps_of_a_single_delivery_are_none():
    assert d.gaps_ms(recording([(10, 5)])) is None
    assert d.gaps_ms(recording([])) is None
    assert d.gap_p95_ms(recording([(10, 5)])) is None
    assert d.gap_max_ms(recording([(10, 5)])) is None


def test_chunks_that_come_faster_than_reads_are_told_apart_still_have_gaps():
    """A very fast engine is not unmeasured: its longest wait is known, and short."""
    assert d.gaps_ms(recording([(10, 5), (11, 5), (12.5, 5)])) == pytest.approx((1.0, 1.5))
    assert d.gap_max_ms(recording([(10, 5), (11, 5)])) == pytest.approx(1.0)


def test_gap_p95_is_a_gap_that_occurred():
    rec = recording([(0, 5), (10, 5), (30, 5), (60, 5)])
    assert d.gap_p95_ms(rec) == 30.0
    assert d.gap_max_ms(rec) == 30.0


@given(st.lists(st.integers(0, 20_000), min_size=2, max_size=60))
def test_gaps_add_up_and_the_p95_covers(waits_us):
    at, chunks = 0, []
    for wait in waits_us:
        at += wait
        chunks.append((at / 1000, 5))
    rec = recording(chunks)
    gaps = d.gaps_ms(rec)
    apart = [wait for wait in waits_us[1:] if wait >= 2000] or waits_us[1:]
    assert sum(gaps or ()) == pytest.approx(sum(apart) / 1000)
    if gaps:
        p95 = d.gap_p95_ms(rec)
        assert p95 in gaps
        assert sum(gap <= p95 for gap in gaps) >= 0.95 * len(gaps)


# Streaming


def test_streamed_when_a_stage_began_after_the_first_chunk():
    chunks = [(30, 80), (60, 80)]
    assert d.is_streamed(recording(chunks, spans=[("decode", 0, 25), ("decode", 31, 55)])) is True
    assert d.is_streamed(recording(chunks, spans=[("decode", 0, 25)])) is False


def test_a_stage_under_way_at_the_first_chunk_tells_nothing():
    assert d.is_streamed(recording([(30, 80), (60, 80)], spans=[("decode", 0, 50)])) is None


def test_converting_after_the_first_chunk_is_no_synthesis():
    spans = [("decode", 0, 25), ("convert", 26, 29), ("convert", 40, 45)]
    assert d.is_streamed(recording([(30, 80), (60, 80)], spans=spans)) is False


def test_without_stages_only_sliced_audio_is_told():
    assert d.is_streamed(recording([(300, 80), (300.5, 80), (301, 80)])) is False
    assert d.is_streamed(recording([(30, 80), (60, 80)])) is None


@pytest.mark.parametrize("chunks", [[], [(300, 900)], [(1, 0), (300, 900)]])
def test_one_chunk_tells_nothing_about_streaming(chunks):
    assert d.is_streamed(recording(chunks, spans=[("decode", 0, 25)])) is None


def test_a_burst_is_sliced_audio_only_when_it_is_late():
    assert d.is_sliced(recording([(300, 80), (301, 80)]))
    assert not d.is_sliced(recording([(5, 80), (6.5, 80), (8, 80)]))
    assert not d.is_sliced(recording([(60, 80), (61.5, 80), (63, 80)]))  # a fast vocoder
    assert not d.is_sliced(recording([(400, 80), (401, 80)]), opening_ms=380)
    assert not d.is_sliced(recording([(300, 80), (320, 80)]))
    assert not d.is_sliced(recording([(300, 80)]))


def test_carrying_many_pieces_of_finished_audio_takes_time_too():
    pieces = [(19 + 0.02 * number, 80) for number in range(24)]  # of 1840 ms in 0.46 ms
    assert d.is_sliced(recording(pieces))
    assert not d.is_sliced(recording([(8, 80), *pieces[1:]]), opening_ms=0)  # a stream in between
    made_meanwhile = [(19 + 0.1 * number, 4) for number in range(6)]  # 20 ms in 0.5 ms
    assert not d.is_sliced(recording(made_meanwhile))
    early = [(5 + 0.02 * number, 80) for number in range(24)]
    assert not d.is_sliced(recording(early))


# Resources


def test_cpu_per_second_of_audio():
    rec = recording([(100, 500)])
    assert d.cpu_s_per_audio_s(trial(rec, usage=usage(100, cpu_s=0.2))) == pytest.approx(0.4)
    assert d.cpu_s_per_audio_s(trial(rec)) is None
    assert d.cpu_s_per_audio_s(trial(None, usage=usage(100))) is None
    assert d.cpu_s_per_audio_s(trial(recording([]), usage=usage(100))) is None


def test_memory_in_megabytes_of_the_counted_trials():
    rec = recording([(100, 500)])
    trials = [
        trial(rec, kind="warmup", usage=usage(900, 950)),
        trial(rec, usage=usage(200, 250, uss_mb=150)),
        trial(rec, usage=usage(230, 240, uss_mb=170)),
        trial(rec),
    ]
    found = d.memory(usage(180), trials)
    assert found.rss_baseline_mb == 180.0
    assert found.rss_peak_mb == 250.0
    assert found.rss_range_mb == 30.0
    assert found.uss_peak_mb == 170.0
    assert found.reason is None


def test_memory_of_a_tree_that_does_nothing_is_not_the_targets():
    rec = recording([(100, 500)])
    idle = d.memory(usage(180), [trial(rec, usage=usage(50, cpu_s=0.0)) for _ in range(3)])
    assert idle.reason.startswith("not the target")
    assert (idle.rss_peak_mb, idle.rss_range_mb, idle.rss_baseline_mb) == (None, None, None)


def test_memory_that_was_not_read_has_a_reason():
    assert "no trial" in d.memory(None, [trial(None)]).reason
    one = d.memory(None, [trial(None, usage=usage(100))])
    assert (one.rss_peak_mb, one.rss_range_mb, one.uss_peak_mb) == (100.0, None, None)
    assert one.rss_baseline_mb is None
    assert "at least two" in one.reason


# Stages


def rows(shares):
    return {row.stage: (round(row.ms, 6), round(row.share, 6)) for row in shares}


def test_breakdown_cuts_spans_to_the_window_and_sorts_by_time():
    rec = recording(
        [(50, 80), (100, 80)],
        spans=[("decode", 5, 25), ("vocode", 25, 48), ("decode", 48, 90)],
    )
    found = stages.breakdown([trial(rec, heard=sound(0))])
    assert rows(found.to_first_sound) == {
        "vocode": (23, 0.46),
        "decode": (22, 0.44),
        "unexplained": (5, 0.1),
    }
    assert [row.stage for row in found.to_first_sound] == ["vocode", "decode", "unexplained"]
    assert rows(found.whole)["decode"] == (62, 0.62)


def test_breakdown_counts_overlap_once_per_stage_and_both_stages_fully():
    rec = recording([(100, 80)], spans=[("a", 0, 60), ("a", 40, 80), ("a", 50, 55), ("b", 0, 90)])
    found = rows(stages.breakdown([trial(rec, heard=sound(0))]).to_first_sound)
    assert found == {"a": (80, 0.8), "b": (90, 0.9), "unexplained": (10, 0.1)}


def test_breakdown_ignores_spans_outside_the_window():
    rec = recording([(100, 80)], spans=[("open", -50, -10), ("text", -10, 10), ("late", 150, 160)])
    found = rows(stages.breakdown([trial(rec, heard=sound(0))]).to_first_sound)
    assert found == {"open": (0, 0), "text": (10, 0.1), "late": (0, 0), "unexplained": (90, 0.9)}


def test_breakdown_is_the_median_over_counted_trials_that_tell_stages():
    def spoken(ms, kind="trial"):
        rec = recording([(100, 80)], spans=[("vocode", 0, ms)])
        return trial(rec, kind=kind, heard=sound(0))

    trials = [spoken(10), spoken(20), spoken(60), spoken(99, "warmup"), trial(recording([(9, 9)]))]
    assert rows(stages.breakdown(trials).to_first_sound)["vocode"] == (20, 0.2)


def test_breakdown_without_spans_or_sound_is_empty():
    assert stages.breakdown([trial(recording([(100, 80)]), heard=sound(0))]) == Breakdown()
    silent = recording([(100, 80)], spans=[("decode", 0, 50)])
    found = stages.breakdown([trial(silent, heard=sound(None)), trial(silent), trial(None)])
    assert found.to_first_sound == ()
    assert rows(found.whole)["decode"] == (50, 0.5)


@pytest.mark.parametrize(
    ("total", "busy", "expected"), [(100, 96, True), (100, 90, False), (10, 9.1, True)]
)
def test_explained_within_five_percent_or_a_millisecond(total, busy, expected):
    rec = recording([(total, 80)], spans=[("decode", 0, busy)])
    assert (
        stages.is_explained(stages.breakdown([trial(rec, heard=sound(0))]).to_first_sound)
        is expected
    )


def test_no_stages_are_neither_explained_nor_not():
    assert stages.is_explained(()) is None


def test_opening_is_no_synthesis():
    """A cold trial's start is over before its first chunk, streaming or not."""
    rec = recording([(500, 100), (600, 100)], spans=[("import", 0, 400)])
    assert d.is_streamed(rec) is False
    assert d.is_streamed(rec, opening_ms=450) is None


# The table


def test_table_names_every_metric_with_its_unit():
    assert set(d.METRICS) == {
        "ttfb_ms", "ttfs_ms", "lead_in_ms", "ttfa_sound_ms", "ttfa_ms", "rtf", "rtf_stream",
        "gap_p95_ms", "gap_max_ms", "underruns", "stall_ms", "longest_stall_ms", "stall_ratio",
        "prebuffer_needed_ms", "start_delay_needed_ms", "silence_share", "cpu_s_per_audio_s",
        "audio_s", "speech_s", "active_level_dbfs", "bandwidth_khz", "true_peak_dbtp",
        "clipped_share", "non_finite", "lufs", "seams_flagged", "wer", "worst_run", "mos",
        "timbre_db", "arrival_share", "all_at_once",
    }  # fmt: skip
    units = {
        "ms": "ms",
        "khz": "kHz",
        "dbfs": "dBFS",
        "dbtp": "dBTP",
        "s": "s",
        "db": "dB",
        "lufs": "LUFS",
    }
    for name, metric in d.METRICS.items():
        ending = name.removeprefix("cpu_s_per_audio_s").rpartition("_")[2]
        assert metric.unit == units.get(ending, ""), name
        assert metric.doc


def test_every_metric_of_one_trial():
    rec = recording([(5, 0), (40, 200), (60, 100), (400, 700)])
    heard = sound(onset_frame=210 * FRAMES_PER_MS, silence_share=0.25)
    one = trial(rec, heard=heard, usage=usage(100, cpu_s=0.3))
    level = Level(
        peak=0.5, clipped_share=0.1, non_finite=2, bandwidth_hz=9500.0, true_peak_dbtp=-5.5
    )
    said = WordCheck(words=8, errors=2, worst_run=1, differing="", transcript="")
    flaw = FlaggedSeam(second=0.5, kind="step", score=9.0)
    heard = Quality(
        lufs=-23.0,
        seams=SeamCheck(joints=2, flagged=(flaw,)),
        words=said,
        mos=3.3,
        timbre_db=0.4,
    )
    one = structs.replace(one, level=level, quality=heard)
    found = {name: d.sample(name, [one]).values[0] for name in d.METRICS}
    assert found == pytest.approx(
        {
            "ttfb_ms": 5, "ttfs_ms": 40, "lead_in_ms": 210, "ttfa_sound_ms": 60, "ttfa_ms": 250,
            "rtf": 0.4, "rtf_stream": 0.45, "gap_p95_ms": 340, "gap_max_ms": 340,
            "underruns": 1, "stall_ms": 60, "longest_stall_ms": 60, "stall_ratio": 60 / 1060,
            "prebuffer_needed_ms": 300 + 1 / FRAMES_PER_MS, "start_delay_needed_ms": 60,
            "silence_share": 0.25, "cpu_s_per_audio_s": 0.3, "audio_s": 1.0, "speech_s": 0.79,
            "active_level_dbfs": -20.0, "bandwidth_khz": 9.5,
            "true_peak_dbtp": -5.5, "clipped_share": 0.1, "non_finite": 2, "lufs": -23.0,
            "seams_flagged": 1, "wer": 0.25,
            "worst_run": 1, "mos": 3.3, "timbre_db": 0.4,
            "arrival_share": 0.735, "all_at_once": 0,
        }
    )  # fmt: skip


def test_null_propagates_and_nothing_becomes_zero():
    for blank in (trial(None), trial(recording([])), trial(recording([(5, 0)]), heard=sound(None))):
        found = {name: d.METRICS[name].of(blank, 0.0) for name in d.METRICS}
        for measured in ("silence_share", "ttfb_ms", "active_level_dbfs"):
            found.pop(measured)
        assert set(found.values()) == {None}


def test_silent_audio_has_no_first_sound_but_a_speed():
    silent = trial(recording([(50, 100)]), heard=sound(None, silence_share=1.0))
    for name in ("lead_in_ms", "ttfa_sound_ms", "ttfa_ms"):
        assert d.sample(name, [silent]).values == (None,)
    assert d.sample("rtf", [silent]).values == (0.5,)
    assert d.sample("silence_share", [silent]).values == (1.0,)


def test_unheard_audio_has_no_first_sound():
    unheard = trial(recording([(50, 100)]))
    for name in ("lead_in_ms", "ttfa_sound_ms", "ttfa_ms", "silence_share"):
        assert d.sample(name, [unheard]).values == (None,)


def test_sample_keeps_order_and_leaves_other_kinds_out():
    trials = [
        trial(recording([(90, 100)]), kind="warmup"),
        trial(recording([(50, 100)])),
        trial(None),
        trial(recording([(30, 100)])),
        trial(recording([(5, 100)]), kind="probe"),
    ]
    assert d.sample("ttfs_ms", trials) == Sample(
        metric="ttfs_ms", values=(50.0, None, 30.0), processes=(0, 0, 0)
    )
    assert d.sample("ttfs_ms", trials, kind="probe").values == (5.0,)


def test_sample_takes_the_prebuffer_of_its_threshold():
    late = trial(recording([(0, 50), (60, 50), (120, 50)]), heard=sound(0))
    assert d.sample("underruns", [late]).values == (2.0,)
    assert d.sample("underruns", [late], 101.0).values == (0.0,)
    assert d.sample("ttfa_ms", [late], 101.0).values == (120.0,)


def test_unknown_metric_names_the_known_ones():
    with pytest.raises(MeasurementError, match=r"'ttfx'.*ttfa_ms"):
        d.sample("ttfx", [])
