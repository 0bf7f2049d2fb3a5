"""The onset, on sound synthesised so that its place is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics.audio import measure_sound, to_samples
from tests.unit.metrics.factories import RATE, joined, recording, silence, tone

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]


def onset_ms(samples, rate=RATE):
    frame = measure_sound(samples, rate).onset_frame
    return None if frame is None else frame / rate * 1000


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lead_ms", [0, 7, 120, 300])
def test_onset_is_within_the_millisecond_where_the_sound_starts(rate, lead_ms):
    found = onset_ms(joined(silence(lead_ms, rate), tone(400, rate=rate)), rate)
    assert lead_ms - 1 <= found <= lead_ms + 1


def test_silence_sent_as_a_chunk_of_its_own_does_not_hold_the_onset():
    assert measure_sound(joined(silence(300), tone(400)), RATE).onset_frame >= silence(300).size


@given(st.integers(0, 500), st.floats(-50, -3), st.sampled_from(RATES))
def test_onset_anywhere_at_any_level(lead_ms, dbfs, rate):
    found = onset_ms(joined(silence(lead_ms, rate), tone(300, dbfs, rate)), rate)
    assert abs(found - lead_ms) <= 2


@given(st.integers(0, 300), st.floats(0.05, 1.0))
def test_onset_does_not_depend_on_gain(lead_ms, gain):
    samples = joined(silence(lead_ms), tone(300, -12))
    assert onset_ms(samples * np.float32(gain)) == pytest.approx(onset_ms(samples), abs=1)


def test_active_level_is_that_of_the_active_windows():
    heard = measure_sound(joined(silence(500), tone(500, -20)), RATE)
    assert heard.active_level_dbfs == pytest.approx(-20, abs=0.2)
    assert measure_sound(tone(500, -3, hz=1000), RATE).active_level_dbfs == pytest.approx(
        -3, abs=0.1
    )


def test_silence_share_is_the_share_of_windows_below_the_threshold():
    assert measure_sound(joined(silence(500), tone(500)), RATE).silence_share == pytest.approx(
        0.5, abs=0.02
    )
    assert measure_sound(tone(500), RATE).silence_share == pytest.approx(0, abs=0.01)


def test_a_click_is_no_onset():
    click = silence(500)
    click[2400] = 0.9
    assert onset_ms(click) is None
    assert onset_ms(joined(click, tone(300))) == pytest.approx(500, abs=1)


def test_thirty_of_the_next_fifty_milliseconds_are_needed():
    # a burst of b ms lights about b + 9 windows, as each looks 10 ms back
    assert onset_ms(joined(silence(100), tone(18, hz=1000), silence(300))) is None
    assert onset_ms(joined(silence(100), tone(24, hz=1000), silence(300))) == pytest.approx(
        100, abs=1
    )


def test_noise_35_db_below_the_voice_is_silence():
    rng = np.random.default_rng(1)
    floor = (rng.standard_normal(RATE // 2) * 10 ** (-50 / 20)).astype(np.float32)
    assert onset_ms(joined(floor, tone(2000, -10))) == pytest.approx(500, abs=2)
    assert onset_ms(joined(floor, tone(2000, -20))) == pytest.approx(0, abs=10)


def test_below_60_dbfs_nothing_is_heard():
    heard = measure_sound(tone(500, -63), RATE)
    assert heard.onset_frame is None
    assert heard.active_level_dbfs is None
    assert heard.silence_share == 1.0


def test_an_offset_is_no_sound():
    assert onset_ms(np.full(RATE, 0.3, dtype=np.float32)) is None
    shifted = joined(silence(200), tone(300)) + np.float32(0.25)
    assert onset_ms(shifted) == pytest.approx(200, abs=1)


@pytest.mark.parametrize("frames", [0, 1, 23])
def test_less_than_a_millisecond_tells_nothing(frames):
    heard = measure_sound(np.ones(frames, dtype=np.float32), RATE)
    assert (heard.onset_frame, heard.silence_share, heard.active_level_dbfs) == (None, None, None)


@pytest.mark.parametrize("ms", [1, 5, 12, 30])
def test_very_short_audio_has_no_onset(ms):
    heard = measure_sound(tone(ms, hz=1000), RATE)
    assert heard.onset_frame is None
    assert 0 <= heard.silence_share <= 1


def test_samples_that_are_no_numbers_are_heard_as_silence():
    broken = joined(np.full(2400, np.nan, dtype=np.float32), tone(300))
    broken[100] = np.inf
    assert onset_ms(broken) == pytest.approx(100, abs=1)
    assert onset_ms(np.full(RATE, np.nan, dtype=np.float32)) is None


def test_samples_at_full_integer_scale_do_not_break_the_sums():
    samples = joined(silence(200), tone(300, -12)) * np.float32(32767)
    assert onset_ms(samples) == pytest.approx(200, abs=1)


def test_listening_grows_with_the_sound_and_no_faster():
    """Cumulative sums: four times the sound may take four times as long, and not sixteen."""
    short, long = tone(15_000), tone(60_000)
    pairs = [(_seconds(long), _seconds(short)) for _ in range(7)]
    assert min(of_long / of_short for of_long, of_short in pairs) < 8


def _seconds(samples) -> float:
    before = time.perf_counter()
    measure_sound(samples, RATE)
    return time.perf_counter() - before


def test_samples_come_back_as_they_were():
    wave = tone(100)
    kept = recording([(10, 60), (20, 40)], samples=wave)
    np.testing.assert_array_equal(to_samples(kept), wave)
    assert to_samples(kept).dtype == np.float32


def test_a_recording_without_its_sound_is_an_error():
    kept = recording([(10, 100)], samples=tone(100))
    with pytest.raises(MeasurementError, match="left out of artifacts"):
        to_samples(kept.without_pcm())


def test_sound_that_does_not_fit_its_chunks_is_an_error():
    with pytest.raises(MeasurementError, match="disagree"):
        to_samples(recording([(10, 100)], samples=tone(90)))
