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
`decode` has no state of its own: its `features` come with the rows it looks back on. The first
`skip` rows of spectra are wanted by nobody, and their last and largest layer is left out.

Weights stay what the voice's maker rounded them to. What they are multiplied with is rounded by
scales that are fixed here, from sentences: scales of the moment, as in the original graph, would
depend on where a piece begins. The last layers of `prosody` are not rounded: they have few rows to
do, and most of the error in the pitch came from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import ModelError
from ...runtime.graph import (
    COLUMNS,
    INT64,
    MICROSOFT,
    Array,
    Builder,
    Feeds,
    Ranges,
    SourceGraph,
    freeze_inputs,
)
from .architecture import (
    ACOUSTIC_WIDTH,
    DECODE_LAYERS,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    KERNEL_SIZE,
    PROSODY_DILATIONS,
    PROSODY_WIDTH,
    SPECTRA_WIDTH,
    encoder_feeds,
)

ROUNDED_PROSODY_LAYERS = 4
PITCH_SCALE, PITCH_FLOOR, VOICING_SCALE, FEATURE_SCALE = 100.0, 1.0, 5.0, 5.0

ACOUSTIC = "/norm/LayerNormalization_output_0"
TEXT = "/norm_1/LayerNormalization_output_0"
STEPS = "/ReduceSum_1_output_0"
LAST_NORM = "/dec_norm/LayerNormalization_output_0"

Weights = Mapping[str, Array]


def cut(
    model: bytes, sentences: Sequence[Sequence[int]], *, rounded: bool = True
) -> dict[str, bytes]:
    """A hibari model -> its stages by name. `sentences`, ids of unlike length, fix the scales.

    Not rounded, all but `encode` is float: that is for tests of what the rounding costs.
    Raises ModelError for a graph of another architecture.
    """
    original = SourceGraph(model)
    feeds = [encoder_feeds(ids) for ids in sentences]
    try:
        ranges = original.ranges(feeds) if rounded else None
        return {
            "encode": _encode(original, feeds),
            "prosody": _prosody(original.weights, ranges),
            "decode": _decode(original.weights, ranges),
        }
    except KeyError as error:
        raise ModelError(
            f"found a graph without {error}, wanted one of the hibari family as hibari-tts 0.2 "
            "has them; install that version"
        ) from error


def _encode(original: SourceGraph, feeds: Sequence[Feeds]) -> bytes:
    """The part before the frames; and the net's first layer, which is cheaper per phoneme."""
    part = original.part(["ids", "speed"], [ACOUSTIC, TEXT, STEPS])
    by_length = sorted(feeds, key=lambda feed: feed["ids"].size)
    build = Builder(original.weights, freeze_inputs(part, by_length[0], by_length[-1]))
    first = build.integers(0)
    weight, bias = (original.weights[f"pn.pro_in.{name}"] for name in ("weight", "bias"))
    text = build.add("MatMul", build.add("Squeeze", TEXT, first), build.constant(weight[..., 0].T))
    build.output("acoustic", build.add("Squeeze", ACOUSTIC, first), ["L", ACOUSTIC_WIDTH])
    build.output("text", build.add("Add", text, build.constant(bias)), ["L", PROSODY_WIDTH])
    build.output("steps", STEPS, ["S"], INT64)
    return build.model("encode")


def _prosody(weights: Weights, ranges: Ranges | None) -> bytes:
    build = Builder(weights)
    acoustic = build.input("acoustic", ["L", ACOUSTIC_WIDTH])
    text = build.input("text", ["L", PROSODY_WIDTH])
    ahead = build.input("ahead", ["n"], INT64)
    now = build.input("now", ["m"], INT64)
    state = build.input("state", ["r", PROSODY_WIDTH])
    tail = build.table(build.input("tail", ["p", PROSODY_WIDTH]))
    # Each layer's share of the state. At the start there is half of it: zeros for what was before.
    shares = [(KERNEL_SIZE - 1) * dilation for dilation in PROSODY_DILATIONS]
    rows = build.add("Mul", build.add("Shape", state, start=0, end=1), build.integers(*shares))
    sizes = build.add("Div", rows, build.integers(sum(shares)))
    before = build.split(build.table(state), sizes, len(shares))
    value = build.table(build.add("Gather", text, ahead, axis=0))
    carry = []
    for layer, dilation in enumerate(PROSODY_DILATIONS):
        padding = build.rows(tail, 0, KERNEL_SIZE // 2 * dilation)
        value = build.stacked(before[layer], value, padding)
        carry.append(build.rows(value, -shares[layer]))
        spans = ranges if layer < ROUNDED_PROSODY_LAYERS else None
        value = _block(build, value, "pn", f"pro.{layer}", dilation, spans)
    _frames(build, value, build.add("Gather", acoustic, now, axis=0))
    build.output("carry", build.flat(build.stacked(*carry)), ["c", PROSODY_WIDTH])
    return build.model("prosody")


def _frames(build: Builder, value: str, acoustic: str) -> None:
    """Steps -> frames: their pitch in Hz, and what the decoder hears of them."""
    weight, bias = (build.weights[f"pn.pro_out.{name}"] for name in ("weight", "bias"))
    # Four numbers a step: the pitch of both frames, then the voicing of both.
    four = build.add("MatMul", build.flat(value), build.constant(weight[..., 0].T))
    four = build.add("Add", four, build.constant(bias))
    pairs = build.add("Reshape", four, build.integers(-1, 2, 2))
    frames = build.add("Transpose", pairs, perm=[0, 2, 1])
    frames = build.add("Reshape", frames, build.integers(1, 1, -1, 2))
    frames = build.add("Mul", frames, build.constant([PITCH_SCALE, VOICING_SCALE]))
    pitch, voicing = build.column(frames, 0), build.column(frames, 1)
    voiced = build.add("Add", build.add("Relu", pitch), build.constant(PITCH_FLOOR))
    scale = build.constant(FEATURE_SCALE)
    twice = build.add("Concat", acoustic, acoustic, axis=1)
    parts = (
        build.add("Reshape", twice, build.integers(1, 1, -1, ACOUSTIC_WIDTH)),
        build.add("Div", build.add("Log", voiced), scale),
        build.add("Div", voicing, scale),
    )
    features = build.flat(build.add("Concat", *parts, axis=COLUMNS))
    build.output("features", features, ["f", FEATURE_WIDTH])
    build.output("pitch", build.add("Reshape", pitch, build.integers(-1)), ["f"])


def _decode(weights: Weights, ranges: Ranges | None) -> bytes:
    build = Builder(weights)
    features = build.table(build.input("features", ["n", FEATURE_WIDTH]))
    state = build.input("state", [DECODE_LAYERS, 1, "r", DECODE_WIDTH])
    tail = build.table(build.input("tail", ["p", DECODE_WIDTH]))
    skip = build.input("skip", [1], INT64)
    value = build.convolution(features, "m.dec_in")
    before = build.split(state, build.integers(*[1] * DECODE_LAYERS), DECODE_LAYERS, axis=0)
    carry = []
    for layer in range(DECODE_LAYERS):
        value = build.stacked(before[layer], value, tail)
        carry.append(build.rows(value, 1 - KERNEL_SIZE))
        value = _block(build, value, "m", f"dec.{layer}", 1, ranges)
    value = build.norm(build.rows(value, skip), "m.dec_norm")
    span = None if ranges is None else ranges[LAST_NORM]
    spectra = build.dense(value, "/head", weights["m.head.bias"], span)
    build.output("spectra", build.flat(spectra), ["m", SPECTRA_WIDTH])
    carried = build.add("Concat", *carry, axis=0)
    build.output("carry", carried, [DECODE_LAYERS, 1, "c", DECODE_WIDTH])
    return build.model("decode")


def _block(
    build: Builder, value: str, net: str, name: str, dilation: int, ranges: Ranges | None
) -> str:
    """A residual block: rows with those it looks back and ahead on -> rows."""
    weights, folder = build.weights, f"{net}.{name}"
    narrow = wide = None
    if ranges is not None:
        narrow = ranges[f"/{name}/norm/LayerNormalization_output_0"]
        wide = ranges[f"/{name}/Mul_1_output_0"]
    inner = build.norm(build.depthwise(value, f"{folder}.dw", dilation), f"{folder}.norm")
    inner = build.dense(inner, f"/{name}/pw1", weights[f"{folder}.pw1.bias"], narrow)
    inner = build.add("Gelu", inner, domain=MICROSOFT)
    bias, gain = weights[f"{folder}.pw2.bias"], weights[f"{folder}.gamma"]
    inner = build.dense(inner, f"/{name}/pw2", bias, wide, gain)
    reach = KERNEL_SIZE // 2 * dilation
    return build.add("Add", build.rows(value, reach, -reach), inner)
