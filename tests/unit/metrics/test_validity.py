"""Each guard is sprung once and left alone once."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.metrics import stages
from pytest_ttsperf.metrics.validity import GUARDS, find_notes
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Level,
    TargetInfo,
    TargetProcess,
    Threshold,
    Usage,
)
from tests.unit.metrics.factories import recording, sound, trial

READY_BY_NODES = object()
LOUD = Level(peak=0.5, clipped_share=0.0, non_finite=0)


def good(n=20, *, kind="trial", text=None, first_ms=50.0, first=0):
    """n trials of 1 s of audio at RTF 0.2."""
    return [
        trial(
            recording([(first_ms, 500), (200, 500)], spans=[("decode", 0, 190)]),
            index=first + i,
            kind=kind,
            text=text,
            heard=sound(0),
            level=LOUD,
        )
        for i in range(n)
    ]


def result(
    trials,
    *,
    mode="stream",
    phase="warm",
    nodes=None,
    ready=READY_BY_NODES,
    breakdown=None,
    thresholds=(),
):
    if ready is READY_BY_NODES:
        placement = None if nodes is None else {"nodes": nodes}
        ready = TargetInfo(pid=1, sample_rate=24_000, placement=placement)
    return CellResult(
        cell=Cell(
            test="t",
            target="x:X",
            provider="default",
            voice="default",
            preset="short",
            mode=mode,
            phase=phase,
        ),
        fingerprint="f",
        declared_trials=len(trials),
        trials=tuple(trials),
        ready=ready,
        breakdown=breakdown or stages.breakdown(trials),
        thresholds=thresholds,
    )


def found(trials, *, asked=None, bands=None, bands_bind=True, trend=quantiles.trend, **more):
    notes = find_notes(
        result(trials, **more),
        asked_provider=asked,
        bands=bands,
        bands_bind=bands_bind,
        trend=trend,
    )
    return {note.guard: note for note in notes}


def test_a_good_measurement_has_no_notes():
    bands = {"bands": lambda text: (0.5, 2.0)}
    assert found(good(), nodes={"CPUExecutionProvider": 40}, asked="cpu", **bands) == {}


def test_no_trials_have_no_notes():
    assert found([]) == {}


def test_what_is_not_given_is_not_guarded():
    assert find_notes(result(good(), ready=None)) == ()


def test_every_guard_is_a_function_with_a_reason():
    assert all(guard.__doc__ for guard in GUARDS)


def test_failed_trials_are_told_with_the_first_error():
    broken = trial(None, error="Traceback ...\n  line 3\nRuntimeError: no voice")
    note = found([*good(3), broken])["failed"]
    assert note.text.startswith("1 of 4 trials failed, the first so: Traceback")
    assert note.text.endswith("RuntimeError: no voice")
    assert note.invalid


@pytest.mark.parametrize("first_ms", [0.0, -1.0])
def test_latency_that_cannot_be_is_invalid(first_ms):
    note = found([*good(3), *good(1, first_ms=first_ms)])["latency"]
    assert note.invalid
    assert "1 of 4 trials" in note.text


def test_smallest_latency_is_believed():
    assert "latency" not in found(good(3, first_ms=0.001))


def test_chunks_that_arrive_backwards_are_invalid():
    note = found([trial(recording([(50, 100), (40, 100)]))])["clock"]
    assert note.invalid
    assert "clock" not in found([trial(recording([(50, 100), (50, 100)]))])


@pytest.mark.parametrize(("total_ms", "springs"), [(10, True), (17, True), (19, False)])
def test_rtf_below_the_physical_floor_is_a_cache(total_ms, springs):
    quick = trial(recording([(total_ms / 2, 9_000), (total_ms, 9_000)]), heard=sound(0))
    notes_found = found([good(1)[0], quick, quick])
    assert "floor" not in found([*good(3), quick])  # one odd trial is no physics
    assert ("floor" in notes_found) is springs
    if springs:
        assert notes_found["floor"].invalid
        assert "a cache or precomputed audio" in notes_found["floor"].text


@pytest.mark.parametrize(("odd", "springs"), [(2, False), (3, True)])
@pytest.mark.parametrize("ms", [100, 9_000])
def test_duration_outside_its_band_in_more_than_a_tenth(odd, springs, ms):
    odd_one = trial(recording([(900, ms)]), heard=sound(0, last_frame=ms * 24), level=LOUD)
    trials = [*good(20 - odd), *[odd_one for _ in range(odd)]]
    notes_found = found(trials, bands=lambda text: (0.5, 2.0))
    assert ("duration" in notes_found) is springs
    if springs:
        assert notes_found["duration"].invalid
        assert "3 of 20 trials" in notes_found["duration"].text


@pytest.mark.parametrize(
    ("supposed", "usual_s", "named"),
    [
        (24_000, 3.0, "at 8000 Hz the speech"),
        (48_000, 3.0, "at 16000 Hz the speech"),
        (24_000, 0.5, "at 48000 Hz or 44100 Hz the speech"),
        (16_000, 0.68, "at 24000 Hz or 22050 Hz the speech"),
    ],
)
def test_a_rate_that_is_only_supposed_is_named_as_the_likely_cause(supposed, usual_s, named):
    """One second of speech, as it was counted, where another rate would make it credible."""
    bands = {"bands": lambda text: (0.8 * usual_s, 1.2 * usual_s)}
    ready = TargetInfo(pid=1, sample_rate=supposed, is_rate_supposed=True)
    text = found(good(), ready=ready, **bands)["duration"].text
    assert f"supposed to be {supposed} Hz" in text
    assert named in text
    assert "sample_rate in --ttsperf-http-template" in text
    told = structs.replace(ready, is_rate_supposed=False)
    assert "sample rate" not in found(good(), ready=told, **bands)["duration"].text


def test_no_rate_is_named_that_would_explain_nothing():
    bands = {"bands": lambda text: (40.0, 60.0)}
    ready = TargetInfo(pid=1, sample_rate=24_000, is_rate_supposed=True)
    text = found(good(), ready=ready, **bands)["duration"].text
    assert "sample rate" not in text
    assert "truncated" in text


@pytest.mark.parametrize(("share", "springs"), [(0.58, True), (0.57, False)])
def test_speech_that_is_long_by_its_pauses_alone_lacks_words(share, springs):
    """Of 1 s, at least 0.425 s is to be heard."""
    hollow = trial(recording([(200, 1000)]), heard=sound(0, share), level=LOUD)
    notes_found = found([hollow] * 3, bands=lambda text: (0.5, 2.0))
    assert ("pauses" in notes_found) is springs
    assert "duration" not in notes_found
    if springs:
        assert notes_found["pauses"].invalid
        assert "0.42 s of 1.00 s sound" in notes_found["pauses"].text
    told = found([hollow] * 3, bands=lambda text: (0.5, 2.0), bands_bind=False)
    assert not any(note.invalid for note in told.values())


def test_speech_that_is_short_as_it_is_is_not_called_hollow():
    short = trial(recording([(200, 400)]), heard=sound(0, 0.5, 9600), level=LOUD)
    assert set(found([short] * 3, bands=lambda text: (0.5, 2.0))) == {"duration"}


def test_duration_band_is_that_of_each_text():
    trials = [*good(1, text="short"), *good(1, text="long")]
    bands = {"short": (0.5, 2.0), "long": (3.0, 9.0)}
    assert "1 too short, 0 too long; 1.00 s where at least 3.00 s" in (
        found(trials, bands=bands.__getitem__)["duration"].text
    )


def test_a_silent_trial_is_told_and_all_silent_is_invalid():
    mute = trial(recording([(50, 1000)]), heard=sound(None))
    assert "silence" not in found(good(3))
    assert not found([*good(3), mute])["silence"].invalid
    assert found([mute, mute])["silence"].invalid


def padded(silence_share, *, audio_ms=4000, n=20):
    chunks = [(50, audio_ms / 2), (200, audio_ms / 2)]
    heard = structs.replace(sound(0), silence_share=silence_share)
    return [trial(recording(chunks), index=index, heard=heard, level=LOUD) for index in range(n)]


@pytest.mark.parametrize(
    ("audio_ms", "share", "springs"),
    [
        (1600, 0.5, False),  # "Hello there," by kokoro
        (3500, 0.57, False),
        (4000, 0.58, False),
        (4000, 0.59, True),
        (15_000, 0.8, True),  # four times as much silence as speech
        (90_000, 0.34, False),  # a page with the pauses of hibari
        (90_000, 0.36, True),
    ],
)
def test_more_silence_than_speech_brings_is_padding(audio_ms, share, springs):
    notes_found = found(padded(share, audio_ms=audio_ms))
    assert ("padding" in notes_found) is springs
    if springs:
        assert notes_found["padding"].invalid
        assert f"up to {share:.0%}" in notes_found["padding"].text


def test_a_text_of_ones_own_may_ask_for_pauses():
    assert not found(padded(0.8), bands_bind=False)["padding"].invalid


def test_two_padded_of_twenty_are_told_by_nobody():
    assert "padding" not in found([*padded(0.8, n=2), *padded(0.1, n=18)])


@pytest.mark.parametrize(("share", "springs"), [(0.01, False), (0.02, True)])
def test_clipping_above_one_percent_is_told(share, springs):
    loud = Level(peak=1.0, clipped_share=share, non_finite=0)
    notes_found = found([*good(3), trial(recording([(50, 1000)]), level=loud)])
    assert ("clipping" in notes_found) is springs
    if springs:
        assert not notes_found["clipping"].invalid


@pytest.mark.parametrize(("count", "is_invalid"), [(2, False), (3, True)])
def test_more_clipping_than_a_loud_voice_has_is_invalid(count, is_invalid):
    level = Level(peak=1.0, clipped_share=0.44, non_finite=0)
    trials = good()
    broken = [structs.replace(each, level=level) for each in trials[:count]]
    note = found([*broken, *trials[count:]])["clipping"]
    assert note.invalid is is_invalid
    assert "(up to 44%)" in note.text
    assert ("the sound is broken" in note.text) is is_invalid


def bursts(chunks, n=20, *, onset_frame=0):
    return [
        trial(recording(chunks), index=i, heard=sound(onset_frame), level=LOUD) for i in range(n)
    ]


SCRAP = [(50, 40), (1550, 1000), (1600, 2000)]
FIRST_SAMPLE = Threshold(
    marker="ttfa", keyword="p95_ms", metric="ttfs_ms", statistic="p95", limit=500, onset="sample"
)


@pytest.mark.parametrize("thresholds", [(), (FIRST_SAMPLE,)])
def test_a_scrap_of_sound_and_then_a_hole_is_no_first_sample(thresholds):
    note = found(bursts(SCRAP), thresholds=thresholds)["burst"]
    assert note.invalid is bool(thresholds)
    assert "20 of 20 trials stall" in note.text
    assert "40 ms of sound, then 1460 ms of nothing" in note.text
    assert "onset='heard'" in note.text


def test_silence_before_a_hole_is_no_sound():
    chunks = [(50, 300), (1550, 3000), (1600, 1000)]
    note = found(bursts(chunks, onset_frame=7200), thresholds=(FIRST_SAMPLE,))["burst"]
    assert note.invalid
    assert "0 ms of sound, then 1200 ms" in note.text


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([(50, 40), (250, 80), (450, 90), (800, 100)], id="small chunks"),
        pytest.param([(50, 40), (2050, 1000), (4050, 1000)], id="growing chunks"),
        pytest.param([(50, 40), (2050, 1000)], id="two chunks"),
    ],
)
def test_who_is_slower_than_real_time_is_told_and_never_invalid(chunks):
    note = found(bursts(chunks), thresholds=(FIRST_SAMPLE,), bands=None)["burst"]
    assert not note.invalid
    assert "it is slower than real time" in note.text


def test_a_syllable_before_a_hole_is_told_and_not_void():
    chunks = [(50, 200), (1550, 1000), (1600, 2000)]
    note = found(bursts(chunks), thresholds=(FIRST_SAMPLE,))["burst"]
    assert not note.invalid
    assert "slower than real time" not in note.text


@pytest.mark.parametrize(
    ("chunks", "mode"),
    [
        ([(50, 40), (85, 500), (300, 500)], "stream"),
        ([(50, 500), (700, 500), (1300, 500)], "stream"),
        (SCRAP, "synthesize"),
    ],
)
def test_a_stall_shorter_than_what_was_heard_is_no_burst(chunks, mode):
    assert "burst" not in found(bursts(chunks), mode=mode)


def test_two_bursts_of_twenty_are_chance():
    usual = bursts([(50, 500), (200, 2500)], 18)
    assert "burst" not in found([*usual, *bursts(SCRAP, 2)])


def test_samples_that_are_no_numbers_are_invalid():
    broken = Level(peak=None, clipped_share=None, non_finite=24_000)
    note = found([*good(3), trial(recording([(50, 1000)]), level=broken)])["samples"]
    assert note.invalid
    assert "24000" in note.text


@pytest.mark.parametrize(
    ("asked", "nodes"),
    [
        ("cpu", {"CPUExecutionProvider": 40}),
        ("CPU", {"CPUExecutionProvider": 40}),
        ("CoreMLExecutionProvider", {"CoreMLExecutionProvider": 1, "CPUExecutionProvider": 39}),
        ("coreml", {"CoreMLExecutionProvider": 1, "CPUExecutionProvider": 39}),
        ("nv_tensorrt_rtx", {"NvTensorRTRTXExecutionProvider": 4}),
        (None, {"CPUExecutionProvider": 40}),
    ],
)
def test_provider_that_ran_is_the_one_asked_for(asked, nodes):
    assert "provider" not in found(good(3), asked=asked, nodes=nodes)


@pytest.mark.parametrize(
    "nodes",
    [{"CPUExecutionProvider": 40}, {"CPUExecutionProvider": 40, "CoreMLExecutionProvider": 0}],
)
def test_provider_that_ran_no_nodes_is_invalid(nodes):
    note = found(good(3), asked="coreml", nodes=nodes)["provider"]
    assert note.invalid
    assert "0 nodes (40 on CPUExecutionProvider)" in note.text


@pytest.mark.parametrize("library", ["/opt/libfoo_ep.so", "libfoo_ep.so.1", "foo_ep.dll"])
@pytest.mark.parametrize(
    ("told", "nodes", "invalid"),
    [
        ("foo", {"foo": 3, "CPUExecutionProvider": 40}, False),
        ("foo", {"CPUExecutionProvider": 40}, True),
        ("CPUExecutionProvider", {"CPUExecutionProvider": 40}, True),
        (None, {"foo": 3}, True),
    ],
)
def test_a_library_is_known_by_the_name_of_its_provider(library, told, nodes, invalid):
    ready = TargetInfo(pid=1, sample_rate=24_000, placement={"provider": told, "nodes": nodes})
    note = found(good(3), asked=library, ready=ready).get("provider")
    assert (note is not None and note.invalid) is invalid


def test_provider_that_nobody_tells_is_unverified():
    note = found(good(3), asked="cpu")["provider"]
    assert not note.invalid
    assert note.text.startswith("unverified")
    assert "provider" in found(good(3), asked="cpu", nodes={})
    assert "provider" in found(good(3), asked="cpu", ready=None)


def spoken(total_ms, *, text, kind="trial"):
    chunks = [(10, 500), (total_ms, 500)]
    return trial(recording(chunks), kind=kind, text=text, heard=sound(0))


def test_a_repeated_text_that_comes_faster_proves_a_cache():
    trials = [spoken(200, text=f"t{i}") for i in range(5)]
    fast = [spoken(90, text="t0", kind="probe"), spoken(80, text="t1", kind="probe")]
    note = found([*trials, *fast])["cache"]
    assert not note.invalid
    assert "a cache serves repeated texts" in note.text
    assert "the figures are from distinct texts" in note.text


def test_a_repeated_text_that_takes_as_long_proves_nothing():
    trials = [spoken(200, text=f"t{i}") for i in range(5)]
    assert "cache" not in found([*trials, spoken(110, text="t0", kind="probe")])
    assert "cache" not in found(trials)


def test_distinct_probes_among_distinct_texts_prove_nothing():
    trials = [spoken(200, text=f"t{i}") for i in range(5)]
    assert "cache" not in found([*trials, spoken(50, text="new", kind="probe")])


def test_a_cache_of_an_earlier_run_is_found_by_texts_nobody_has_spoken():
    trials = [spoken(40, text=f"t{i}") for i in range(5)]
    again = [spoken(40, text="t0", kind="probe")]
    unheard = [spoken(200, text=f"new {i}", kind="probe") for i in range(3)]
    note = found([*trials, *again, *unheard])["cache"]
    assert note.invalid
    assert "nobody has spoken before" in note.text


def test_a_slow_moment_is_no_cache():
    """Three unheard texts in a burst of noise: the repeated text between them is slow as well."""
    trials = [spoken(40, text=f"t{i}") for i in range(5)]
    burst = [
        probe
        for i in range(3)
        for probe in (
            spoken(150, text="t0", kind="probe"),
            spoken(200, text=f"new {i}", kind="probe"),
        )
    ]
    assert "cache" not in found([*trials, *burst])


def test_stages_on_another_clock_are_told():
    foreign = trial(recording([(50, 500)], spans=[("decode", -900_000, -899_000)]), heard=sound(0))
    assert "another clock" in found([foreign])["stages"].text
    assert "stages" not in found(good())


def test_stages_that_do_not_add_up_are_told():
    half = [trial(recording([(50, 500)], spans=[("decode", 0, 25)]), heard=sound(0))]
    assert "stages told explain" in found(half)["explained"].text
    assert "explained" not in found(good())


def test_a_text_of_ones_own_may_leave_the_band_of_english():
    odd = [trial(recording([(900, 100)]), heard=sound(0, last_frame=2400), level=LOUD)] * 5
    bands = {"bands": lambda text: (0.5, 2.0)}
    assert found(odd, **bands)["duration"].invalid
    assert not found(odd, bands_bind=False, **bands)["duration"].invalid


def test_one_text_over_and_over_with_slower_new_texts_is_invalid():
    trials = [spoken(80, text="same") for _ in range(5)]
    slow = [spoken(200, text=f"new {i}", kind="probe") for i in range(3)]
    note = found([*trials, *slow])["cache"]
    assert note.invalid
    assert "cache" not in found([*trials, spoken(150, text="new", kind="probe")])


def test_cache_needs_a_figure_to_compare():
    trials = [trial(None, text="a"), trial(None, text="b")]
    assert "cache" not in found([*trials, spoken(20, text="a", kind="probe")])
    unmeasured = trial(None, text="t0", kind="probe")
    assert "cache" not in found([*[spoken(200, text=f"t{i}") for i in range(5)], unmeasured])


def moving(metric, values):
    """Trials of which one metric moves like these values, and the other stands still."""
    if metric == "rtf":
        chunks = [[(10, 500), (value, 500)] for value in values]
    else:
        chunks = [[(value, 500), (1000, 500)] for value in values]
    return [trial(recording(each), heard=sound(0)) for each in chunks]


@pytest.mark.parametrize("metric", ["ttfa_sound_ms", "rtf"])
@pytest.mark.parametrize(("slope", "word"), [(1.0, "rises"), (-1.0, "falls")])
def test_trend_over_the_trials_is_told(metric, slope, word):
    values = tuple(100 + slope * i for i in range(30))
    note = found(moving(metric, values))["trend"]
    assert not note.invalid
    assert f"{metric} {word}" in note.text
    assert "of 30 trials" in note.text


def test_chance_or_a_small_change_is_no_trend():
    noise = tuple(np.random.default_rng(3).normal(100, 8, 30).tolist())
    small = tuple(100 + 0.1 * i for i in range(30))
    few = (10.0, 20.0, 30.0, 40.0)
    for values in (noise, small, few):
        assert "trend" not in found(moving("rtf", values))


def test_finished_audio_cut_into_chunks_is_not_streamed():
    sliced = [trial(recording([(200, 50), (201, 50)], spans=[("decode", 0, 190)]))] * 3
    streaming = [trial(recording([(50, 50), (99, 50)], spans=[("decode", 60, 90)]))] * 2
    note = found([*sliced, *streaming])["stream"]
    assert not note.invalid
    assert note.text.startswith("not streamed: in 3 of 5 trials")
    assert "stream" not in found([*sliced, *streaming], mode="nonstream")
    assert "stream" not in found([*sliced[:2], *streaming])
    assert "stream" not in found([trial(recording([(200, 900)]))])
    # What nothing is known of does not speak against it: one reader may have been late.
    assert "stream" not in found([sliced[0], *[trial(recording([(200, 900)]))] * 2])


def busy_trials(cpu_s):
    usage = Usage(rss_bytes=1, rss_peak_bytes=1, uss_bytes=None, cpu_s=cpu_s)
    return [structs.replace(each, usage=usage) for each in good()]


@pytest.mark.parametrize("threads", [1, {"encode": 1, "decode": 1}])
@pytest.mark.parametrize(("cpu_s", "told"), [(0.19, False), (0.39, True)])
def test_more_cores_than_threads_told(cpu_s, told, threads):
    busy = busy_trials(cpu_s)
    ready = TargetInfo(pid=1, sample_rate=24_000, placement={"threads": threads, "nodes": {}})
    assert ("threads" in found(busy, ready=ready)) is told


def test_a_cold_start_opens_the_target_on_as_many_cores_as_it_likes():
    ready = TargetInfo(pid=1, sample_rate=24_000, placement={"threads": 1})
    assert "threads" not in found(busy_trials(0.39), ready=ready, phase="cold")


def test_cpu_of_a_blink_tells_nothing_about_threads():
    usage = Usage(rss_bytes=1, rss_peak_bytes=1, uss_bytes=None, cpu_s=0.5)
    ready = TargetInfo(pid=1, sample_rate=24_000, placement={"threads": 1})
    (one,) = good(1)
    assert "threads" not in found([structs.replace(one, usage=usage)], ready=ready)


@pytest.mark.parametrize("trials", [[], good()])
def test_what_was_traced_is_void(trials):
    ready = TargetInfo(pid=1, tracers=("a profiler", "a debugger"))
    note = found(trials, ready=ready)["traced"]
    assert note.invalid
    assert "traced by a profiler, a debugger" in note.text
    assert "--ttsperf-disable" in note.text


def spread(*placements, fingerprints=("f", "f")):
    """A result over processes that tell these placements, asked for the CPU."""
    processes = []
    for number, placement in enumerate(placements):
        ready = TargetInfo(pid=number, placement=placement)
        processes.append(
            TargetProcess(
                process=number, fingerprint=fingerprints[number], ready=ready, start_s=1.0
            )
        )
    first = structs.replace(result(good()), ready=processes[0].ready, processes=tuple(processes))
    return {note.guard: note for note in find_notes(first, asked_provider="cpu")}


def test_the_provider_is_read_back_from_each_process():
    on_cpu = {"nodes": {"CPUExecutionProvider": 40}}
    elsewhere = {"nodes": {"CUDAExecutionProvider": 40}}
    assert "provider" not in spread(on_cpu, on_cpu)
    assert spread(on_cpu, elsewhere)["provider"].invalid
    assert spread(elsewhere, on_cpu)["provider"].invalid
    assert not spread(on_cpu, None)["provider"].invalid
    assert spread(None, elsewhere)["provider"].invalid


def test_processes_of_two_fingerprints_are_no_cell():
    assert "processes" not in spread(None, None)
    note = spread(None, None, fingerprints=("one-thread", "two-threads"))["processes"]
    assert note.invalid
    assert "one-thread and two-threads" in note.text
