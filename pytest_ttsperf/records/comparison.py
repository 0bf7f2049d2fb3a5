"""Blocks of processes, and what a comparison of two versions found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from pytest_ttsperf.records.load import LoadWindow
from pytest_ttsperf.records.recording import Trial
from pytest_ttsperf.records.verdict import Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Scale = Literal["ratio", "difference"]
"""How the arms are compared: by logs, or, where a metric can be 0, by subtraction."""
BlockStatistic = Literal["p50", "p95", "p99", "value", "outside", "late"]
"""What of a metric is compared; `value` is one number per process, such as memory, `outside` how
many texts of one arm are apart from those of both others, and `late` the share of trials that take
much longer than their text usually does."""
Look = Literal["early", "end"]
"""Before the budget is spent, or when it is."""
MIN_SHARE = 0.5
"""A block counts when all its processes measured at least this share of its texts."""


class ComparedMetric(Struct, frozen=True, kw_only=True):
    """One figure that versions are compared by; `margin` is the smallest change that counts.

    It is a share on the scale `ratio` and in the metric's unit on `difference`.
    """

    label: str
    metric: str
    statistic: BlockStatistic
    scale: Scale = "ratio"
    unit: str = ""
    margin: float = field(name="delta")
    both_ways: bool = False
    """Whether less fails as more does: of what is the work, and not its price."""
    is_work: bool = False
    """Whether it is what the figures are the price of, and not one of them."""
    band: float | None = None
    """Of `outside`: how far one arm must be from both others, on the scale, to be outside; of
    `late`: how far above the median of the arms, to be late."""
    event: float | None = None
    """Of a figure that is 0 in most texts: what it is at least in a text that has the event. Its
    PASS needs the exact bound of such texts besides."""
    process_luck: float | None = None
    """Where each version is one process in all blocks: how far apart two of the same code may be,
    as a share. A FAIL has to be surely beyond it."""


class Arms(Struct, frozen=True, kw_only=True):
    """One number per text from each process of a block; index i is the same text in all of them.

    None, nan and inf stand for texts that could not be measured. Raises ValueError when the
    lengths differ.
    """

    baseline: tuple[float | None, ...] = field(name="old")
    control: tuple[float | None, ...] = field(name="twin")
    """The baseline's code again, in a process of its own."""
    candidate: tuple[float | None, ...] = field(name="new")
    candidate_control: tuple[float | None, ...] | None = field(name="new_twin", default=None)
    """The candidate's code again; None in a block of three processes."""

    def __post_init__(self) -> None:
        """Check that the arms have the same texts."""
        sizes = tuple(map(len, self._rows()))
        if len(set(sizes)) > 1 or not sizes[0]:
            raise ValueError(
                f"found {sizes} texts in the {len(sizes)} arms of a block, wanted the same number "
                "of texts, at least 1; write None for a text that was not measured"
            )

    def _rows(self) -> list[tuple[float | None, ...]]:
        rows = [self.baseline, self.control, self.candidate]
        if self.candidate_control is not None:
            rows.append(self.candidate_control)
        return rows

    def array(self) -> NDArray[np.float64]:
        """[3 or 4, texts]: baseline, control, candidate and its control; nan for None."""
        import numpy as np

        return np.array(self._rows(), dtype=float)

    def is_readable(self) -> bool:
        """Whether all arms measured enough of the same texts."""
        import numpy as np

        measured = np.isfinite(self.array()).all(axis=0)
        return bool(measured.mean() >= MIN_SHARE)


class Block(Struct, frozen=True, kw_only=True):
    """What its processes measured together: a compared metric, and where its time went.

    Under load it is four windows that have replayed one trace: each arm has one number, that of its
    window, and the times are means over the slowest tenth of its answers.
    """

    metric: Arms
    elapsed_ms: Arms | None = None
    """The time that the stages are parts of; without it nothing is said about stages."""
    stages_ms: dict[str, Arms] = {}
    """By stage; 0 where the target reported its stages and this one was not among them."""


class StageChange(Struct, frozen=True, kw_only=True):
    """How much longer one stage took in the candidate.

    The intervals of all stages hold together in 95 of 100 comparisons.
    """

    stage: str
    """Also `OUTSIDE`, and `encode, decode -> synthesis` for those that one version alone has."""
    ms: float
    low_ms: float
    high_ms: float
    share: float | None
    """Of the total change; None when that is 0. May exceed 1 where stages run in parallel."""


class Attribution(Struct, frozen=True, kw_only=True):
    """Where a change came from: in the typical texts or, for a tail, in the slow ones."""

    total_ms: float
    stages: tuple[StageChange, ...]
    """First the one that moved most in the direction of the change."""
    explained_alone: str | None = field(name="explained_by")
    """The stage that explains the change by itself; None when several do, or none surely."""
    explained_by: tuple[str, ...] = field(name="explained_by_stages", default=())
    """The fewest stages that explain it, in their order above. Empty when it is not sure which do,
    and in files that were written before it was stored."""
    explained_share: float | None = None
    """Of the total change, what these make up together; None when there are none."""


class ChangeVerdict(Struct, frozen=True, kw_only=True):
    """What was decided about one compared metric, and on how much evidence.

    `margin`, `effect`, its 95 % interval and `control_effect` are shares (0.05 is 5 % slower) on
    the scale `ratio` and in the metric's unit on `difference`.
    """

    outcome: Outcome
    reason: str
    statistic: BlockStatistic
    scale: Scale
    unit: str
    margin: float = field(name="delta")
    look: Look
    blocks: int
    left_out: int
    """Blocks with too few texts that all processes measured."""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p_slower: float | None = None
    """Chance of an effect at least this large if the code is as fast as before; of one in either
    direction for a metric that is compared both ways."""
    p_within: float | None = None
    """Chance of an effect at most this large if the code is slower by the margin."""
    improved: bool = False
    """Surely faster, and by more than the margin."""
    control_effect: float | None = None
    """Of the old code against itself or of the new one, whichever is less likely by chance."""
    p_control: float | None = None
    control_fired: bool = False
    blocks_needed: int | None = None
    """Further blocks that would decide if they are like these; None when no few would."""
    confirmed: bool = False
    """Judged again, with fresh blocks."""
    decided_s: float | None = None
    """After how many seconds of the comparison it was decided; None while it is open."""
    attribution: Attribution | None = None
    raw: tuple[Block, ...] = ()
    """Always empty; part of the file format. The blocks are in `Comparison.measured`."""


class UngatedChange(Struct, frozen=True, kw_only=True):
    """A figure that was compared and is shown, and that no verdict rests on."""

    metric: ComparedMetric
    change: ChangeVerdict
    """Always INCONCLUSIVE."""


class NodeChange(Struct, frozen=True, kw_only=True):
    """How much longer one node of a graph took in the candidate, for each text.

    The intervals of all nodes that were compared hold together in 95 of 100 comparisons.
    """

    node: str
    """Operator and name; for nodes that one version alone has, `Conv a -> Conv b`; also the nodes
    that were not compared one by one, and the time outside all of them."""
    ms: float
    low_ms: float
    high_ms: float
    share: float | None
    """Of the total change; None when that is 0."""
    inputs: str | None = None
    """Of the baseline's longest run: element types and shapes, as `float 1x80x512`."""
    new_inputs: str | None = None
    """Those of the candidate, where any of its runs had others; None where all are the same."""


class NodeComparison(Struct, frozen=True, kw_only=True):
    """Both versions' profiles of ONNX Runtime, node by node: untimed, no verdict rests on it."""

    metric: str
    """The metric in whose time the nodes ran."""
    rounds: int
    """Of fresh processes, one for each arm."""
    texts: int
    """In each of them."""
    total_ms: float | None = None
    """How much longer a text took in the candidate, while both were profiled."""
    nodes: tuple[NodeChange, ...] = ()
    """First the one that moved most in the direction of the change."""
    explained_by: tuple[str, ...] = ()
    """The fewest nodes that explain it; empty when it is not sure which do."""
    explained_share: float | None = None
    text: str = ""
    """What is said of it beside the verdict."""
    reason: str | None = None
    """Why nothing was found out; None where it was."""


class Comparison(Struct, frozen=True, kw_only=True):
    """A cell compared with the same cell of another version, measured in turns in one go."""

    against: str
    revision: str | None = None
    blocks: int = 0
    attempts: int = 1
    """Of its test: those that measured the blocks, which are judged together."""
    seconds: float = 0.0
    seed: int = 0
    """Of the order in which the arms took turns."""
    outcome: Outcome = Outcome.INCONCLUSIVE
    reason: str | None = None
    """Why there was no comparison; None when there was one, and `changes` say what it found."""
    cpu_idle_inhibited: bool | None = field(name="kept_awake", default=None)
    """Whether the processors were kept from idling; None when there was no comparison."""
    notes: tuple[str, ...] = ()
    gates: tuple[ComparedMetric, ...] = ()
    changes: tuple[ChangeVerdict, ...] = ()
    """One for each of the `gates`; their blocks are in `measured`."""
    ungated: tuple[UngatedChange, ...] = ()
    """What the budget is too short to judge, and is shown."""
    measured: dict[str, tuple[Block, ...]] = {}
    """By metric."""
    windows: dict[str, tuple[LoadWindow, ...]] = {}
    """By arm, of a comparison under load: that of a block is its `session`. Empty elsewhere."""
    typical: dict[str, Trial] = {}
    """By arm (`baseline`, `candidate`): one text as both spoke it, whose change is the usual one.
    Empty under load, and where there was no comparison."""
    nodes: tuple[NodeComparison, ...] = ()
    """Which nodes of the graphs grew, one for each metric whose median got slower; only on request
    (--ttsperf-trace)."""
