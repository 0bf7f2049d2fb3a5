"""Rules about measurements that are not to be believed: what the guards mean, in plain words.

A guard's note has the numbers; here stands what such a note usually means, and what to do. A guard
without a row, as those of later versions, is still reported by its note and its verdict.
"""

from __future__ import annotations

from typing import NamedTuple

from pytest_ttsperf.report import layout
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause


class Meaning(NamedTuple):
    """What a guard's note means, and the remedy."""

    cause: str
    next_step: str


MEANINGS: dict[str, Meaning] = {
    "failed": Meaning(
        "the target failed in some trials, so no percentile over the others is the whole truth",
        "mend the first error named; a text that a target cannot speak is a fault of its own",
    ),
    "traced": Meaning(
        "a debugger, profiler or coverage tool was at work in the target",
        "measure without it; --ttsperf-disable runs the tests with it, unmeasured",
    ),
    "latency": Meaning(
        "sound was there before it was requested: a cache, or two clocks",
        "stamp chunks with time.perf_counter_ns in one process, and empty the caches",
    ),
    "clock": Meaning(
        "the clock that stamped the chunks runs backwards",
        "stamp them with a monotonic clock (time.perf_counter_ns)",
    ),
    "floor": Meaning(
        "nothing was synthesised: it is faster than any synthesis on one machine",
        "empty the cache that answers, or turn it off while measuring",
    ),
    "cache": Meaning(
        "a cache answered, so the figures are those of playing back",
        "empty it before the run, or turn it off while measuring",
    ),
    "duration": Meaning(
        "the speech is not as long as its text: it is truncated, repeated, padded, or has another "
        "sample rate or speed",
        "listen to it (--ttsperf-save-audio), and check the sample rate first",
    ),
    "pauses": Meaning(
        "the answer is as long as its text by its pauses alone: words are missing",
        "listen to it (--ttsperf-save-audio)",
    ),
    "silence": Meaning(
        "there is nothing to be heard in some answers",
        "listen to it (--ttsperf-save-audio); a wrong scale of the samples is silent as well",
    ),
    "padding": Meaning(
        "silence is added to the speech, which would make it look faster",
        "leave the padding out: silence past what speech has does not count as audio",
    ),
    "samples": Meaning(
        "the model gives numbers that are no samples (NaN, infinite)",
        "look at the precision of the model on this provider: half floats overflow",
    ),
    "clipping": Meaning(
        "the sound is driven over full scale",
        "scale the samples to -1..1, or 16-bit ones to their range",
    ),
    "provider": Meaning(
        "another provider ran than the one that was asked for",
        "install the build of the runtime that has it, or ask for the one that ran",
    ),
    "processes": Meaning(
        "the target did not start alike in each of its processes",
        "pin threads and provider, or measure one process (--ttsperf-processes=1)",
    ),
    "threads": Meaning(
        "the target uses more cores than it says",
        "pin the pools of other libraries too (OMP_NUM_THREADS, OPENBLAS_NUM_THREADS)",
    ),
    "integrity": Meaning(
        "under load, listeners got other sound than their own text's",
        "look for state that requests share: buffers, voices, caches by too short a key",
    ),
    "generator": Meaning(
        "what sends the requests could not keep its schedule, so the figures are its own",
        "run it on another machine than the server, over more processes, or with fewer listeners",
    ),
}
IN_DOUBT = (
    "failed", "duration", "silence", "padding", "pauses", "clipping", "cache", "threads",
)  # fmt: skip
"""Guards whose notes are worth a word even where they void nothing."""


def not_believable(evidence: CellEvidence) -> LikelyCause | None:
    """The worst note that puts the figures in doubt, in plain words."""
    notes = sorted(evidence.result.notes, key=lambda note: not note.invalid)
    for note in notes:
        meaning = MEANINGS.get(note.guard)
        if meaning is None or not (note.invalid or note.guard in IN_DOUBT):
            continue
        return LikelyCause(
            rule="not_believable",
            cause=meaning.cause,
            evidence=(f"{note.guard}: {layout.first_line(note.text)}",),
            next_step=meaning.next_step,
        )
    return None
