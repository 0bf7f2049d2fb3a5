"""Blocks of three arms, and what a comparison of two versions found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
from pytest_ttsperf.records.verdict import Outcome

Scale = Literal["ratio", "difference"]
"""How old and new are compared: by logs, or, where a metric can be 0, by subtraction."""
Judged = Literal["p50", "p95", "p99", "value"]
"""What of a metric is compared; `value` is one number per process, memory say."""
Look = Literal["early", "end"]
"""The only look before the end comes at 60 % of the blocks."""
MIN_SHARE = 0.5
"""A block counts when all three processes measured at least this share of its texts."""


class ComparedMetric(Struct, frozen=True, kw_only=True):
    """One figure that versions are compared by; `delta` is the smallest change that counts.

    It is a share on the scale `ratio`, in the metric's unit on `difference`.
    """

    label: str
    metric: str
    statistic: Judged
    scale: Scale = "ratio"
    unit: str = ""
    margin: float = field(name="delta")


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


class ChangeVerdict(Struct, frozen=True, kw_only=True):
    """What was decided about one gate, on how much evidence, with the raw numbers.

    `delta`, `effect`, its 95 % interval and `control_effect` are shares (0.05 is 5 % slower) on
    the scale `ratio`, and in the metric's unit on `difference`.
    """

    outcome: Outcome
    reason: str
    statistic: Judged
    scale: Scale
    unit: str
    margin: float = field(name="delta")
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
    cpu_idle_inhibited: bool | None = field(name="kept_awake", default=None)
    """Whether the processors were kept from idling; None when it did not come about."""
    notes: tuple[str, ...] = ()
    gates: tuple[ComparedMetric, ...] = ()
    changes: tuple[ChangeVerdict, ...] = ()
    """One for each gate; their raw blocks are in `measured`."""
    measured: dict[str, tuple[Block, ...]] = {}
    """By metric."""
