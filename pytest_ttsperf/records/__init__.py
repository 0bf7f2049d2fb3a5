"""The data that flows: measure -> metrics -> judge -> report.

Everything here is frozen, typed and can be written as JSON. Raw instants are kept and metrics are
derived from them later (style: "record raw, derive later"). A number that was not measured is
`None`, never 0. Units stand last in a name: `_ns` and `_ms` are durations or instants, `_mb` is
10^6 bytes, `_bytes` is bytes, a share is 0..1.
"""

from __future__ import annotations

from pytest_ttsperf.records.artifact import Baseline, BaselineRun, Bench, Run
from pytest_ttsperf.records.cell import (
    DEFINITIONS,
    Breakdown,
    Cell,
    CellResult,
    Memory,
    RecorderCost,
    StageShare,
    TargetProcess,
    TrustNote,
)
from pytest_ttsperf.records.comparison import (
    MIN_SHARE,
    Arms,
    Attribution,
    Block,
    BlockStatistic,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Look,
    Scale,
    StageChange,
    UngatedChange,
)
from pytest_ttsperf.records.machine import Environment, Git, Machine, SystemLoad
from pytest_ttsperf.records.recording import (
    FlaggedSeam,
    Json,
    Kind,
    Level,
    Mode,
    Phase,
    Quality,
    Recording,
    SeamCheck,
    Sound,
    Span,
    TargetInfo,
    TargetSpec,
    Trial,
    Usage,
    WordCheck,
)
from pytest_ttsperf.records.verdict import Outcome, Sample, Statistic, Summary, Threshold, Verdict

__all__ = [
    "DEFINITIONS",
    "MIN_SHARE",
    "Arms",
    "Attribution",
    "Baseline",
    "BaselineRun",
    "Bench",
    "Block",
    "BlockStatistic",
    "Breakdown",
    "Cell",
    "CellResult",
    "ChangeVerdict",
    "ComparedMetric",
    "Comparison",
    "Environment",
    "FlaggedSeam",
    "Git",
    "Json",
    "Kind",
    "Level",
    "Look",
    "Machine",
    "Memory",
    "Mode",
    "Outcome",
    "Phase",
    "Quality",
    "RecorderCost",
    "Recording",
    "Run",
    "Sample",
    "Scale",
    "SeamCheck",
    "Sound",
    "Span",
    "StageChange",
    "StageShare",
    "Statistic",
    "Summary",
    "SystemLoad",
    "TargetInfo",
    "TargetProcess",
    "TargetSpec",
    "Threshold",
    "Trial",
    "TrustNote",
    "UngatedChange",
    "Usage",
    "Verdict",
    "WordCheck",
]
