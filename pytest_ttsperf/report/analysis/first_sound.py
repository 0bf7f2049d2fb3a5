"""Rules about the time to the first sound of a target that is warm, or of any."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pytest_ttsperf.metrics.stages import UNEXPLAINED
from pytest_ttsperf.records import Recording
from pytest_ttsperf.report.analysis.change import changed_stage
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

LARGE_FIRST_CHUNK_S = 1.0
"""Of audio: a player needs a tenth of it to begin, so the rest was waited for in vain."""
WAITED_SHARE = 0.5
"""Of the answer's time: waiting so long for the first chunk is waiting for most of the work."""
MOST = 0.5
LARGEST_STAGE = 0.4
UNEXPLAINED_SHARE = 0.3
CONNECT_STAGES = ("http.connect", "http.tls", "wyoming.connect")
CONNECT_SHARE = 0.2
LEAD_IN_SHARE = 0.3
LEAST_LEAD_IN_MS = 50.0


def segmentation(evidence: CellEvidence) -> LikelyCause | None:
    """The first chunk waits for a whole sentence: it is large, and came late in the answer.

    Not said of one that is sent all at once, which is another thing: `all_at_once`.
    """
    if evidence.result.cell.mode != "stream" or not evidence.is_slow_to_start():
        return None
    if evidence.is_cold or all_at_once(evidence) is not None:
        return None
    recordings = [recording for recording in evidence.recordings if sum(recording.frame_counts)]
    if not recordings:
        return None
    first_s = median(_first_chunk_s(recording) for recording in recordings)
    whole_s = median(sum(each.frame_counts) / each.sample_rate for each in recordings)
    share = median(_waited_share(recording) for recording in recordings)
    if first_s < LARGE_FIRST_CHUNK_S or share < WAITED_SHARE:
        return None
    return LikelyCause(
        rule="segmentation",
        cause="the first chunk waits for a whole sentence to be synthesised",
        evidence=(
            f"the first chunk carries {first_s:.1f} s of {whole_s:.1f} s of audio "
            f"(medians of {len(recordings)} trials)",
            f"it came after {share:.0%} of the time of the whole answer",
        ),
        next_step="cut the first segment shorter (at a clause, or after some 100 ms of sound), and "
        "let later ones grow while the first one plays",
    )


def _first_chunk_s(recording: Recording) -> float:
    """Seconds of audio in the first chunk that has any."""
    frames = next(count for count in recording.frame_counts if count)
    return frames / recording.sample_rate


def _waited_share(recording: Recording) -> float:
    """When the first chunk with audio came, as a share of the time up to the last one."""
    arrivals = _arrivals_with_audio(recording)
    whole_ns = arrivals[-1] - recording.request_ns
    if whole_ns <= 0:
        return 0.0
    return (arrivals[0] - recording.request_ns) / whole_ns


def _arrivals_with_audio(recording: Recording) -> Sequence[int]:
    pairs = zip(recording.arrivals_ns, recording.frame_counts, strict=True)
    return [arrival_ns for arrival_ns, frames in pairs if frames]


def all_at_once(evidence: CellEvidence) -> LikelyCause | None:
    """A stream whose audio comes only when all of it was made.

    Not said of cold starts of what streams when it is warm: there the first chunk waits for what is
    prepared late, and all the others seem to come at once behind it.
    """
    if evidence.result.cell.mode != "stream" or _streams_once_warm(evidence):
        return None
    answers = evidence.measured("all_at_once")
    collected = answers.count(1.0)
    if not _is_mostly_at_once(answers):
        return None
    facts = [f"{collected} of {len(answers)} answers were sent only when all of them was made"]
    shares = evidence.measured("arrival_share")
    if shares:
        facts.append(
            f"the audio came on average at {median(shares):.0%} of the answer's time, where an "
            "even stream has some 50 %"
        )
    chunks = median(len(_arrivals_with_audio(each)) for each in evidence.recordings)
    facts.append(f"chunks an answer: {chunks:g} (median)")
    return LikelyCause(
        rule="all_at_once",
        cause="it is no stream: the whole answer is made before the first of it is sent",
        evidence=tuple(facts),
        next_step="send each chunk as soon as it is made; if the engine does, look for what "
        "collects the answer on its way: a framework that wants its length, a proxy that buffers, "
        "an encoder",
    )


def _is_mostly_at_once(answers: Sequence[float]) -> bool:
    return answers.count(1.0) > MOST * len(answers)


def _streams_once_warm(evidence: CellEvidence) -> bool:
    """Whether it is a cold cell whose warm counterpart is streamed."""
    warm = evidence.counterpart(phase="warm") if evidence.is_cold else None
    if warm is None:
        return False
    answers = CellEvidence(warm, evidence.environment).measured("all_at_once")
    return bool(answers) and not _is_mostly_at_once(answers)


def lead_in(evidence: CellEvidence) -> LikelyCause | None:
    """Silence in front of the voice, which a listener waits for as well."""
    if not evidence.is_tight("ttfa"):
        return None
    silent = evidence.summary("lead_in_ms")
    sound_ms = evidence.middle("ttfa_sound_ms")
    if silent is None or silent.p50 is None or sound_ms is None:
        return None
    waited_ms = sound_ms + silent.p50
    if silent.p50 < LEAST_LEAD_IN_MS or silent.p50 < LEAD_IN_SHARE * waited_ms:
        return None
    return LikelyCause(
        rule="lead_in",
        cause="the audio begins with silence, which the listener waits for as well",
        evidence=(
            f"the chunk with the first sound came after {number(sound_ms, 'ms')}, and "
            f"{number(silent.p50, 'ms')} of silence lead up to that sound (medians of "
            f"{silent.n} trials)",
        ),
        next_step="trim the silence before the first sound to some 30 ms; that costs no synthesis",
    )


def largest_stage(evidence: CellEvidence) -> LikelyCause | None:
    """The stage that takes most of the time to the first sound.

    Not said of a target that is only slower than another version, by a stage that is known: to look
    at another one would lead away from what changed.
    """
    if not evidence.is_slow_to_start() or evidence.is_cold:
        return None
    if not evidence.is_tight("ttfa") and changed_stage(evidence) is not None:
        return None
    shares = evidence.result.breakdown.to_first_sound
    if not shares or shares[0].stage == UNEXPLAINED or shares[0].share < LARGEST_STAGE:
        return None
    facts = [
        f"{shares[0].stage}: {number(shares[0].ms, 'ms')}, {shares[0].share:.0%} of the time to "
        "the first sound (median)"
    ]
    if len(shares) > 1:
        facts.append(f"next: {shares[1].stage}, {number(shares[1].ms, 'ms')}")
    return LikelyCause(
        rule="largest_stage",
        cause=f"most of the time to the first sound is spent in one stage: {shares[0].stage}",
        evidence=tuple(facts),
        next_step=f"profile {shares[0].stage} first: do less of it before the first chunk, or make "
        "it faster",
    )


def unexplained_time(evidence: CellEvidence) -> LikelyCause | None:
    """Time to the first sound in which no stage of the target was at work."""
    rest = evidence.stage(UNEXPLAINED)
    if rest is None or rest.share < UNEXPLAINED_SHARE or not evidence.is_slow_to_start():
        return None
    return LikelyCause(
        rule="unexplained_time",
        cause="the stages that the target reports do not account for the time to the first sound",
        evidence=(f"{number(rest.ms, 'ms')}, {rest.share:.0%} of it, lie in no stage (median)",),
        next_step="report the missing stage from stages(), or look between them: a queue, a lock, "
        "a copy, reading from disk",
    )


def connection(evidence: CellEvidence) -> LikelyCause | None:
    """A connection that is opened anew for each request."""
    if not evidence.is_slow_to_start():
        return None
    found = [evidence.stage(name) for name in CONNECT_STAGES]
    opening = [share for share in found if share is not None and share.ms > 0]
    share = sum(each.share for each in opening)
    if share < CONNECT_SHARE:
        return None
    listed = [f"{each.stage} {number(each.ms, 'ms')}" for each in opening]
    return LikelyCause(
        rule="connection",
        cause="opening the connection takes a good part of the time to the first sound",
        evidence=(f"{', '.join(listed)}: {share:.0%} of it (median)",),
        next_step="keep connections open between requests (--ttsperf-http-connection=keep measures "
        "that), or end TLS nearer to the client",
    )
