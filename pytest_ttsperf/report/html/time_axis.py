"""One time axis for the trials of a cell: stages, chunks, the player's buffer, and the sound.

All trials stand on the same axis, in the order of the model: the old version above the new one, the
failing trial above the usual one. Time counts from the request. What an engine computes in 40 ms
may play for 5 s, so an axis that is MUCH_LONGER than its last arrival has a second view, of its
beginning alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.report.html import charts, paths, scales
from pytest_ttsperf.report.html.paths import Point, Shape
from pytest_ttsperf.report.html.scales import LinearScale, Tick
from pytest_ttsperf.report.html.sounds import EmbeddedSound, Outline
from pytest_ttsperf.report.page_model import ChunkMark, StageBar, Timeline

MUCH_LONGER = 3.0
BEGINNING = 1.15
"""Of the last arrival: how far the view of the beginning reaches."""
STAGE_HEIGHT = 12.0
CHUNK_HEIGHT = 22.0
BUFFER_HEIGHT = 44.0
SOUND_HEIGHT = 48.0
INSET = 2.0
"""Units that a drawing stays away from the edges of its lane."""
SMALLEST_CHUNK = 0.3
"""Of a lane's height, for the chunk with the least audio."""
MOST_POINTS = 600
"""Of the buffer: more than that are less than two pixels apart."""
MOST_SHAPES = 200
"""Of one kind in a lane: what there is beyond them is one shape."""
MOST_STAGES = 8
OTHERS = "other stages"
MARK_ROOM = 50.0
"""Percent of the axis: a mark to the right of it has its label on its left."""
LABEL_WIDTH = 36.0
"""Percent of the axis that the label of a mark takes on a narrow screen."""


class Lane(NamedTuple):
    """A row of a track: what is drawn in it, and the same in words."""

    label: str
    height: float
    shapes: tuple[Shape, ...]
    description: str


class TimeMark(NamedTuple):
    """An instant across all lanes, in percent of the axis."""

    percent: float
    text: str
    look: str
    row: int = 0
    """Of its label above the lanes: 1 where it would cover that of the mark before it."""

    @property
    def is_left(self) -> bool:
        """Whether its label stands on its left, as there is no room on the right."""
        return self.percent > MARK_ROOM

    @property
    def label_start(self) -> float:
        """Where its label begins, in percent of the axis."""
        return self.percent - LABEL_WIDTH if self.is_left else self.percent


class PlayedPiece(NamedTuple):
    """Audio that plays without a stop: when it begins, from where in the audio, and how much."""

    at_ms: float
    audio_ms: float
    length_ms: float


class TrackView(NamedTuple):
    """A trial between its request and `end_ms`."""

    name: str
    end_ms: float
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    marks: tuple[TimeMark, ...]

    @property
    def label_rows(self) -> int:
        """How many rows the labels of the marks take above the lanes."""
        return max((mark.row + 1 for mark in self.marks), default=0)


class Track(NamedTuple):
    """A trial on the axis."""

    trial: int
    caption: str
    role: str
    arm: str
    text: str
    views: tuple[TrackView, ...]
    """Of which the first is shown first; all tracks of an axis have the same."""
    pieces: tuple[PlayedPiece, ...]
    sound: EmbeddedSound


class TimeAxis(NamedTuple):
    """The trials of a cell, one below the other."""

    view_names: tuple[str, ...]
    tracks: tuple[Track, ...]


def draw_axis(
    timelines: Sequence[Timeline],
    sounds: Sequence[EmbeddedSound],
    limit_ms: float | None = None,
) -> TimeAxis | None:
    """The axis of a cell; None without trials to be drawn. `sounds` are those of the timelines.

    `limit_ms` is the limit of the test on TTFA, which stands on the axis as an instant.
    """
    if not timelines:
        return None
    ends = _view_ends(timelines)
    tracks = []
    for timeline, sound in zip(timelines, sounds, strict=True):
        views = [
            _view(name, end_ms, timeline, sound.outline, limit_ms) for name, end_ms in ends.items()
        ]
        tracks.append(_track(timeline, sound, views))
    return TimeAxis(tuple(ends), tuple(tracks))


def _view_ends(timelines: Sequence[Timeline]) -> dict[str, float]:
    """How far each view reaches: the beginning first, where the whole is much longer."""
    end_ms = max(timeline.end_ms for timeline in timelines)
    arrival_ms = max(_last_arrival_ms(timeline) for timeline in timelines)
    ends = {"the whole answer": end_ms}
    if 0 < MUCH_LONGER * arrival_ms < end_ms:
        ends = {"until the last chunk": BEGINNING * arrival_ms, **ends}
    return ends


def _last_arrival_ms(timeline: Timeline) -> float:
    return max((chunk.arrival_ms for chunk in timeline.chunks), default=0.0)


def _track(timeline: Timeline, sound: EmbeddedSound, views: Sequence[TrackView]) -> Track:
    return Track(
        trial=timeline.trial,
        caption=timeline.caption,
        role=timeline.role,
        arm=timeline.arm,
        text=timeline.text,
        views=tuple(views),
        pieces=find_pieces(timeline),
        sound=sound,
    )


def _view(
    name: str,
    end_ms: float,
    timeline: Timeline,
    outline: Outline | None,
    limit_ms: float | None,
) -> TrackView:
    scale = LinearScale(0.0, end_ms)
    lanes = [
        *_stage_lanes(timeline.stages, scale),
        _chunk_lane(timeline.chunks, scale),
        _buffer_lane(timeline, scale),
        _sound_lane(timeline, outline, scale),
    ]
    marks = tuple(_marks(timeline, scale, limit_ms))
    return TrackView(name, end_ms, scales.ticks(scale), tuple(lanes), marks)


def _shapes(look: str, part: str, drawings: Sequence[str]) -> list[Shape]:
    """A shape for each drawing, the last of very many together."""
    shapes = [Shape(look, path, part) for path in drawings[:MOST_SHAPES]]
    rest = "".join(drawings[MOST_SHAPES:])
    if rest:
        shapes.append(Shape(look, rest, part))
    return shapes


# Stages


def _stage_lanes(bars: Sequence[StageBar], scale: LinearScale) -> list[Lane]:
    """A lane for each stage, in the order in which they began; the last of many together."""
    by_stage: dict[str, list[StageBar]] = {}
    for bar in sorted(bars, key=lambda bar: bar.start_ms):
        by_stage.setdefault(bar.stage, []).append(bar)
    names = list(by_stage)
    if len(names) > MOST_STAGES:
        for name in names[MOST_STAGES - 1 :]:
            late = by_stage.pop(name)
            by_stage.setdefault(OTHERS, []).extend(late)
    return [_stage_lane(name, of_stage, scale) for name, of_stage in by_stage.items()]


def _stage_lane(name: str, bars: Sequence[StageBar], scale: LinearScale) -> Lane:
    drawings = []
    for bar in bars:
        if bar.start_ms <= scale.high:
            extent = (scale.place(bar.start_ms), scale.place(bar.end_ms))
            drawings.append(paths.boxes([extent], INSET, STAGE_HEIGHT - INSET))
    total_ms = sum(bar.end_ms - bar.start_ms for bar in bars)
    first_ms = min(bar.start_ms for bar in bars)
    times = "once" if len(bars) == 1 else f"{len(bars)} times"
    return Lane(
        label=name,
        height=STAGE_HEIGHT,
        shapes=tuple(_shapes("stage", "stage", drawings)),
        description=f"{name}: {times}, {total_ms:.1f} ms in all, first after {first_ms:.1f} ms",
    )


# Chunks


def _chunk_lane(chunks: Sequence[ChunkMark], scale: LinearScale) -> Lane:
    """A line for each chunk, the higher the more audio it holds."""
    most_ms = max((chunk.audio_ms for chunk in chunks), default=0.0)
    drawings = []
    for chunk in chunks:
        if chunk.arrival_ms <= scale.high:
            top = CHUNK_HEIGHT - _chunk_height(chunk.audio_ms, most_ms)
            place = scale.place(chunk.arrival_ms)
            drawings.append(paths.uprights([place], top, CHUNK_HEIGHT))
    return Lane(
        label="chunks",
        height=CHUNK_HEIGHT,
        shapes=tuple(_shapes("chunk", "chunk", drawings)),
        description=_chunk_text(chunks),
    )


def _chunk_height(audio_ms: float, most_ms: float) -> float:
    share = audio_ms / most_ms if most_ms > 0 else 0.0
    return (CHUNK_HEIGHT - INSET) * (SMALLEST_CHUNK + (1 - SMALLEST_CHUNK) * share)


def _chunk_text(chunks: Sequence[ChunkMark]) -> str:
    if not chunks:
        return "no chunk arrived"
    first_ms = min(chunk.arrival_ms for chunk in chunks)
    last_ms = max(chunk.arrival_ms for chunk in chunks)
    count = plural(len(chunks), "chunk")
    return f"{count}, the first after {first_ms:.1f} ms, the last after {last_ms:.1f} ms"


# The player


def _buffer_lane(timeline: Timeline, scale: LinearScale) -> Lane:
    """How much audio the player has in hand, and the holes in which it has none."""
    most_ms = max((point.buffered_ms for point in timeline.buffer), default=0.0)
    upwards = LinearScale(0.0, most_ms or 1.0, start=BUFFER_HEIGHT, end=INSET)
    points = [(point.at_ms, point.buffered_ms) for point in timeline.buffer]
    shown = thin(cut_line(points, scale.high))
    places = [(scale.place(at_ms), upwards.place(level_ms)) for at_ms, level_ms in shown]
    shapes = [Shape("buffer", paths.area(places, BUFFER_HEIGHT), "buffer")]
    drawings = []
    for hole in timeline.holes:
        if hole.start_ms <= scale.high:
            extent = (scale.place(hole.start_ms), scale.place(hole.end_ms))
            drawings.append(paths.boxes([extent], 0.0, BUFFER_HEIGHT))
    shapes += _shapes("hole", "hole", drawings)
    return Lane(
        label="buffer",
        height=BUFFER_HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        description=_buffer_text(timeline, most_ms),
    )


def _buffer_text(timeline: Timeline, most_ms: float) -> str:
    if timeline.playback_start_ms is None:
        return "the player had nothing to play"
    start = f"playback begins after {timeline.playback_start_ms:.1f} ms"
    if not timeline.holes:
        return f"{start} and never stops; at most {most_ms:.0f} ms are buffered"
    stops = "once" if len(timeline.holes) == 1 else f"{len(timeline.holes)} times"
    longest_ms = max(hole.end_ms - hole.start_ms for hole in timeline.holes)
    return f"{start} and stops {stops}, for {longest_ms:.1f} ms at most"


def cut_line(points: Sequence[Point], end: float) -> list[Point]:
    """A line of points up to a place, where it is cut through between two of them."""
    count = bisect_right([x for x, _ in points], end)
    shown = list(points[:count])
    if 0 < count < len(points):
        left, low = points[count - 1]
        right, high = points[count]
        share = (end - left) / (right - left)
        shown.append((end, low + share * (high - low)))
    return shown


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> Sequence[Point]:
    """At most so many points, evenly taken; the first and the last among them."""
    if len(points) <= most:
        return points
    last = len(points) - 1
    return [points[round(place * last / (most - 1))] for place in range(most)]


def find_pieces(timeline: Timeline) -> tuple[PlayedPiece, ...]:
    """What plays without a stop, in order: between two of them is a hole."""
    if timeline.playback_start_ms is None:
        return ()
    whole_ms = sum(chunk.audio_ms for chunk in timeline.chunks)
    pieces = []
    at_ms = timeline.playback_start_ms
    audio_ms = 0.0
    for hole in timeline.holes:
        pieces.append(PlayedPiece(at_ms, audio_ms, hole.audio_ms - audio_ms))
        at_ms = hole.end_ms
        audio_ms = hole.audio_ms
    pieces.append(PlayedPiece(at_ms, audio_ms, whole_ms - audio_ms))
    return tuple(piece for piece in pieces if piece.length_ms > 0)


def played_at_ms(audio_ms: float, pieces: Sequence[PlayedPiece]) -> float | None:
    """When a place in the audio is played; of one at a hole, when it goes on. None beyond."""
    found = None
    for piece in pieces:
        if piece.audio_ms <= audio_ms <= piece.audio_ms + piece.length_ms:
            found = piece.at_ms + audio_ms - piece.audio_ms
    return found


# The sound


def _sound_lane(timeline: Timeline, outline: Outline | None, scale: LinearScale) -> Lane:
    """The outline of the audio where it is played, and the joints of its chunks.

    Without its sound there are boxes for what plays.
    """
    pieces = find_pieces(timeline)
    shapes = [_body_shape(pieces, outline, scale)]
    shapes += _joints("joint", timeline.joints_ms, pieces, scale)
    shapes += _joints("joint broken", timeline.flagged_joints_ms, pieces, scale)
    return Lane(
        label="audio",
        height=SOUND_HEIGHT,
        shapes=tuple(shape for shape in shapes if shape.path),
        description=_sound_text(timeline),
    )


def _joints(
    look: str, joints_ms: Iterable[float], pieces: Sequence[PlayedPiece], scale: LinearScale
) -> list[Shape]:
    """A line at each joint that is played before the end of the scale."""
    drawings = []
    for joint_ms in joints_ms:
        at_ms = played_at_ms(joint_ms, pieces)
        if at_ms is not None and at_ms <= scale.high:
            drawings.append(paths.uprights([scale.place(at_ms)], 0.0, SOUND_HEIGHT))
    return _shapes(look, "joint", drawings)


def _sound_text(timeline: Timeline) -> str:
    joints = len(timeline.joints_ms)
    text = f"audio as it is played, {plural(joints, 'joint')} of chunks"
    broken = len(timeline.flagged_joints_ms)
    if broken:
        text += f", the sound is broken at {broken} of them"
    return text


def _body_shape(
    pieces: Sequence[PlayedPiece], outline: Outline | None, scale: LinearScale
) -> Shape:
    shown = [piece for piece in pieces if piece.at_ms <= scale.high]
    if outline is None or not outline.peaks:
        extents = [
            (scale.place(piece.at_ms), scale.place(piece.at_ms + piece.length_ms))
            for piece in shown
        ]
        third = SOUND_HEIGHT / 3
        return Shape("unsaved", paths.boxes(extents, third, 2 * third), "audio")
    loudest = max(outline.peaks) or 1.0
    drawings = [_piece_outline(piece, outline, loudest, scale) for piece in shown]
    return Shape("wave", "".join(drawings), "waveform")


def _piece_outline(piece: PlayedPiece, outline: Outline, loudest: float, scale: LinearScale) -> str:
    """The columns of the outline that a piece plays."""
    first = int(piece.audio_ms / outline.column_ms)
    last = int((piece.audio_ms + piece.length_ms) / outline.column_ms)
    middle = SOUND_HEIGHT / 2
    xs = []
    sizes = []
    for column, peak in enumerate(outline.peaks[first : last + 1], start=first):
        at_ms = piece.at_ms + max(0.0, column * outline.column_ms - piece.audio_ms)
        if at_ms > scale.high:
            break
        xs.append(scale.place(at_ms))
        sizes.append(max(0.5, (middle - INSET) * peak / loudest))
    return paths.outline(xs, sizes, middle)


# Marks


def _marks(timeline: Timeline, scale: LinearScale, limit_ms: float | None) -> list[TimeMark]:
    """When the first sound is heard, and until when the test wants it to be."""
    instants = (
        ("heard", "heard", timeline.heard_ms),
        ("limit", "limit", limit_ms),
    )
    marks: list[TimeMark] = []
    for look, name, at_ms in instants:
        if at_ms is None or scale.is_beyond(at_ms):
            continue
        mark = TimeMark(scale.percent(at_ms), f"{name} {charts.figure(at_ms, 'ms')}", look)
        covers = any(abs(mark.label_start - other.label_start) < LABEL_WIDTH for other in marks)
        marks.append(mark._replace(row=int(covers)))
    return marks
