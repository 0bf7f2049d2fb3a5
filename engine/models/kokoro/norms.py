"""What the kokoro generator's channels are normalised by, predicted before it has spoken.

Mean and variance of a channel are averages over a sentence, and so nearly linear in averages over
what the generator takes, features and source: a sentence with twice the silence has norms as much
nearer to those of silence. So some sentences of the voice are spoken once and measured, and a new
one is taken for the mixture of them that its features and source make it (a linear regression,
regularised where they say little). The ranges of its bytes are predicted likewise: as wide as for
the longest sentence, they would round a short one too coarsely. See
docs/adr/0013-kokoro-windows.md.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PARTS = ("coarse", "fine")
REGULARISATION = 0.1  # how much a summary has to say before it counts
SOURCE_WEIGHT = 10  # of each number about the source, where one about a feature has 1
LEAST_VARIANCE = 0.5  # of the least that was measured

# Of many sounds and several lengths; short ones are half silence.
SENTENCES = (
    "Stop!",
    "Yes, please.",
    "Who is there?",
    "Good evening, everyone.",
    "The measure was a pleasure to judge.",
    "Nine young boys threw sharp stones at the old church.",
    "I would rather walk home than take the bus again.",
    "Why should a huge garage charge forty dollars?",
    "Thirteen geese flew low above the frozen harbor.",
    "She told him that her brother, who never learned to swim, was out at sea.",
    "Oh no, you can't be serious, can you?",
    "Fresh cherry juice spilled over my new yellow jacket.",
    "Every quarter, eleven thousand visitors queue quietly outside its heavy bronze doors.",
    "If it rains tomorrow, we could always visit the museum near the water, or just stay in.",
    "Nothing helps.",
    "The boy thought through both of these things; then he opened the window, looked down at the "
    "empty street, and waited for the others to come back from the shop.",
    "Thank you.",
    "Not now, please!",
    "How old is he?",
    "They laughed.",
    "Please close that door.",
    "Six years later, it was gone.",
    "Would you like some more orange juice?",
    "A thin gray fog hung over the village.",
    "My uncle bought both of those cheap wooden chairs.",
    "Before winter came, the farmer fixed his roof.",
    "Look out, there is a car behind you!",
    "We shall measure how much earth they moved, and judge whether it was enough.",
    "In the kitchen, under a yellow lamp, two girls were peeling carrots and singing.",
    "No one else had ever asked him such a thing, so he did not know what to say.",
    "Is it true that your father built this boat by himself, or did someone help?",
    "When the bell rang, the pupils put away their books, pushed back their chairs, and ran out "
    "into the sunshine; only Joyce stayed where she was.",
)

Floats = NDArray[np.float32]
Tables = Mapping[str, Floats]


class MeasuredSentence(NamedTuple):
    """What was measured of a sentence: its summary, and by part its norms and ranges.

    Norms are [2 layers, channels], means and variances in turns; quant_ranges [layers, 2].
    """

    summary: Floats
    norms: Mapping[str, Floats]
    quant_ranges: Mapping[str, Floats]


def summarise(features: Floats, source: Floats) -> Floats:
    """What distinguishes sentences: mean and power of every feature, size and power of the source.

    features: [F, 512]. Gives [1026].
    """
    sizes = np.abs(source)
    of_features = [features.mean(axis=0), np.square(features).mean(axis=0)]
    of_source = [sizes.mean(), np.square(sizes).mean()]
    return np.concatenate([*of_features, of_source]).astype(np.float32)


def digest_sentences(key: Sequence[str]) -> str:
    """What stands for all sentences, and for what else their measurement depends on."""
    return hashlib.sha256("\0".join([*key, *SENTENCES]).encode()).hexdigest()


def measure_sentences(measure: Callable[[str, str], bytes | memoryview]) -> Tables:
    """All sentences as one, from what `measure` gives of each, packed.

    It gets the text, and which one of how many that is.
    """
    parts = []
    for number, text in enumerate(SENTENCES, 1):
        content = measure(text, f"sentence {number} of {len(SENTENCES)}")
        parts.append(unpack_tables(content))
    tables = {}
    for name in parts[0]:
        rows = [part[name] for part in parts]
        tables[name] = np.concatenate(rows)
    return tables


def pack_sentences(sentences: Sequence[MeasuredSentence]) -> bytes:
    """What was measured of some sentences, one row of each table for each."""
    tables = {"summaries": np.stack([sentence.summary for sentence in sentences])}
    for part in PARTS:
        norms = [sentence.norms[part] for sentence in sentences]
        ranges = [sentence.quant_ranges[part] for sentence in sentences]
        tables[f"{part}_norms"] = np.stack(norms)
        tables[f"{part}_spans"] = np.stack(ranges)
    return pack_tables(tables)


def pack_tables(tables: Tables) -> bytes:
    """Tables by name as bytes."""
    file = io.BytesIO()
    arrays: Mapping[str, Any] = tables
    np.savez(file, **arrays)
    return file.getvalue()


def unpack_tables(content: bytes | memoryview) -> Tables:
    """What pack_tables() packed."""
    with np.load(io.BytesIO(content)) as entries:
        return dict(entries)


class Norms:
    """Predicts the norms of one voice."""

    def __init__(self, tables: Tables) -> None:
        """`tables` are what measure_sentences() gave."""
        summaries = tables["summaries"].astype(np.float64)
        self._middle = summaries.mean(axis=0)
        self._scale = summaries.std(axis=0) + 1e-6
        self._scale[-2:] /= SOURCE_WEIGHT
        measured = (summaries - self._middle) / self._scale
        count, width = measured.shape
        likeness = measured @ measured.T / width + REGULARISATION * np.eye(count)
        self._regression = np.linalg.solve(likeness, measured) / width
        self._parts = {
            part: _PartNorms(tables[f"{part}_norms"], tables[f"{part}_spans"]) for part in PARTS
        }

    def predict(
        self,
        features: Floats,
        source: Floats,
    ) -> dict[str, dict[str, Floats]]:
        """`norms` and `spans` for each part, for a sentence of these features and that source."""
        summary = (summarise(features, source) - self._middle) / self._scale
        weights = self._regression @ summary
        weights += (1 - weights.sum()) / len(weights)
        return {part: norms.mix(weights) for part, norms in self._parts.items()}


class _PartNorms:
    """What was measured of one part of the generator, of each sentence."""

    def __init__(self, norms: Floats, quant_ranges: Floats) -> None:
        self._quant_ranges = quant_ranges.astype(np.float64)
        self._least = self._quant_ranges.min(axis=0)
        self._greatest = self._quant_ranges.max(axis=0)
        # Means and powers: they mix as sentences do, variances do not.
        self._moments = norms.astype(np.float64)
        self._moments[:, 1::2] += np.square(self._moments[:, 0::2])
        self._variance_floor = LEAST_VARIANCE * norms[:, 1::2].min(axis=0)

    def mix(self, weights: NDArray[np.float64]) -> dict[str, Floats]:
        """`norms` and `spans` of a sentence that is that mixture."""
        moments = np.tensordot(weights, self._moments, axes=1)
        mean, power = moments[0::2], moments[1::2]
        variance = np.maximum(power - np.square(mean), self._variance_floor)
        norms = np.stack([mean, variance], axis=1).reshape(moments.shape)
        ranges = np.tensordot(weights, self._quant_ranges, axes=1)
        ranges = np.clip(ranges, self._least, self._greatest)
        return {
            "norms": norms.astype(np.float32),
            "spans": ranges.astype(np.float32),
        }
