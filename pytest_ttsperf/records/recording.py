"""One synthesis as it was recorded: instants, spans, sound and what was used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType, field, structs

from pytest_ttsperf import secrets
from pytest_ttsperf.records.load import TrialLoad

if TYPE_CHECKING:
    pass


Mode = Literal["stream", "nonstream"]
Phase = Literal["warm", "cold"]
Kind = Literal["warmup", "trial", "probe"]
Json = Any
"""Whatever JSON can carry (msgspec cannot express it recursively)."""


class Span(Struct, frozen=True, kw_only=True):
    """One stage at work; `chunk` is the index of the chunk it worked for, where it knows one."""

    stage: str
    chunk: int | None = None
    start_ns: int
    end_ns: int


class Recording(Struct, frozen=True, kw_only=True):
    """The raw instants of one synthesis, all on one clock of the process that made them.

    `arrivals_ns[i]` is when chunk i was there and `frame_counts[i]` how many frames of sound it
    carried; a chunk without sound (a container header, an empty array) counts 0 frames.
    """

    request_ns: int
    """When the text was handed over."""
    arrivals_ns: tuple[int, ...]
    """When each chunk was there."""
    frame_counts: tuple[int, ...]
    """How many frames each chunk has."""
    end_ns: int
    """When the answer was over."""
    sample_rate: int
    """In frames a second."""
    spans: tuple[Span, ...] = ()
    """The stages that the target reports, on the same clock."""
    cpu_ns: int | None = None
    """CPU time of the process that spoke, its threads included, during this synthesis."""
    pcm: bytes | UnsetType = UNSET
    """Mono float32, little-endian, native rate. Left out of artifacts."""

    def without_pcm(self) -> Recording:
        """The same recording, fit for an artifact."""
        return structs.replace(self, pcm=UNSET)


class TargetInfo(Struct, frozen=True, kw_only=True):
    """What a target tells about itself once it is open."""

    pid: int | None
    """The top of the process tree whose memory and CPU are the target's."""
    pid_missing_because: str | None = field(name="no_pid", default=None)
    """Why there is no such tree to be read."""
    sample_rate: int | None = None
    """None where only the audio tells it."""
    is_rate_supposed: bool = False
    """Whether the rate was set for bare samples, and nothing that the target sends tells it."""
    placement: dict[str, Json] | None = None
    versions: dict[str, str] = {}
    spans: tuple[Span, ...] = ()
    phases_ms: dict[str, float] = {}
    """process, import, open: what the opening consisted of, in milliseconds; ready: all of it."""
    process_ns: int | None = None
    """When the process was asked for, on the clock of its own recordings; None in process."""
    target_warnings: tuple[str, ...] = field(name="quirks", default=())
    tracers: tuple[str, ...] = ()
    """Debuggers, profilers and the like that were at work in its process."""


class TargetSpec(Struct, frozen=True, kw_only=True):
    """What to measure: a spec in one of the forms of `specs`, with keyword options.

    It holds `{env:NAME}` as it was written; targets put in the value when they are opened.
    """

    spec: str
    options: dict[str, Json] = {}

    @property
    def label(self) -> str:
        """The spec with its options, as cells and artifacts name it, its secrets masked.

        So two targets that differ in a secret alone are one cell, and a key that was changed for
        another is compared with the same baseline (docs/adr/0024).
        """
        spec, options = secrets.mask_target(self.spec, self.options)
        listed = ", ".join(f"{key}={value!r}" for key, value in sorted(options.items()))
        return f"{spec}({listed})" if listed else spec

    @property
    def shown(self) -> str:
        """The spec alone, its secrets masked."""
        return secrets.mask_target(self.spec, {})[0]

    def __repr__(self) -> str:
        """Masked too: tracebacks show it."""
        return f"TargetSpec({self.label!r})"


class Sound(Struct, frozen=True, kw_only=True):
    """What is audible in a recording (metrics.definitions.hear)."""

    onset_frame: int | None
    last_frame: int | None
    """End of the last window above the threshold: from the onset to here there is speech."""
    silence_share: float | None
    active_level_dbfs: float | None


class Level(Struct, frozen=True, kw_only=True):
    """Whether the samples are sound at all (metrics.quality.level)."""

    peak: float | None
    clipped_share: float | None
    non_finite: int
    bandwidth_hz: float | None = None
    """Below it lies all but a thousandth of the power."""
    true_peak_dbtp: float | None = None
    """The peak between the samples, as a converter would make it."""


class FlaggedSeam(Struct, frozen=True, kw_only=True):
    """A joint of two chunks at which the sound is broken."""

    second: float
    kind: str
    score: float


class SeamCheck(Struct, frozen=True, kw_only=True):
    """The joints of a trial, and those of them at which the sound is broken."""

    joints: int
    flagged: tuple[FlaggedSeam, ...] = ()


class WordCheck(Struct, frozen=True, kw_only=True):
    """How what a recogniser wrote down differs from the text."""

    words: int
    """Of the text."""
    errors: int
    worst_run: int
    """Errors of the longest run that no matching word interrupts."""
    differing: str
    """That run."""
    transcript: str


class Quality(Struct, frozen=True, kw_only=True):
    """What was judged of a trial's sound on request; None for what was not."""

    lufs: float | None = None
    """Integrated loudness."""
    seams: SeamCheck | None = None
    words: WordCheck | None = None
    mos: float | None = None
    """Mean opinion score, as a model predicts it."""
    timbre_db: float | None = None
    """How far its mean mel spectrum is from those of both other arms, together."""


class Usage(Struct, frozen=True, kw_only=True):
    """Resources of the target's process tree around one trial."""

    rss_bytes: int
    rss_peak_bytes: int
    uss_bytes: int | None
    cpu_s: float
    """User and system seconds: in a trial what it spent, in a bare reading all since the start."""


class Trial(Struct, frozen=True, kw_only=True):
    """One timed synthesis with everything raw that is known of it."""

    index: int
    """Its place among all of the cell, from 0."""
    kind: Kind
    process: int
    """Which process of the target it was made in, from 0."""
    text: str
    """What was to be said."""
    recording: Recording | None
    sound: Sound | None = None
    level: Level | None = None
    quality: Quality | None = None
    usage: Usage | None = None
    phases_ms: dict[str, float] = {}
    """Of a cold start: how long each phase took, in milliseconds."""
    error: str | None = None
    """Why there is no answer; null where there is one."""
    load: TrialLoad | None = None
    """How it was sent and ended as one request of a crowd; None for a single listener."""
