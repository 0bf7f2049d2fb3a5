"""What docs/metrics.md says of each metric, figure and guard: data, and nothing else.

A new row of METRICS (or FIGURES, WORK, GUARDS) needs a row of the same name here; then
`python tools/metrics_page.py` writes the page. Symbols: t0 is the request, a_i the arrival of chunk
i, d_i its seconds of audio, D their sum. Names and units are those of the tables that the rows
belong to. `ADR 4` becomes a link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

OWN = "this project's own definition"
VENDORS = "what vendors and serving benchmarks publish"
STREAMING_PLAYERS = "quality of experience in adaptive streaming (rebuffering), applied to speech"


class Paragraph(NamedTuple):
    """How a figure is computed, where its definition comes from, and what escapes it."""

    formula: str
    source: str
    blind_spot: str
    unit: str = ""
    """Only where no table has it."""


class Bound(NamedTuple):
    """A guard: the word that notes and verdicts have for it, and what it holds to be impossible."""

    word: str
    bound: str


METRICS: Mapping[str, Paragraph] = {
    "ttfb_ms": Paragraph(
        "a_first - t0, where the first chunk may be a header or empty",
        VENDORS,
        "whether the byte is sound: a header that is sent before any work makes it small",
    ),
    "ttfs_ms": Paragraph(
        "a_0 - t0, of the first chunk that has a sample; `@ttfa(onset='sample')` limits it",
        VENDORS,
        "whether the sample is audible: silence that is sent at once makes it small",
    ),
    "lead_in_ms": Paragraph(
        "frames before the onset / sample rate; the onset is the first 10 ms window above "
        "max(-60 dBFS, active level - 35 dB) that has 30 of the next 50 ms above it",
        f"{OWN} (ADR 4)",
        "sound quieter than -60 dBFS; a loud noise before the voice is an onset as well",
    ),
    "ttfa_sound_ms": Paragraph(
        "arrival of the chunk that holds the onset - t0",
        f"{OWN} (ADR 4)",
        "the lead-in inside that chunk, which a listener waits for as well (`lead_in_ms`), and "
        "whether playback goes on afterwards (`longest_stall_ms`)",
    ),
    "ttfa_ms": Paragraph(
        "max(arrival of the chunk that holds the onset, start of playback + lead-in) - t0, for a "
        "player that starts once the prebuffer of the test is filled or the stream has ended",
        f"{OWN} (ADR 4, ADR 33)",
        "what the first sound is: a click or a breath that lasts 30 ms counts as speech; the sound "
        "card and the network behind the client",
    ),
    "rtf": Paragraph(
        "(a_last - t0) / (D - padding); padding is silence beyond 1.5 s + 0.5 s for each second of "
        "speech. In a comparison of versions the denominator is the speech of the *old* version "
        "for the same text",
        "elapsed time over duration of audio, as usual in speech technology; below 1 beats real "
        "time. The limit on silence is this project's own (ADR 33)",
        "padding below that bound, which counts as audio; slow speech, which makes it smaller "
        "(`speech` in comparisons)",
    ),
    "rtf_stream": Paragraph(
        "(a_last - a_0) / (D - d_0); not measured for a single chunk",
        OWN,
        "the wait for the first chunk, and how evenly the others come",
    ),
    "gap_p95_ms": Paragraph(
        "the smallest gap that at least 95 % of the gaps of a trial do not exceed, without "
        "interpolation. A gap is a_i - a_(i-1); reads less than 2 ms apart are one delivery",
        f"inter-chunk latency, {VENDORS}",
        "how much audio a chunk held: a long gap after a long chunk disturbs nobody (`underruns`)",
    ),
    "gap_max_ms": Paragraph(
        "the largest a_i - a_(i-1), of deliveries as for `gap_p95_ms`",
        f"inter-chunk latency, {VENDORS}",
        "how much audio a chunk held, as for `gap_p95_ms`",
    ),
    "arrival_share": Paragraph(
        "mean of a_i - t0, each chunk weighted by d_i, / (a_last - t0); of a cold start, t0 is "
        "when the target was open. About 0.5 for what comes evenly, 1 for what comes at the end",
        OWN,
        "whether the audio was still being made while it was sent; answers that are over within 2 "
        "ms, of which it is not measured",
    ),
    "all_at_once": Paragraph(
        "1 if all stages of synthesis were over when a tenth of the audio had arrived, 0 if one "
        "began after that; where no stage decides, 1 if `arrival_share` is 0.9 or more, else 0. "
        "`@cadence(streamed=True)` limits it: most trials are to have 0",
        f"{OWN} (ADR 53)",
        "finished audio that is sent at the pace of synthesis, by a target that reports no stages",
    ),
    "underruns": Paragraph(
        "how often the player has nothing to play: arrivals after the play cursor, by 1 ms or "
        "more, with playback going on at the arrival",
        STREAMING_PLAYERS,
        "how long they last (`stall_ms`); a player that buffers more than the test says has fewer",
    ),
    "stall_ms": Paragraph(
        "sum of the stalls of the player",
        STREAMING_PLAYERS,
        "whether it is one long stall or many short ones (`longest_stall_ms`, `underruns`)",
    ),
    "longest_stall_ms": Paragraph(
        "the longest stall of the player; 0 without one",
        STREAMING_PLAYERS,
        "how many others there are; stalls below 1 ms",
    ),
    "stall_ratio": Paragraph(
        "stall / (D + stall)",
        f"{STREAMING_PLAYERS}: the rebuffering ratio",
        "where the stalls are: one in the first word is worse than one before the last",
    ),
    "prebuffer_needed_ms": Paragraph(
        "the smallest N for which a player that buffers N ms of audio never stalls, by search",
        OWN,
        "what the network behind the client needs besides; one trial says nothing of the next",
    ),
    "start_delay_needed_ms": Paragraph(
        "max over i of (a_i - sum of d_j for j < i) - a_0: the shortest wait after the first chunk "
        "that lets playback run without any stall",
        "startup delay of progressive download",
        "stalls that nobody hears: those below 1 ms count here as well",
    ),
    "silence_share": Paragraph(
        "10 ms windows (one each millisecond, mean removed) that are not above max(-60 dBFS, "
        "active level - 35 dB), as a share of all",
        OWN,
        "where the silence is, and whether the text asks for it; noise above the threshold is not "
        "silence",
    ),
    "cpu_s_per_audio_s": Paragraph(
        "user and system seconds of the target's process tree in the trial / D",
        "operating system's accounting",
        "work on a GPU or another accelerator, and on other machines; the tree is counted in ticks "
        "of 10 ms",
    ),
    "audio_s": Paragraph(
        "D: frames / sample rate",
        "by definition",
        "whether it is speech: silence and noise are audio",
    ),
    "speech_s": Paragraph(
        "from the onset to the end of the last window above the threshold, in seconds",
        OWN,
        "pauses inside, which count; whether the words are the right ones (`wer`)",
    ),
    "active_level_dbfs": Paragraph(
        "10 log10 of the mean power of the 10 ms windows above -60 dBFS; full scale is an RMS of 1",
        "active speech level in the spirit of ITU-T P.56, with a fixed threshold",
        "how loud it is to an ear: all frequencies count alike (`lufs`)",
    ),
    "bandwidth_khz": Paragraph(
        "the frequency below which 99.9 % of the power of the mean spectrum lies",
        "spectral roll-off, as in music information retrieval",
        "what is a thousandth of the power or less, and how the spectrum is shaped below: a few "
        "loud hisses make a dull voice look wide",
    ),
    "true_peak_dbtp": Paragraph(
        "20 log10 of the largest absolute value at four times the sample rate",
        "ITU-R BS.1770-4, annex 2",
        "how often it is reached; overshoot of a later resampler or codec",
    ),
    "clipped_share": Paragraph(
        "finite samples of at least 0.999 of full scale, as a share of all finite ones",
        OWN,
        "sound that was clipped and then made quieter; a limiter that works without touching full "
        "scale",
    ),
    "non_finite": Paragraph(
        "samples that are NaN or infinite, counted",
        "IEEE 754",
        "samples that are finite and wrong; 16-bit audio has no such samples to show",
    ),
    "wer": Paragraph(
        "(substituted + deleted + inserted words) / words of the text, by the alignment with the "
        "fewest errors, after normalisation; of a sample of the texts, drawn beforehand",
        "word error rate, Levenshtein distance over words",
        "words that the recogniser itself gets wrong, or mends by what it expects; how they are "
        "pronounced; years, decimals and money are compared as they are written",
    ),
    "worst_run": Paragraph(
        "errors of the longest run that no matching word interrupts",
        f"{OWN}: an average over a long text hides a lost sentence",
        "many short errors; a word that matches by chance splits a run",
    ),
    "timbre_db": Paragraph(
        "sum of the distances from both other arms of a comparison: root mean square, over 40 mel "
        "bands up to 12 kHz, of the difference of two mean log-mel spectra of active frames, each "
        "about its own mean",
        f"long-term average spectrum on a mel scale (HTK); {OWN} of which frames are active",
        "the order and length of sounds, the melody, and how loud it is; two voices may share a "
        "mean spectrum",
    ),
    "lufs": Paragraph(
        "integrated loudness: K-weighted mean power of 400 ms blocks, absolute gate of -70 LUFS "
        "and relative gate of -10 LU",
        "ITU-R BS.1770-4, as EBU R 128 uses it",
        "audio shorter than 400 ms; how the loudness varies within the text",
    ),
    "mos": Paragraph(
        "overall quality from 1 to 5 that DNSMOS P.835 predicts",
        "Reddy, Gopal and Cutler 2022 (DNSMOS P.835)",
        "all above 8 kHz, whether the words are right and the prosody natural: it was trained on "
        "recordings with noise, and not on synthetic speech",
    ),
    "seams_flagged": Paragraph(
        "joints of two chunks with a step, an offset (DC), a gap or a pause of which the sound "
        "around it, and what speech can do, explain less than half; counted",
        OWN,
        "faults inside a chunk; a break in silence; chunks that were joined before they were sent",
    ),
}
"""By the name of a row of `definitions.METRICS`."""

MEMORY: Mapping[str, Paragraph] = {
    "rss_baseline_mb": Paragraph(
        "RSS of the process tree once the target was ready, in units of 10^6 bytes; of "
        "several processes this row and those below are the highest of any",
        "operating system's accounting",
        "memory on a GPU; pages shared between processes count in each of them",
    ),
    "rss_peak_mb": Paragraph(
        "highest RSS of the process tree in any counted trial, sampled 20 times a second; of the "
        "process at its top, the kernel's high-water mark where there is one",
        "operating system's accounting",
        "peaks of child processes between two samples; memory on a GPU",
    ),
    "rss_range_mb": Paragraph(
        "highest minus lowest RSS read between counted trials of one process, of which one trial "
        "has no range",
        "operating system's accounting",
        "peaks inside a trial (`rss_peak_mb`); a leak that is slower than the run is long",
    ),
    "uss_peak_mb": Paragraph(
        "highest memory read between trials that no other process shares",
        "USS of the operating system",
        "pages that are shared and would be needed all the same, such as a model mapped from a "
        "file; peaks inside a trial",
    ),
    "leak_mb_per_1000": Paragraph(
        "median of the slopes between any two readings of USS in one process, one after each trial "
        "(window, slice of a soak), the first quarter left out, times 1000 requests; its interval "
        "is Sen's (1968) for 95 %, widened where neighbouring readings are alike",
        "the slope of Theil and Sen; the widening is after Hamed and Rao 1998 (ADR 50)",
        "memory on a GPU; pages that are shared with another process; what grows only once in some "
        "thousand requests",
        unit="MB per 1000 requests",
    ),
}
"""By the name of a field of `records.Memory`; the leak by that of its slope."""

PHASES: Mapping[str, Paragraph] = {
    "process": Paragraph(
        "from the request for a process until its first line of Python runs, or, for a program, "
        "until it was executed",
        OWN,
        "what the system prepares before: from the second start on, files are in memory already",
        unit="ms",
    ),
    "import": Paragraph(
        "import of the target's module",
        OWN,
        "what the module imports later, at first use: that is in `open` or `first_run`",
        unit="ms",
    ),
    "open": Paragraph(
        "call of the target's factory; stages that an engine reports of it (model read, session, "
        "voice) stand beside it under their own names",
        OWN,
        "work that the engine puts off until its first text",
        unit="ms",
    ),
    "ready": Paragraph(
        "all of the opening: from the request for a process until the target is open",
        OWN,
        "work that the engine puts off until its first text",
        unit="ms",
    ),
    "first_run": Paragraph(
        "`ttfs_ms` of the first text in that process, counted from its own request",
        OWN,
        "how much of it is warming up: compare with `second_run`",
        unit="ms",
    ),
    "second_run": Paragraph(
        "`ttfs_ms` of the second text, which is another one",
        OWN,
        "warming up that takes more than one text; the texts are not of quite the same length",
        unit="ms",
    ),
}
"""Of a cold start; a program that starts anew for each text has no `second_run`."""

LOAD: Mapping[str, Paragraph] = {
    "ttfa_p50_ms": Paragraph(
        "median of `ttfa_ms` over the served requests of a window, t0 being when each was due",
        f"{OWN}; latency from the intended arrival as in wrk2 and MLPerf loadgen",
        "requests that were not served: they stand in counts of their own, and meet no limit",
    ),
    "ttfa_p95_ms": Paragraph(
        "95th percentile of the same",
        f"{OWN}; latency from the intended arrival as in wrk2 and MLPerf loadgen",
        "as `ttfa_p50_ms`; how far the slowest twentieth is behind",
    ),
    "ttfa_sound_p95_ms": Paragraph(
        "95th percentile of `ttfa_sound_ms`, as above",
        OWN,
        "the lead-in, which a listener waits for as well",
    ),
    "rtf_p95": Paragraph(
        "95th percentile of `rtf` over the whole answers of a window; waiting in a queue is time",
        "elapsed time over duration of audio, as usual in speech technology",
        "where in the answer the time was lost",
    ),
    "stalled": Paragraph(
        "served requests of a window in which the player of the test stalls at all, counted",
        STREAMING_PLAYERS,
        "how long they stall (`longest_stall_ms`, `continuity`)",
    ),
    "longest_stall_ms": Paragraph(
        "the longest stall of any served request of a window",
        STREAMING_PLAYERS,
        "how many others there are",
    ),
    "continuity": Paragraph(
        "C50, C100, C250: served requests whose longest stall is at most 50, 100, 250 ms, as a "
        "share of all that were offered",
        OWN,
        "how late they began, and how often they stalled for less",
    ),
    "goodput": Paragraph(
        "served requests that meet the limits of the test on TTFA, RTF, stalls and sound together, "
        "per second of the window. Of several limits on a metric the loosest counts, as the others "
        "are not meant for each request. Without a limit not measured",
        "goodput of serving systems (DistServe, Zhong and others 2024)",
        "by how much the others miss their limits",
    ),
    "fairness": Paragraph(
        "median TTFA of the slowest listener / median TTFA over all requests of a window; 1 is "
        "fair. Not measured in an open loop",
        OWN,
        "a listener with few requests is slow by chance sooner than one with many",
    ),
    "queue_p50_ms": Paragraph(
        "median of what a server tells as `queue` in its Server-Timing header",
        "W3C Server Timing; what it holds is the server's word",
        "waiting that the server does not know of: in its sockets, in its event loop",
    ),
    "queue_p95_ms": Paragraph(
        "95th percentile of the same",
        "W3C Server Timing; what it holds is the server's word",
        "as `queue_p50_ms`",
    ),
    "cpu_s": Paragraph(
        "user and system seconds of the target's process tree in a window, lead and last answers "
        "included",
        "operating system's accounting",
        "work on a GPU; an imported engine shares its process with those who ask",
    ),
    "concurrency": Paragraph(
        "mean number of requests under way, from when they were due to their end, over the counted "
        "seconds of a window",
        "Little's law, L = arrivals a second x seconds under way",
        "how many are under way at the worst moment",
    ),
    "most_streams": Paragraph(
        "most streams that were open at once: each from its request until it was played, or, for "
        "greedy listeners, until it had arrived",
        OWN,
        "for how long they were so many",
    ),
    "stream_s": Paragraph(
        "seconds for which streams were open, added up, the lead included",
        OWN,
        "how many were open at once",
    ),
    "cpu_per_stream": Paragraph(
        "`cpu_s` / `stream_s`, over all windows: cores for each stream that is open",
        f"operating system's accounting; {OWN} of when a stream is open",
        "that the first stream may cost more than those that are added",
    ),
    "rss_per_stream_mb": Paragraph(
        "(RSS peak of a window - RSS of the idle target) / `most_streams`, the highest of any "
        "window, in units of 10^6 bytes",
        "operating system's accounting",
        "what is allocated once and then shared by all streams; a leak looks like it",
    ),
    "lateness_p99_ms": Paragraph(
        "99th percentile, as an order statistic, of when a request was sent - when it was due",
        "MLPerf loadgen, wrk2",
        "it is inside the TTFA already. Of an imported engine it is the engine that holds the "
        "interpreter",
    ),
    "cpu_share": Paragraph(
        "CPU seconds of the busiest process of the generator / duration of the window",
        "operating system's accounting",
        "waiting for other processes of the machine (`lateness_p99_ms`)",
    ),
    "null_rate": Paragraph(
        "requests a second that the same generator gets through with a target that does nothing",
        "the null system of MLPerf loadgen",
        "what the target takes from the generator by working on the same cores",
    ),
}
"""By the name of a row of `load.FIGURES`."""

T_OVER_BLOCKS = "Student's t over blocks of four processes (ADR 20)"
T_BOTH_WAYS = "Student's t over blocks, in both directions (ADR 20, ADR 33)"
EXACT_COUNT = "binomial test of who stands apart, exact; Clopper and Pearson 1934 for the share"
LATE_SHARE = (
    "randomisation test over the processes of each block, exact; for PASS also Student's t over "
    "blocks and Clopper and Pearson 1934 (ADR 42)"
)
RARE_EVENT = f"{T_OVER_BLOCKS}, and exact counts of the texts that have any (ADR 42)"

T_OVER_WINDOWS = "Student's t over blocks of four windows (ADR 45)"

CROWD_LIMITS: Mapping[str, Paragraph] = {
    "barge_in_stop_ms": Paragraph(
        "from a hang-up until the process tree of the target does no more, by its CPU time, than "
        "when it is idle and has just answered (ADR 49); `@barge_in(stop_p95_ms=)` limits its "
        "95th percentile over the hang-ups",
        OWN,
        "work on a GPU, or on another machine; what goes on for no longer than the clock of CPU "
        "time can tell",
        unit="ms",
    ),
    "barge_in_next_ttfa": Paragraph(
        "geometric mean, over texts, of the TTFA to the first sounding chunk right after a hang-up "
        "/ that of the same text from an idle target, - 1 (ADR 49); `@barge_in(next_ttfa=)` "
        "limits it",
        OWN,
        "what a hang-up costs other listeners; a target that is slow after each answer, hung up "
        "or not",
    ),
    "capacity": Paragraph(
        "the most listeners at once, or requests a second, of which fewer than one window in five "
        "is bad: the p95 of its TTFA beyond the limit, too large a share of its answers stalling, "
        "or a request refused or failed; `@capacity(min_listeners=)` or `min_rate=` is the least",
        f"{OWN}; the window is the unit, as listeners of one window wait in the same queue",
        "levels between two that were tried, 10 % apart; a target that fails after hours",
        unit="listeners or requests/s",
    ),
}
"""What a mark limits of many listeners, and no request has by itself."""

SOAK_LIMITS: Mapping[str, Paragraph] = {
    "drift": Paragraph(
        "(median of the last quarter of a session / median of its first)^(20 min / length of the "
        "session) - 1, of the slices' medians of `ttfa_sound_ms` and of `rtf`, each a verdict; the "
        "interval is Welch's for the logs of the slices. A FAIL also needs a null target, spoken "
        "between the slices, that accounts for none of it (ADR 50)",
        OWN,
        "what recovers before the end; what a machine that becomes slower does to the target and "
        "not to the null target, which computes on one thread and fits in a cache",
        unit="share in 20 min",
    ),
    "underruns_per_10min": Paragraph(
        "interruptions of the player of the test / minutes of audio that were played, times 10; "
        "with the bounds of Garwood (1936) for a Poisson rate",
        STREAMING_PLAYERS,
        "that they come together: a bad minute counts as so many separate events",
        unit="per 10 min",
    ),
    "handles_growth": Paragraph(
        "descriptors and threads of the process tree at the ends of slices: median of the last "
        "quarter of a session - median of its first; `@soak(handles=)` limits it",
        "operating system's accounting",
        "handles of another kind, such as those of a GPU; what is opened and closed within a slice",
    ),
}
"""What `@soak` limits, beside the slope of memory."""

FIGURES: Mapping[str, Paragraph] = {
    "ttfa_p50": Paragraph(
        "new / old version, median over the texts of a block",
        T_OVER_BLOCKS,
        "the lead-in, which both may have; slow texts that are fewer than half (`ttfa_p95`)",
    ),
    "ttfa_p95": Paragraph(
        "new / old version, of the slow texts of a block",
        T_OVER_BLOCKS,
        "what happens in fewer than one text in twenty (`ttfa_late`), and how much slower one in "
        "twenty is; it needs more blocks than a median",
    ),
    "ttfa_late": Paragraph(
        "share of the trials that take over 15 % longer than the median of their text over the "
        "processes of the block: new - old version",
        LATE_SHARE,
        "texts that are slower by less than 15 %; how late the late ones are (`ttfa_p95`)",
    ),
    "rtf_p50": Paragraph(
        "new / old version, median over texts; both per second that the *old* version says",
        T_OVER_BLOCKS,
        "where in the stream the time is lost",
    ),
    "rtf_p95": Paragraph(
        "as `rtf_p50`, of the slow texts of a block",
        T_OVER_BLOCKS,
        "what happens in fewer than one text in twenty (`rtf_late`)",
    ),
    "rtf_late": Paragraph(
        "share of the trials whose RTF is over 15 % above the median of their text, as in "
        "`ttfa_late`: new - old version",
        LATE_SHARE,
        "texts that are slower by less than 15 %; where in the stream the time is lost",
    ),
    "heard_p50": Paragraph(
        "new / old version, median of the first sound that a player gives",
        T_OVER_BLOCKS,
        "a change of the engine that is small beside a lead-in which both have",
    ),
    "heard_p95": Paragraph(
        "as `heard_p50`, of the slow texts of a block",
        T_OVER_BLOCKS,
        "as `heard_p50`, and what happens in fewer than one text in twenty",
    ),
    "cpu_p50": Paragraph(
        "new / old version, median over texts",
        T_OVER_BLOCKS,
        "work outside of the process tree; a new version that says more has more audio to divide "
        "by",
    ),
    "gap_p50": Paragraph(
        "new / old version, median over texts of the longest gap of each",
        T_OVER_BLOCKS,
        "how much audio a chunk held; texts of a single chunk have no gap",
    ),
    "underruns": Paragraph(
        "new - old version, mean over texts",
        RARE_EVENT,
        "how long they last; a share of texts below 3 in as many as were compared",
    ),
    "rss_peak": Paragraph(
        "new / old version, the peak of each process of a block",
        T_OVER_BLOCKS,
        "growth beyond the few texts of a block: that is a leak",
    ),
    "speech": Paragraph(
        "new / old version, of the seconds of speech for the same text",
        T_BOTH_WAYS,
        "other words of the same length; one odd text in fifty (`texts_length`)",
    ),
    "silence": Paragraph(
        "new - old version, share of silence in the audio of the same text",
        T_BOTH_WAYS,
        "where the silence is; one odd text in fifty (`texts_silence`)",
    ),
    "level": Paragraph(
        "new - old version, in dB",
        T_BOTH_WAYS,
        "another timbre of the same power; one odd text in fifty (`texts_level`)",
    ),
    "true_peak": Paragraph(
        "new - old version, in dB",
        T_BOTH_WAYS,
        "how often the peak is reached",
    ),
    "bandwidth": Paragraph(
        "new / old version",
        T_BOTH_WAYS,
        "a spectrum that is thinned out below its upper end",
    ),
    "clipped": Paragraph(
        "new - old version, share of the samples; only more of them fails",
        RARE_EVENT,
        "sound that was clipped and then made quieter",
    ),
    "texts_length": Paragraph(
        "texts in which one process says 20 % more or less than two others, which agree",
        EXACT_COUNT,
        "differences within the band, which `speech` sees in the mean",
    ),
    "texts_silence": Paragraph(
        "texts in which one process has 20 points more or less of silence than two others",
        EXACT_COUNT,
        "differences within the band, which `silence` sees in the mean",
    ),
    "texts_level": Paragraph(
        "texts in which one process is 6 dB louder or quieter than two others",
        EXACT_COUNT,
        "differences within the band, which `level` sees in the mean",
    ),
    "texts_broken": Paragraph(
        "texts in which one process has samples that are NaN or infinite, and two others have none",
        EXACT_COUNT,
        "texts that are broken in both versions: the guard `samples` sees them",
    ),
    "words": Paragraph(
        "new - old version, word errors for each word, in a sample of the texts",
        T_OVER_BLOCKS,
        "one lost sentence among many texts (`worst_run`); what the recogniser mends",
    ),
    "worst_run": Paragraph(
        "texts in which the longest run of word errors of one process is 2 words longer than that "
        "of two others",
        EXACT_COUNT,
        "single wrong words, which `words` sees in the mean; texts outside of the sample",
    ),
    "timbre": Paragraph(
        "how much further the new version is from the two runs of the old one than these are from "
        "each other, in dB",
        T_OVER_BLOCKS,
        "the order and length of sounds, and the melody",
    ),
}
"""By the name under which `compare.metrics` has them, for `@regression` and
`--ttsperf-compare-fail`."""

LOAD_FIGURES: Mapping[str, Paragraph] = {
    "ttfa_typical": Paragraph(
        "new / old version, geometric mean of `ttfa_sound_ms` over the served requests of a window",
        T_OVER_WINDOWS,
        "the few who wait longest (`ttfa_p95`)",
    ),
    "ttfa_p95": Paragraph(
        "new / old version, 95th percentile of the same",
        T_OVER_WINDOWS,
        "what happens to fewer than one request in twenty; it takes more blocks than a mean",
    ),
    "stalled": Paragraph(
        "new - old version, share of the served requests of a window that stall at all",
        f"{T_OVER_WINDOWS}, with the error of independent answers at the least",
        "how long they stall",
    ),
    "goodput": Paragraph(
        "new / old version, seconds of a window / served requests that meet the limits of the "
        "test; half a request is added, as there may be none. Without limits all that are served "
        "count",
        T_OVER_WINDOWS,
        "by how much the others miss their limits",
    ),
    "left_behind": Paragraph(
        "new - old version, threads and descriptors that the target has more after a window than "
        "before it / requests that were offered",
        T_OVER_WINDOWS,
        "memory that is not given back; a pool that grows to its size in each window looks like it",
    ),
    "speech": Paragraph(
        "new / old version, geometric mean of the seconds of speech, over the texts that all four "
        "windows of a block have answered to their end",
        f"{T_OVER_WINDOWS}, in both directions",
        "other words of the same length",
    ),
}
LOAD_GUARDS: Sequence[Bound] = (
    Bound(
        "generator",
        "what sends the requests is no bottleneck: 99 % of them go out no later than 5 ms, or a "
        "tenth of the TTFA p50, after they were due; it uses at most 70 % of a core; with a target "
        "that does nothing it makes 5 times the requests. An imported engine that holds the "
        "interpreter makes its own callers late, which is noted and voids nothing",
    ),
    Bound(
        "integrity",
        "each listener gets its own text, whole: no two of a window get one sound for two texts, "
        "and a sample is neither half as long nor twice as long, nor another sound, as when the "
        "text is spoken to a single listener",
    ),
    Bound(
        "unserved",
        "nothing: it says how many requests were refused, failed or were held back, and why; they "
        "meet no limit",
    ),
    Bound(
        "cache",
        "texts take as long whether they were spoken before or never, seen after the windows; void "
        "where the windows were as fast as a cache, or repeat more than 10 % of their texts",
    ),
)
"""Of many listeners, beside those of every cell."""

GUARDS: Mapping[str, Bound] = {
    "check_failures": Bound("failed", "No text makes the target raise or die."),
    "check_tracers": Bound("traced", "No debugger, profiler or tracer is at work in the target."),
    "check_latency": Bound("latency", "Sound comes after its request, never with it or before it."),
    "check_order": Bound("clock", "Chunks arrive in their order, on a clock that never goes back."),
    "check_speed": Bound(
        "floor", "The median RTF is at least 0.001: nothing synthesises 1000 times real time."
    ),
    "check_duration": Bound(
        "duration",
        "In nine of ten trials the speech of an English preset lasts 0.62 to 1.75 times (and a "
        "second) what its syllables and punctuation take; for other texts it is only told.",
    ),
    "check_silence": Bound("silence", "Something is to be heard; INVALID if in no trial at all."),
    "check_padding": Bound(
        "padding",
        "In nine of ten trials silence is at most 1.5 s and half of the speech; for texts of the "
        "test's own it is only told.",
    ),
    "check_pauses": Bound(
        "pauses",
        "In nine of ten trials what sounds lasts at least 0.85 of the shortest credible speech, or "
        "the words are missing between pauses; for texts of the test's own it is only told.",
    ),
    "check_finite": Bound("samples", "Samples are numbers: none is NaN or infinite."),
    "check_clipping": Bound(
        "clipping",
        "In nine of ten trials at most 6 % of the samples are at full scale; above 1 % it is told.",
    ),
    "check_provider": Bound(
        "provider", "The provider that was asked for ran at least one node of the model."
    ),
    "check_processes": Bound(
        "processes",
        "All processes of a cell have one fingerprint: provider, threads, voice and runtime.",
    ),
    "check_load": Bound(
        "threads",
        "Once it is warm, the target keeps at most 1.3 times as many cores busy as it tells "
        "threads.",
    ),
    "check_cache": Bound(
        "cache",
        "Trials take at least half as long as texts that nobody has ever spoken; a cache that "
        "serves repeated texts alone is only told.",
    ),
    "check_trend": Bound(
        "trend", "Trials do not get slower or faster by more than 5 % (Kendall, p < 0.01)."
    ),
    "check_clock": Bound("stages", "Stages overlap the trial that they are told for."),
    "check_stages": Bound(
        "explained", "The stages explain the time to the first sound within 5 % or 1 ms."
    ),
    "check_streaming": Bound(
        "stream",
        "In half of the trials or more, synthesis is not over before the first chunk arrives.",
    ),
    "check_burst": Bound(
        "burst",
        "In nine of ten trials no stall is longer than all sound before it; INVALID where first "
        "samples are limited, the sound is shorter than 100 ms and the rest beats real time.",
    ),
}
"""By the name of a function of `validity.GUARDS`."""
