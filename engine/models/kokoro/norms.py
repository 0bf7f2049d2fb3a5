"""What the kokoro generator's channels are normalised by, told before it has spoken.

Mean and variance of a channel are averages over a sentence, and so nearly linear in averages over
what the generator hears, features and source: a sentence with twice the silence has norms as much
nearer to those of silence. So some sentences of the voice are spoken once and measured, and a new
one is taken for the mixture of them that what it hears makes it (a linear regression, held back
where that tells little). The spans of its bytes are told likewise: as wide as for the longest
sentence, they would round a short one too coarsely. See docs/adr/0013-kokoro-windows.md.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PARTS = ("coarse", "fine")
CAUTION = 0.1  # how much a summary has to tell before it counts
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


class MeasuredSentence(NamedTuple):
    """What was measured of a sentence: its summary, and by part its norms and spans.

    Norms are [2 layers, channels], means and variances in turns; spans [layers, 2].
    """

    summary: Floats
    norms: Mapping[str, Floats]
    spans: Mapping[str, Floats]


def summary(features: Floats, source: Floats) -> Floats:
    """What tells sentences apart: mean and power of every feature, size and power of the source."""
    sizes = np.abs(source)
    return np.concatenate(
        [
            features.mean(axis=0),
            np.square(features).mean(axis=0),
            [sizes.mean(), np.square(sizes).mean()],
        ]
    ).astype(np.float32)


def measure_sentence(tell: Callable[[str], list[MeasuredSentence]]) -> bytes:
    """Speak the sentences -> what Norms reads."""
    heard = [one for text in SENTENCES for one in tell(text)]
    tables = {"summaries": np.stack([one.summary for one in heard])}
    for part in PARTS:
        tables[f"{part}_norms"] = np.stack([one.norms[part] for one in heard])
        tables[f"{part}_spans"] = np.stack([one.spans[part] for one in heard])
    file = io.BytesIO()
    np.savez(file, **tables)  # type: ignore[arg-type]
    return file.getvalue()


class Norms:
    """The norms of one voice."""

    def __init__(self, content: bytes | memoryview) -> None:
        """`content` is what measured() made."""
        tables = np.load(io.BytesIO(content))
        summaries = tables["summaries"].astype(np.float64)
        self._middle = summaries.mean(axis=0)
        self._scale = summaries.std(axis=0) + 1e-6
        self._scale[-2:] /= SOURCE_WEIGHT
        known = (summaries - self._middle) / self._scale
        count, width = known.shape
        likeness = known @ known.T / width + CAUTION * np.eye(count)
        self._regression = np.linalg.solve(likeness, known) / width
        self._spans = {part: tables[f"{part}_spans"].astype(np.float64) for part in PARTS}
        self._moments = {part: _moments(tables[f"{part}_norms"]) for part in PARTS}
        self._floors = {
            part: LEAST_VARIANCE * tables[f"{part}_norms"][:, 1::2].min(axis=0) for part in PARTS
        }

    def of(self, features: Floats, source: Floats) -> dict[str, dict[str, Floats]]:
        """`norms` and `spans` for each part, for a sentence of these features and that source."""
        known = (summary(features, source) - self._middle) / self._scale
        weights = self._regression @ known
        weights += (1 - weights.sum()) / len(weights)
        told = {}
        for part in PARTS:
            moments = np.tensordot(weights, self._moments[part], axes=1)
            mean, power = moments[0::2], moments[1::2]
            variance = np.maximum(power - np.square(mean), self._floors[part])
            norms = np.stack([mean, variance], axis=1).reshape(moments.shape)
            known_spans = self._spans[part]
            spans = np.tensordot(weights, known_spans, axes=1)
            spans = np.clip(spans, known_spans.min(axis=0), known_spans.max(axis=0))
            told[part] = {"norms": norms.astype(np.float32), "spans": spans.astype(np.float32)}
        return told


def _moments(norms: Floats) -> NDArray[np.float64]:
    """Means and variances, in turns -> means and powers, which mix as sentences do."""
    moments = norms.astype(np.float64)
    moments[:, 1::2] += np.square(moments[:, 0::2])
    return moments
