"""The data that flows: measure -> metrics -> judge -> report.

Everything here is frozen, typed and can be written as JSON. Raw instants are kept and metrics are
derived from them later (style: "record raw, derive later"). A number that was not measured is
`None`, never 0. Units stand last in a name: `_ns` and `_ms` are durations or instants, `_mb` is
10^6 bytes, `_bytes` is bytes, a share is 0..1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, Struct, UnsetType, field, structs

from pytest_ttsperf import secrets, specs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Mode = Literal["stream", "nonstream"]
Phase = Literal["warm", "cold"]
Kind = Literal["warmup", "trial", "probe"]
Statistic = Literal["p50", "p95", "p99", "max", "value"]
Scale = Literal["ratio", "difference"]
"""How old and new are compared: by logs, or, where a metric can be 0, by subtraction."""
Judged = Literal["p50", "p95", "p99", "value"]
"""What of a metric is compared; `value` is one number per process, memory say."""
Look = Literal["early", "end"]
"""The only look before the end comes at 60 % of the blocks."""
MIN_SHARE = 0.5
"""A block counts when all three processes measured at least this share of its texts."""
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
    arrivals_ns: tuple[int, ...]
    frame_counts: tuple[int, ...]
    end_ns: int
    sample_rate: int
    spans: tuple[Span, ...] = ()
    cpu_ns: int | None = None
    """CPU time of the process that spoke, its threads included, during this synthesis."""
    pcm: bytes | UnsetType = UNSET
    """Mono float32, little-endian, native rate. Left out of artifacts."""

    def without_pcm(self) -> Recording:
        """The same recording, fit for an artifact."""
        return structs.replace(self, pcm=UNSET)


class Ready(Struct, frozen=True, kw_only=True):
    """What a target tells about itself once it is open."""

    pid: int | None
    """The top of the process tree whose memory and CPU are the target's."""
    no_pid: str | None = None
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
    quirks: tuple[str, ...] = ()
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
    kind: Kind
    process: int
    text: str
    recording: Recording | None
    sound: Sound | None = None
    level: Level | None = None
    usage: Usage | None = None
    phases_ms: dict[str, float] = {}
    error: str | None = None


class Memory(Struct, frozen=True, kw_only=True):
    """Memory of the target's process tree over a cell; None where it could not be measured."""

    rss_baseline_mb: float | None = None
    rss_peak_mb: float | None = None
    rss_range_mb: float | None = None
    uss_peak_mb: float | None = None
    reason: str | None = None
    """Why it could not be measured."""


class Cell(Struct, frozen=True, kw_only=True):
    """What is compared with what; two measurements with the same id may be compared."""

    test: str
    target: str
    """As it was addressed; `id` leaves out the port of a server on this machine."""
    provider: str
    voice: str
    preset: str
    mode: Mode
    phase: Phase

    @property
    def id(self) -> str:
        """All seven parts in one line; stable across runs and machines (see specs.identity)."""
        target = specs.identity(self.target)
        return " | ".join(
            (self.test, target, self.provider, self.voice, self.preset, self.mode, self.phase)
        )

    @property
    def slug(self) -> str:
        """A file name: readable, and unique by 8 hex digits of the id."""
        words = f"{self.test.rsplit('::', 1)[-1]}-{self.preset}-{self.mode}-{self.phase}"
        plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-").lower()[:80]
        return f"{plain}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"


class Threshold(Struct, frozen=True, kw_only=True):
    """One fixed limit of a marker: `statistic` of `metric` must be at most `limit`."""

    marker: str
    keyword: str
    metric: str
    statistic: Statistic
    limit: float
    prebuffer_ms: float = 0.0
    onset: Literal["heard", "sample"] = "heard"
    declared: float | None = None
    """The limit in the marker, where an option or ini line put another in its place."""
    overridden_by: str | None = None

    @property
    def key(self) -> str:
        """As `--ttsperf-limit` names it: `ttfa_p95_ms`, `memory_rss_range_mb`."""
        return f"{self.marker}_{self.keyword}"

    @property
    def label(self) -> str:
        """As people read it: `ttfa p95`, `memory rss_range`, `ttfa p95 (first sample)`."""
        text = f"{self.marker} {re.sub('_(ms|mb)$', '', self.keyword)}"
        if self.onset == "sample":
            return f"{text} (first sample)"
        return f"{text} ({self.prebuffer_ms:g} ms buffered)" if self.prebuffer_ms else text

    @property
    def sample_key(self) -> str:
        """Where `CellResult.summary` keeps what this limit looks at: `underruns@100ms`."""
        return f"{self.metric}@{self.prebuffer_ms:g}ms" if self.prebuffer_ms else self.metric

    @property
    def unit(self) -> str:
        """`ms`, `MB` or nothing."""
        for ending, unit in (("_ms", "ms"), ("_mb", "MB")):
            if self.keyword.endswith(ending):
                return unit
        return ""


class Sample(Struct, frozen=True, kw_only=True):
    """One metric over the trials of a cell; None where a trial could not be measured."""

    metric: str
    values: tuple[float | None, ...]


class Summary(Struct, frozen=True, kw_only=True):
    """A sample in few numbers; percentiles that n cannot carry have no bound."""

    metric: str
    n: int
    missing: int
    mean: float | None = None
    min: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    p50_bound: float | None = None
    p95_bound: float | None = None
    """Upper 95 % order-statistic bound; None when n is too small for one."""
    p99_bound: float | None = None


class Outcome(StrEnum):
    """The four verdicts, worst first."""

    INVALID = "INVALID"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS = "PASS"  # noqa: S105  (a verdict, not a password)

    @property
    def rank(self) -> int:
        """0 is worst."""
        return list(Outcome).index(self)


class Verdict(Struct, frozen=True, kw_only=True):
    """What was decided about one threshold or one comparison, and on how much evidence."""

    subject: str
    outcome: Outcome
    reason: str
    gate: Literal["limit", "baseline", "change", "trust"] = "limit"
    metric: str | None = None
    statistic: Statistic | None = None
    value: float | None = None
    bound: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int = 0
    exceeding: int | None = None
    p_value: float | None = None
    revision: str | None = None
    """Of stored numbers that put it in doubt: the revision they are of."""
    improved: bool = False
    """Of a comparison: surely better, by more than counts."""
    trials_needed: int | None = None
    threshold: Threshold | None = None


class Note(Struct, frozen=True, kw_only=True):
    """A trust remark: `invalid` ones void the cell, the others are told beside its verdicts."""

    guard: str
    text: str
    invalid: bool = False


class StageShare(Struct, frozen=True, kw_only=True):
    """How much of a time one stage explains, median over trials."""

    stage: str
    ms: float
    share: float


class Breakdown(Struct, frozen=True, kw_only=True):
    """Where the time went: to the first sounding chunk, and over the whole trial."""

    to_first_sound: tuple[StageShare, ...] = ()
    whole: tuple[StageShare, ...] = ()


class RecorderCost(Struct, frozen=True, kw_only=True):
    """What the recorder itself adds, measured with a null target in the target's process."""

    ttfa_us: float
    per_chunk_us: float
    trials: int


class Gate(Struct, frozen=True, kw_only=True):
    """One figure that versions are compared by; `delta` is the smallest change that counts.

    It is a share on the scale `ratio`, in the metric's unit on `difference`.
    """

    label: str
    metric: str
    statistic: Judged
    scale: Scale = "ratio"
    unit: str = ""
    delta: float


class Arms(Struct, frozen=True, kw_only=True):
    """One number per text from each process of a block; place i is the same text in all three.

    None, nan and inf are texts that could not be measured. Raises ValueError for lengths that
    differ.
    """

    old: tuple[float | None, ...]
    twin: tuple[float | None, ...]
    """The old code once more, in a process of its own."""
    new: tuple[float | None, ...]

    def __post_init__(self) -> None:
        """Check that the arms speak the same texts."""
        sizes = (len(self.old), len(self.twin), len(self.new))
        if len(set(sizes)) > 1 or not sizes[0]:
            raise ValueError(
                f"found {sizes} texts in the three arms of a block, wanted the same number of "
                "texts, at least 1; write None for a text that was not measured"
            )

    def array(self) -> NDArray[np.float64]:
        """[3, texts] in the order old, twin, new; nan for None."""
        import numpy as np

        return np.array([self.old, self.twin, self.new], dtype=float)

    def is_readable(self) -> bool:
        """Whether all three measured enough of the same texts."""
        import numpy as np

        measured = np.isfinite(self.array()).all(axis=0)
        return bool(measured.mean() >= MIN_SHARE)


class Block(Struct, frozen=True, kw_only=True):
    """What three processes measured together: the gated metric, and where its time went."""

    metric: Arms
    elapsed_ms: Arms | None = None
    """The time whose parts the stages are; without it nothing is said about stages."""
    stages_ms: dict[str, Arms] = {}
    """By stage; 0 where the target told its stages and this one was not among them."""


class StageChange(Struct, frozen=True, kw_only=True):
    """How much longer one stage took with the new code, with its own 95 % interval."""

    stage: str
    ms: float
    low_ms: float
    high_ms: float
    share: float | None
    """Of the change of all; None when that is 0. May exceed 1 where stages work side by side."""


class Attribution(Struct, frozen=True, kw_only=True):
    """Where a change came from, over the typical texts or, for a tail, over the slow ones."""

    total_ms: float
    stages: tuple[StageChange, ...]
    """First what moved most in the direction of the change; time in no stage is `OUTSIDE`."""
    explained_by: str | None
    """The first of them if its interval excludes 0, else None: no stage surely has a part."""


class Change(Struct, frozen=True, kw_only=True):
    """What was decided about one gate, on how much evidence, with the raw numbers.

    `delta`, `effect`, its 95 % interval and `control_effect` are shares (0.05 is 5 % slower) on
    the scale `ratio`, and in the metric's unit on `difference`.
    """

    outcome: Outcome
    reason: str
    statistic: Judged
    scale: Scale
    unit: str
    delta: float
    look: Look
    blocks: int
    left_out: int
    """Blocks with too few texts that all three processes measured."""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_slower: float | None = None
    """Chance of so large an effect, or a larger one, from code that is as fast as before."""
    p_within: float | None = None
    """Chance of so small an effect, or a smaller one, from code that is slower by delta."""
    improved: bool = False
    """Surely faster, by more than delta."""
    control_effect: float | None = None
    p_control: float | None = None
    control_fired: bool = False
    blocks_needed: int | None = None
    """Further blocks that would decide if they are like these; None when none soon would."""
    confirmed: bool = False
    """Judged once more, with as many fresh blocks."""
    attribution: Attribution | None = None
    raw: tuple[Block, ...] = ()


class Comparison(Struct, frozen=True, kw_only=True):
    """A cell beside the same cell of another version, measured in turns in the same minutes."""

    against: str
    revision: str | None = None
    blocks: int = 0
    seconds: float = 0.0
    seed: int = 0
    """Of the order in which the arms took turns."""
    outcome: Outcome = Outcome.INCONCLUSIVE
    reason: str | None = None
    """Why it did not come about; None when it did, and `changes` tell what it found."""
    kept_awake: bool | None = None
    """Whether the processors were kept from idling; None when it did not come about."""
    notes: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    changes: tuple[Change, ...] = ()
    """One for each gate; their raw blocks are in `measured`."""
    measured: dict[str, tuple[Block, ...]] = {}
    """By metric."""


class CellResult(Struct, frozen=True, kw_only=True):
    """One cell of a run: raw trials, and all that was derived from them."""

    cell: Cell
    fingerprint: str
    declared_trials: int
    trials: tuple[Trial, ...]
    ready: Ready | None
    idle: Usage | None = None
    """Resources of the target once it was ready, before anything was spoken."""
    thresholds: tuple[Threshold, ...] = ()
    summary: dict[str, Summary] = {}
    memory: Memory = field(default_factory=Memory)
    breakdown: Breakdown = field(default_factory=Breakdown)
    notes: tuple[Note, ...] = ()
    comparison: Comparison | None = None
    verdicts: tuple[Verdict, ...] = ()
    recorder_cost: RecorderCost | None = None
    stopped_early: bool = False
    duration_s: float = 0.0
    weather_before: Weather | None = None
    """While the target warmed up and became quiet; None for cold cells, which do neither."""
    weather: Weather | None = None
    """While the trials were spoken."""

    @property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that make up the samples: no warm-ups, no probes."""
        return tuple(trial for trial in self.trials if trial.kind == "trial")

    @property
    def outcome(self) -> Outcome | None:
        """The worst verdict; None when nothing was judged."""
        return min((v.outcome for v in self.verdicts), key=lambda o: o.rank, default=None)


class Machine(Struct, frozen=True, kw_only=True):
    """What identifies a machine; live clock rates and host names do not."""

    cpu_model: str
    cores: int
    affinity: int
    memory_gib: int | None
    """A class, not an amount; None where the system does not tell."""
    system: str
    architecture: str
    python: str
    cpu_quota: float | None = None
    """How many cores a container may use on average; None where it has no quota."""


class Weather(Struct, frozen=True, kw_only=True):
    """What else was going on over `seconds`; told beside verdicts, identity of nothing."""

    load_1m: float | None
    steal_share: float | None
    """CPU time that other tenants of the host took, of all CPU time."""
    swap_used_share: float | None
    governor: str | None
    seconds: float | None = None
    others_cores: float | None = None
    """Cores kept busy by processes that are neither ours nor the target's; 0.5 is half of one."""
    swapped_mb: float | None = None
    memory_stall_share: float | None = None
    """Share of the time in which some process waited for memory."""
    clock_mhz: float | None = None
    thermal_throttles: int | None = None
    quota_wait_s: float | None = None
    """How long a container's CPU quota held its processes back."""
    unmeasured: Mapping[str, str] = {}
    """Field -> why it is None."""


class Git(Struct, frozen=True, kw_only=True):
    """State of the working tree that was measured."""

    revision: str
    branch: str | None
    dirty: bool


class Environment(Struct, frozen=True, kw_only=True):
    """The machine of a run and its state."""

    machine: Machine
    weather_before: Weather
    weather_after: Weather | None
    git: Git | None
    plugin_version: str
    pytest_version: str
    arguments: tuple[str, ...]
    host: str | None = None
    kernel: str | None = None


class Run(Struct, frozen=True, kw_only=True):
    """One pytest invocation; what `run_<HHMMSS>.json` holds."""

    schema: Literal["ttsperf-run/1"] = "ttsperf-run/1"
    id: str
    started: str
    finished: bool
    environment: Environment
    cells: tuple[CellResult, ...]


class Bench(Struct, frozen=True, kw_only=True):
    """The cells of one mode and preset; what `bench_<mode>_<preset>_<HHMMSS>.json` holds."""

    schema: Literal["ttsperf-bench/1"] = "ttsperf-bench/1"
    run: str
    mode: Mode
    preset: str
    environment: Environment
    cells: tuple[CellResult, ...]


class BaselineRun(Struct, frozen=True, kw_only=True):
    """One earlier run of a cell: its medians and tails, and where it came from."""

    saved: str
    run: str
    revision: str | None
    dirty: bool | None
    n: int
    summary: dict[str, Summary]
    notes: tuple[str, ...] = ()
    accepted: str | None = None
    """When it was declared the new ground (ISO 8601): runs before it are history, not compared."""
    weather: Weather | None = None


class Baseline(Struct, frozen=True, kw_only=True):
    """The earlier runs of one cell on one fingerprint; what `baselines/<fingerprint>/` holds."""

    schema: Literal["ttsperf-baseline/1"] = "ttsperf-baseline/1"
    cell: Cell
    fingerprint: str
    runs: tuple[BaselineRun, ...]
    newest: tuple[Trial, ...] = ()
    stages: Mapping[str, float] = {}
    """Median milliseconds by stage up to the first sounding chunk, of the newest run."""
    stands_for: Mapping[str, Json] = {}
    """What the fingerprint is made of; empty in files written before it was kept."""

    @property
    def counting(self) -> tuple[BaselineRun, ...]:
        """The runs to compare with: from the newest accepted one on, else all."""
        first = max((i for i, run in enumerate(self.runs) if run.accepted), default=0)
        return self.runs[first:]
