"""The hibari family's vocoder, streamed: spectra in, waveform out, exact however they are cut.

The network describes each 12.5 ms frame by five spectra of 601 bins and a pitch. The frame's sum

    S = exp(harmonic_log) * exp(i pi tanh(harmonic_turn)) * STFT(pulses)    the voiced part
      + exp(noise_log) * Z                                                  the breath
      + exp(free_log) * exp(i free_phase)                                   the rest

goes through an inverse STFT (1200 points, hop 300, Hann, 24 kHz). `pulses` is a train of
band-limited pulses at the pitch, Z is complex Gaussian noise.

Time is counted in blocks of one hop. Frame t covers the pulses of blocks t-2 to t+1, and a pulse
block needs the pitch one frame to each side; output block b is the sum of frames b-1 to b+2.
So what comes out trails what went in by LOOKAHEAD frames. What has to be remembered between two
pieces is small: the running sum of the pitch (the phase), 900 pulse samples, three half-finished
output blocks, and the noise generator. Noise is drawn frame by frame, so that no cut changes it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...audio import Samples
from ...errors import ModelError

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]

SAMPLE_RATE = 24_000
HOP = 300
N_FFT = 1200
BINS = N_FFT // 2 + 1
OVERLAP = N_FFT // HOP  # frames that share one output block
CENTRE = N_FFT // 2  # samples a frame reaches back from its own block
LOOKAHEAD = 4  # frames the output trails the input by
FRAME_BLOCKS = N_FFT // HOP  # pulse blocks that a frame covers
MIN_FRAMES = 3  # fewer have nothing to reflect at the edges

MIN_PITCH_HZ = 40.0  # below: unvoiced
MAX_HARMONIC_HZ = 11_000.0
MAX_LOG_MAGNITUDE = 7.0
TINY_SINE = 2e-3  # around here a pulse is taken at its limit, the number of its harmonics


class Spectra(NamedTuple):
    """Frames as the network gives them: five arrays [BINS, frames], and the pitch [frames] in Hz.

    The names follow the formula above; the order is that of the model's outputs.
    """

    harmonic_log: Floats
    harmonic_turn: Floats
    noise_log: Floats
    free_log: Floats
    free_phase: Floats
    pitch: Floats

    @classmethod
    def of_rows(cls, rows: Floats, pitch: Floats) -> Spectra:
        """Frames from rows, [frames, 5 * BINS], and a pitch that may reach further."""
        parts = [rows[:, at : at + BINS].T for at in range(0, 5 * BINS, BINS)]
        return cls._make([*parts, pitch])

    @property
    def frame_count(self) -> int:
        return len(self.pitch)

    def between(self, start: int, stop: int) -> Spectra:
        """The frames from start up to, not including, stop."""
        return Spectra(*(part[..., start:stop] for part in self))


def _hann() -> Floats:
    turn = 2 * np.pi * np.arange(N_FFT) / N_FFT
    window = 0.5 - 0.5 * np.cos(turn)
    return window.astype(np.float32)


def _edge_gains(window: Floats) -> tuple[Floats, Floats]:
    """What undoes the summed squared windows: for blocks 0, 1, 2, ... and for the last ones.

    The first blocks lack the frames before the start and the last lack those after the end;
    row OVERLAP-1 of the first table holds for every block in between.
    """
    power = (window * window).reshape(OVERLAP, HOP)
    rising = np.cumsum(power, axis=0)
    falling = np.cumsum(power[::-1], axis=0)[::-1]
    return _invert(rising), _invert(falling[1:])


def _invert(sums: Floats) -> Floats:
    gains = 1 / np.maximum(sums, 1e-11)
    return gains.astype(np.float32)


WINDOW = _hann()
# A cosine of amplitude 1 then peaks at 1, and exp(harmonic_log) is its magnitude. The transform
# divides by its length: only then does NumPy 2 work in float32, which is five times as fast.
PULSE_WINDOW = WINDOW * np.float32(N_FFT / (N_FFT / 4))
GAIN_RISING, GAIN_FALLING = _edge_gains(WINDOW)


class PulseTrain:
    """Pitch frames -> pulse samples, one block behind: a block needs the pitch after it."""

    # Weights of the two pitches a sample lies between; a frame's pitch holds in its middle.
    _POSITION = (np.arange(HOP) + 0.5) / HOP
    _LATER = ((_POSITION + 0.5) % 1).astype(np.float32)
    _EARLIER = 1 - _LATER
    _MIDDLE = HOP // 2

    def __init__(self, skip: int = 0) -> None:
        """The first `skip` blocks are only counted through: no frame covers them."""
        self._skip = skip * HOP
        self._cycles = 0.0  # running sum of the pitch in Hz, not wrapped: rounding stays the same
        self._pitch = np.zeros(0, np.float32)  # the frame before the next block, and its own

    def push(self, pitch: Floats) -> Samples:
        """The blocks that these frames complete."""
        before = self._pitch
        if not before.size:
            before = pitch[:1]
        frames = np.concatenate([before, pitch])
        self._pitch = frames[-2:]
        return self._blocks(frames)

    def finish(self) -> Samples:
        """The last block; the pitch stays level after the end."""
        return self._blocks(np.append(self._pitch, self._pitch[-1:]))

    def _blocks(self, frames: Floats) -> Samples:
        """A block for each frame but the first and the last."""
        if len(frames) < 3:
            return np.zeros(0, np.float32)
        pitch = self._interpolate(frames)
        voiced = pitch > MIN_PITCH_HZ
        np.maximum(pitch, np.float32(MIN_PITCH_HZ), out=pitch)
        phase = self._phase(pitch)
        wanted = slice(self._skip, None)
        self._skip = max(0, self._skip - len(pitch))
        wave = _pulses(phase[wanted], pitch[wanted])
        wave[~voiced[wanted]] = 0
        return wave

    def _interpolate(self, frames: Floats) -> Floats:
        """One pitch a sample, on straight lines between the middles of the frames."""
        middle = self._MIDDLE
        later = self._LATER
        earlier = self._EARLIER
        column = frames[:, None]
        before = column[:-2]
        current = column[1:-1]
        after = column[2:]
        pitch = np.empty((len(current), HOP), np.float32)
        pitch[:, :middle] = before * earlier[:middle] + current * later[:middle]
        pitch[:, middle:] = current * earlier[middle:] + after * later[middle:]
        return pitch.reshape(-1)

    def _phase(self, pitch: Floats) -> Floats:
        """Radians in [0, 2 pi). The sum is float64: in float32 it would drift audibly."""
        cycles = pitch.astype(np.float64)
        cycles[0] += self._cycles
        np.cumsum(cycles, out=cycles)
        self._cycles = float(cycles[-1])
        cycles *= 1 / SAMPLE_RATE
        np.modf(cycles, cycles, np.empty_like(cycles))
        phase = cycles * (2 * np.pi)
        return phase.astype(np.float32)


def _pulses(phase: Floats, pitch: Floats) -> Samples:
    """The sum of cos(h * phase) over every harmonic h below MAX_HARMONIC_HZ, in closed form."""
    half = np.float32(0.5)
    order = np.floor(np.float32(MAX_HARMONIC_HZ) / pitch) + half
    divisor = 2 * np.sin(phase * half)
    at_limit = np.abs(divisor) <= TINY_SINE
    divisor[at_limit] = 1
    wave: Samples = np.sin(order * phase) / divisor
    wave[at_limit] = order[at_limit]
    wave -= half
    return wave


class Vocoder:
    """One segment's vocoder: push frames as they come, then finish. Not reusable.

    The pitch may be pushed further ahead than the spectra; two frames are all that is used of it.
    """

    def __init__(
        self,
        noise: np.random.Generator,
        start: int = 0,
    ) -> None:
        """Output begins with block `start`, and is what it would be from the beginning.

        Then spectra are pushed from frame `first_frame` on, pitch always from the beginning.
        """
        self._start = 0
        if start > FRAME_BLOCKS:
            self._start = start
        self.first_frame = max(0, self._start - 1)
        before = max(0, self.first_frame - CENTRE // HOP)  # blocks that no frame covers
        self._unwanted = (start - self._start) * HOP
        self._noise = noise
        skip_gaussian(noise, self.first_frame)
        self._train = PulseTrain(before)
        self._pulses = np.zeros(0, np.float32)  # what frames still to come cover
        self._reflected = self._start > 0  # whether the start has its reflection in front
        self._filters = np.zeros((0, BINS), np.complex64)  # frames that wait for their pulses
        self._rests = np.zeros((0, BINS), np.complex64)
        self._overlap = np.zeros((OVERLAP - 1, HOP), np.float32)
        self._frame = self.first_frame  # the next frame to be transformed

    def push(self, spectra: Spectra) -> Samples:
        """The samples that these frames complete: in all, HOP for each but LOOKAHEAD frames."""
        self._shape(spectra)
        self._add_pulses(self._train.push(spectra.pitch))
        return self._transform()

    def finish(self) -> Samples:
        """The samples that only wait for the end. Raises ModelError after too few frames."""
        self._add_pulses(self._train.finish())
        if not self._reflected:
            raise ModelError(
                f"found {len(self._filters)} frames, wanted at least {MIN_FRAMES}; "
                "the model said less than any phoneme takes"
            )
        self._add_pulses(self._pulses[-2 : -2 - HOP : -1])  # the end, reflected
        body = self._transform()
        waiting = OVERLAP - 2  # blocks
        tail = self._overlap[:waiting] * GAIN_FALLING[:waiting]
        return np.concatenate([body, tail.reshape(-1)])

    def _shape(self, spectra: Spectra) -> None:
        """Frames -> what filters the pulses, and what is added to them."""
        parts = [np.ascontiguousarray(part.T) for part in spectra[:5]]
        harmonic_log, harmonic_turn, noise_log, free_log, free_phase = parts
        turn = np.tanh(harmonic_turn)
        turn *= np.float32(np.pi)
        filters = _from_polar(_magnitude(harmonic_log), turn)
        rests = _from_polar(_magnitude(free_log), free_phase)
        radius, angle = gaussian(self._noise, len(noise_log))
        radius *= _magnitude(noise_log)
        rests += _from_polar(radius, angle)
        self._filters = np.concatenate([self._filters, filters])
        self._rests = np.concatenate([self._rests, rests])

    def _add_pulses(self, pulses: Samples) -> None:
        self._pulses = np.concatenate([self._pulses, pulses])
        if not self._reflected and len(self._pulses) > CENTRE:
            reflection = self._pulses[CENTRE:0:-1]
            self._pulses = np.concatenate([reflection, self._pulses])
            self._reflected = True

    def _transform(self) -> Samples:
        """Every frame whose pulses are all there -> the blocks it completes."""
        ready = min(len(self._filters), (len(self._pulses) - N_FFT) // HOP + 1)
        if not self._reflected or ready < 1:
            return np.zeros(0, np.float32)
        windows = sliding_window_view(self._pulses, N_FFT)
        pulses = windows[: ready * HOP : HOP] * PULSE_WINDOW
        spectrum = np.fft.rfft(pulses, norm="forward")
        spectrum *= self._filters[:ready]
        spectrum += self._rests[:ready]
        frames = np.fft.irfft(spectrum, N_FFT).astype(np.float32, copy=False)
        frames *= WINDOW
        self._pulses = self._pulses[ready * HOP :]
        self._filters = self._filters[ready:]
        self._rests = self._rests[ready:]
        return self._overlap_add(frames)

    def _overlap_add(self, frames: Floats) -> Samples:
        count = len(frames)
        parts = frames.reshape(count, OVERLAP, HOP)
        blocks = np.zeros((count + OVERLAP - 1, HOP), np.float32)
        blocks[: OVERLAP - 1] = self._overlap
        for late in reversed(range(OVERLAP)):  # oldest frame first, as if all came at once
            blocks[late : late + count] += parts[:, late]
        self._overlap = blocks[count:].copy()
        numbers = np.arange(self._frame, self._frame + count)
        self._frame += count
        gains = GAIN_RISING[np.minimum(numbers, OVERLAP - 1)]
        blocks = blocks[:count] * gains
        wanted = blocks[numbers >= CENTRE // HOP + self._start]
        samples = wanted.reshape(-1)
        unwanted = self._unwanted
        self._unwanted = max(0, unwanted - len(samples))
        return samples[unwanted:]


def gaussian(noise: np.random.Generator, frames: int) -> tuple[Floats, Floats]:
    """Complex Gaussian noise [frames, BINS] of variance 2, as radius and angle.

    Two even numbers each, after Box and Muller: a third of the time that NumPy's normal numbers
    take, and always as many draws, so that frames can be skipped.
    """
    even = noise.random((frames, 2, BINS), dtype=np.float32)
    radius = np.subtract(np.float32(1), even[:, 0])  # never 0
    np.log(radius, out=radius)
    radius *= np.float32(-2)
    np.sqrt(radius, out=radius)
    angle = even[:, 1] * np.float32(2 * np.pi)
    return radius, angle


def skip_gaussian(noise: np.random.Generator, frames: int) -> None:
    """Leave out the noise of so many frames. Two numbers are one step of the generator."""
    generator = noise.bit_generator
    if frames and isinstance(generator, np.random.PCG64):
        generator.advance(frames * BINS)
    else:
        gaussian(noise, frames)


def _magnitude(log: Floats) -> Floats:
    return np.exp(np.minimum(log, np.float32(MAX_LOG_MAGNITUDE)))


def _from_polar(magnitude: Floats, angle: Floats) -> Complexes:
    values = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=values.real)
    np.sin(angle, out=values.imag)
    values *= magnitude
    return values
