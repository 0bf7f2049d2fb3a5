"""The data that flows: measure -> metrics -> judge -> report.

Everything here is frozen, typed and can be written as JSON. Raw instants are kept and metrics are
derived from them later (style: "record raw, derive later"). A number that was not measured is
`None`, never 0. Units stand last in a name: `_ns` and `_ms` are durations or instants, `_mb` is
10^6 bytes, `_bytes` is bytes, a share is 0..1.
"""

from __future__ import annotations

from pytest_ttsperf.records.artifact import Baseline as Baseline
from pytest_ttsperf.records.artifact import BaselineRun as BaselineRun
from pytest_ttsperf.records.artifact import Bench as Bench
from pytest_ttsperf.records.artifact import Run as Run
from pytest_ttsperf.records.cell import Breakdown as Breakdown
from pytest_ttsperf.records.cell import Cell as Cell
from pytest_ttsperf.records.cell import CellResult as CellResult
from pytest_ttsperf.records.cell import Memory as Memory
from pytest_ttsperf.records.cell import RecorderCost as RecorderCost
from pytest_ttsperf.records.cell import StageShare as StageShare
from pytest_ttsperf.records.cell import TrustNote as TrustNote
from pytest_ttsperf.records.comparison import MIN_SHARE as MIN_SHARE
from pytest_ttsperf.records.comparison import Arms as Arms
from pytest_ttsperf.records.comparison import Attribution as Attribution
from pytest_ttsperf.records.comparison import Block as Block
from pytest_ttsperf.records.comparison import BlockStatistic as BlockStatistic
from pytest_ttsperf.records.comparison import ChangeVerdict as ChangeVerdict
from pytest_ttsperf.records.comparison import ComparedMetric as ComparedMetric
from pytest_ttsperf.records.comparison import Comparison as Comparison
from pytest_ttsperf.records.comparison import Look as Look
from pytest_ttsperf.records.comparison import Scale as Scale
from pytest_ttsperf.records.comparison import StageChange as StageChange
from pytest_ttsperf.records.machine import Environment as Environment
from pytest_ttsperf.records.machine import Git as Git
from pytest_ttsperf.records.machine import Machine as Machine
from pytest_ttsperf.records.machine import SystemLoad as SystemLoad
from pytest_ttsperf.records.recording import Json as Json
from pytest_ttsperf.records.recording import Kind as Kind
from pytest_ttsperf.records.recording import Level as Level
from pytest_ttsperf.records.recording import Mode as Mode
from pytest_ttsperf.records.recording import Phase as Phase
from pytest_ttsperf.records.recording import Recording as Recording
from pytest_ttsperf.records.recording import Sound as Sound
from pytest_ttsperf.records.recording import Span as Span
from pytest_ttsperf.records.recording import TargetInfo as TargetInfo
from pytest_ttsperf.records.recording import TargetSpec as TargetSpec
from pytest_ttsperf.records.recording import Trial as Trial
from pytest_ttsperf.records.recording import Usage as Usage
from pytest_ttsperf.records.verdict import Outcome as Outcome
from pytest_ttsperf.records.verdict import Sample as Sample
from pytest_ttsperf.records.verdict import Statistic as Statistic
from pytest_ttsperf.records.verdict import Summary as Summary
from pytest_ttsperf.records.verdict import Threshold as Threshold
from pytest_ttsperf.records.verdict import Verdict as Verdict
