"""How a hibari graph is cut: one that runs once a segment, and two that run piece by piece.

What the convolutions of the latter still have to remember goes in and out as a tensor, so that no
frame is computed twice. Every tensor has one row per phoneme, step or frame, which is also how the
vocoder reads it.

    encode    ids [1, L], speed [1]            -> acoustic [L, 128], text [L, 192], steps [S]
    prosody   acoustic, text, ahead [n], now [m], state [r, 192], tail [p, 192]
                                               -> features [2m, 130], pitch [2m], carry
    decode    features [n, 130], state [8, 1, r, 256], tail [p, 256], skip [1]
                                               -> spectra [m, 3005], carry

A step is two frames of 12.5 ms; `steps` tells which phoneme each one belongs to. `ahead` is the
part of it that goes into the convolutions, `now` the part that comes out: what comes out trails
what goes in. `state` is the `carry` of the run before, or as many rows of zeros as pad the start.
`tail` has no rows but in the last run, where it is the zeros that pad the end. The first layer of
`decode` has no state of its own: its `features` come with the rows it looks back on. Nobody needs
the first `skip` rows of spectra, and their last and largest layer is left out.

For providers that need fixed shapes, both are also built for runs of a fixed number of rows, R:

    prosody-R   text [R, 192], acoustic [R, 128], state [108, 192], mask [R + 54, 1]
                                               -> features [2R, 130], pitch [2R], carry
    decode-R    features [R + 6, 130], state [8, 1, 6, 256], mask [R + 27, 1]
                                               -> spectra [R, 3005], carry

There what comes out trails what goes in by 54 steps or 27 frames from the first run on. `mask` is 1
for rows of the sentence: all others are zeros to every layer, which is how the start and the end
are padded. The rows of `acoustic` are those of the steps that come out.

Weights stay as the voice's maker quantised them. What they are multiplied by is quantised with
scales that are fixed here, from sentences: dynamic scales, as in the original graph, would depend
on where a piece begins. The last layers of `prosody` are not quantised: they have few rows to do,
and most of the error in the pitch came from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...errors import ModelError
from ...runtime.graph import (
    INT64,
    MICROSOFT,
    Array,
    Builder,
    Feeds,
    Ranges,
    SourceGraph,
    Value,
    freeze_inputs,
)
from .architecture import (
    ACOUSTIC_WIDTH,
    DECODE_LAYERS,
    DECODE_LOOKAHEAD,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    FRAMES_PER_STEP,
    PROSODY_DILATIONS,
    PROSODY_LOOKAHEAD,
    PROSODY_WIDTH,
    REACH,
    SPECTRA_WIDTH,
    encoder_feeds,
)
from .buckets import bucket_name

QUANTISED_PROSODY_LAYERS = 4
PITCH_SCALE, PITCH_FLOOR, VOICING_SCALE, FEATURE_SCALE = 100.0, 1.0, 5.0, 5.0

ACOUSTIC = "/norm/LayerNormalization_output_0"
TEXT = "/norm_1/LayerNormalization_output_0"
STEPS = "/ReduceSum_1_output_0"
LAST_NORM = "/dec_norm/LayerNormalization_output_0"

Weights = Mapping[str, Array]


def cut(
    model: bytes,
    sentences: Sequence[Sequence[int]],
    *,
    quantised: bool = True,
    buckets: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, bytes]:
    """A hibari model -> its stages by name. `sentences`, ids of unlike length, fix the scales.

    Not quantised, all but `encode` is float: that is for tests of what quantisation costs.
    buckets: lengths of runs by stage; a graph of fixed shapes is built for each, by the name that
    bucket_name() gives, in the place of those that take any length.
    Raises ModelError for a graph of another architecture.
    """
    original = SourceGraph(model)
    feeds = [encoder_feeds(ids) for ids in sentences]
    ranges: Ranges | None = None
    try:
        if quantised:
            ranges = original.ranges(feeds)
        encode = {"encode": _cut_encoder(original, feeds)}
        if buckets is not None:
            return encode | _build_buckets(original.weights, ranges, buckets)
        return encode | {
            "prosody": _build_prosody(original.weights, ranges),
            "decode": _build_decoder(original.weights, ranges),
        }
    except KeyError as error:
        raise ModelError(
            f"found a graph without {error}, wanted one of the hibari family as hibari-tts 0.2 "
            "has them; install that version"
        ) from error


def _build_buckets(
    weights: Weights,
    ranges: Ranges | None,
    buckets: Mapping[str, Sequence[int]],
) -> dict[str, bytes]:
    """A graph for each length of a run."""
    builders = {"prosody": _build_prosody_bucket, "decode": _build_decode_bucket}
    graphs = {}
    for stage, lengths in buckets.items():
        for rows in lengths:
            graphs[bucket_name(stage, rows)] = builders[stage](weights, ranges, rows)
    return graphs


def _cut_encoder(original: SourceGraph, feeds: Sequence[Feeds]) -> bytes:
    """The part before the frames; and the net's first layer, which is cheaper per phoneme."""
    part = original.part(["ids", "speed"], [ACOUSTIC, TEXT, STEPS])
    shortest, *_, longest = sorted(feeds, key=lambda feed: feed["ids"].size)
    weights = original.weights
    build = Builder(weights, freeze_inputs(part, shortest, longest))
    acoustic = build.add("Squeeze", ACOUSTIC, [0])
    build.output("acoustic", acoustic, ["L", ACOUSTIC_WIDTH])
    weight = weights["pn.pro_in.weight"][..., 0].T
    text = build.add("Squeeze", TEXT, [0]) @ weight
    text = text + weights["pn.pro_in.bias"]
    build.output("text", text, ["L", PROSODY_WIDTH])
    build.output("steps", STEPS, ["S"], INT64)
    return build.model("encode")


def _build_prosody(weights: Weights, ranges: Ranges | None) -> bytes:
    build = Builder(weights)
    acoustic = build.input("acoustic", ["L", ACOUSTIC_WIDTH])
    text = build.input("text", ["L", PROSODY_WIDTH])
    ahead = build.input("ahead", ["n"], INT64)
    now = build.input("now", ["m"], INT64)
    state = build.input("state", ["r", PROSODY_WIDTH])
    tail = build.table(build.input("tail", ["p", PROSODY_WIDTH]))
    # Each layer's share of the state. At the start there is half of it: zeros for what was before.
    shares = [2 * REACH * dilation for dilation in PROSODY_DILATIONS]
    rows = state.apply("Shape", start=0, end=1)
    sizes = rows * shares / [sum(shares)]
    before = build.split(build.table(state), sizes, len(shares))
    value = build.table(text.apply("Gather", ahead, axis=0))
    carry = []
    for layer, dilation in enumerate(PROSODY_DILATIONS):
        if layer == QUANTISED_PROSODY_LAYERS:
            ranges = None
        padding = build.rows(tail, 0, REACH * dilation)
        value = build.stack(before[layer], value, padding)
        carry.append(build.rows(value, -shares[layer]))
        value = _add_block(build, value, "pn", f"pro.{layer}", dilation, ranges)
    _add_frames(build, value, acoustic.apply("Gather", now, axis=0))
    state_out = build.flat(build.stack(*carry))
    build.output("carry", state_out, ["c", PROSODY_WIDTH])
    return build.model("prosody")


def _build_prosody_bucket(weights: Weights, ranges: Ranges | None, rows: int) -> bytes:
    build = Builder(weights)
    text = build.input("text", [rows, PROSODY_WIDTH])
    acoustic = build.input("acoustic", [rows, ACOUSTIC_WIDTH])
    shares = [2 * REACH * dilation for dilation in PROSODY_DILATIONS]
    state = build.input("state", [sum(shares), PROSODY_WIDTH])
    mask = build.table(build.input("mask", [rows + PROSODY_LOOKAHEAD, 1]))
    before = build.split(build.table(state), shares, len(shares))
    value = build.table(text)
    carry = []
    first = PROSODY_LOOKAHEAD  # the row of the mask that belongs to the first row of the layer
    for layer, dilation in enumerate(PROSODY_DILATIONS):
        if layer == QUANTISED_PROSODY_LAYERS:
            ranges = None
        value = value * build.rows(mask, first, first + rows)
        value = build.stack(before[layer], value)
        carry.append(build.rows(value, -shares[layer]))
        value = _add_block(build, value, "pn", f"pro.{layer}", dilation, ranges)
        first -= REACH * dilation
    _add_frames(build, value, acoustic, FRAMES_PER_STEP * rows)
    state_out = build.flat(build.stack(*carry))
    build.output("carry", state_out, [sum(shares), PROSODY_WIDTH])
    return build.model("prosody")


def _add_frames(build: Builder, value: Value, acoustic: Value, count: int | str = "f") -> None:
    """Steps -> frames: their pitch in Hz, and what the decoder takes of them."""
    weight = build.weights["pn.pro_out.weight"][..., 0].T
    # Four numbers a step: the pitch of both frames, then the voicing of both.
    four = build.flat(value).apply("Gemm", weight, build.weights["pn.pro_out.bias"])
    pairs = four.reshape(-1, 2, 2).transpose(0, 2, 1)
    frames = pairs.reshape(1, 1, -1, 2)
    frames = frames * np.array([PITCH_SCALE, VOICING_SCALE])
    pitch = build.columns(frames, 0, 1)
    voicing = build.columns(frames, 1, 2) / FEATURE_SCALE
    voiced = pitch.apply("Relu") + PITCH_FLOOR
    log_pitch = voiced.apply("Log") / FEATURE_SCALE
    twice = acoustic.apply("Concat", acoustic, axis=1)
    twice = twice.reshape(1, 1, -1, ACOUSTIC_WIDTH)
    features = build.join(twice, log_pitch, voicing)
    build.output("features", build.flat(features), [count, FEATURE_WIDTH])
    build.output("pitch", pitch.reshape(-1), [count])


def _build_decoder(weights: Weights, ranges: Ranges | None) -> bytes:
    build = Builder(weights)
    features = build.table(build.input("features", ["n", FEATURE_WIDTH]))
    state = build.input("state", [DECODE_LAYERS, 1, "r", DECODE_WIDTH])
    tail = build.table(build.input("tail", ["p", DECODE_WIDTH]))
    skip = build.input("skip", [1], INT64)
    value = build.convolution(features, weights["m.dec_in.weight"], weights["m.dec_in.bias"])
    before = build.split(state, [1] * DECODE_LAYERS, DECODE_LAYERS, axis=0)
    carry = []
    for layer in range(DECODE_LAYERS):
        value = build.stack(before[layer], value, tail)
        carry.append(build.rows(value, -2 * REACH))
        value = _add_block(build, value, "m", f"dec.{layer}", 1, ranges)
    _add_spectra(build, build.rows(value, skip), ranges)
    state_out = build.add("Concat", *carry, axis=0)
    build.output("carry", state_out, [DECODE_LAYERS, 1, "c", DECODE_WIDTH])
    return build.model("decode")


def _build_decode_bucket(weights: Weights, ranges: Ranges | None, rows: int) -> bytes:
    build = Builder(weights)
    features = build.table(build.input("features", [rows + 2 * REACH, FEATURE_WIDTH]))
    state = build.input("state", [DECODE_LAYERS, 1, 2 * REACH, DECODE_WIDTH])
    mask = build.table(build.input("mask", [rows + DECODE_LOOKAHEAD, 1]))
    value = build.convolution(features, weights["m.dec_in.weight"], weights["m.dec_in.bias"])
    before = build.split(state, [1] * DECODE_LAYERS, DECODE_LAYERS, axis=0)
    carry = []
    first = DECODE_LOOKAHEAD  # the row of the mask that belongs to the first row of the layer
    for layer in range(DECODE_LAYERS):
        first -= REACH
        value = value * build.rows(mask, first, first + rows)
        value = build.stack(before[layer], value)
        carry.append(build.rows(value, -2 * REACH))
        value = _add_block(build, value, "m", f"dec.{layer}", 1, ranges)
    _add_spectra(build, value, ranges, rows)
    state_out = build.add("Concat", *carry, axis=0)
    build.output("carry", state_out, [DECODE_LAYERS, 1, 2 * REACH, DECODE_WIDTH])
    return build.model("decode")


def _add_spectra(
    build: Builder,
    value: Value,
    ranges: Ranges | None,
    count: int | str = "m",
) -> None:
    """The last layer: rows -> so many rows of spectra."""
    value = build.norm(value, "m.dec_norm")
    quant_range = None
    if ranges is not None:
        quant_range = ranges[LAST_NORM]
    bias = build.weights["m.head.bias"]
    spectra = build.dense(value, "/head", bias, quant_range)
    build.output("spectra", build.flat(spectra), [count, SPECTRA_WIDTH])


def _add_block(
    build: Builder,
    value: Value,
    net: str,
    name: str,
    dilation: int,
    ranges: Ranges | None,
) -> Value:
    """A residual block: rows with those it looks back and ahead on -> rows."""
    weights = build.weights
    folder = f"{net}.{name}"
    narrow = wide = None
    if ranges is not None:
        narrow = ranges[f"/{name}/norm/LayerNormalization_output_0"]
        wide = ranges[f"/{name}/Mul_1_output_0"]
    inner = build.depthwise(value, f"{folder}.dw", dilation)
    inner = build.norm(inner, f"{folder}.norm")
    inner = build.dense(inner, f"/{name}/pw1", weights[f"{folder}.pw1.bias"], narrow)
    inner = inner.apply("Gelu", domain=MICROSOFT)
    bias = weights[f"{folder}.pw2.bias"]
    gain = weights[f"{folder}.gamma"]
    inner = build.dense(inner, f"/{name}/pw2", bias, wide, gain)
    reach = REACH * dilation
    return build.rows(value, reach, -reach) + inner
