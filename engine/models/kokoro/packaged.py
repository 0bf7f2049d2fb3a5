"""What was measured of the packaged voices beforehand, so that their first start is not held up.

Measuring the sentences of norms.py takes half a minute of processor time for each voice. What it
gives is the same on every machine up to rounding, and so it comes along. Each value is stored as
one of 256 levels between the least and the greatest of all sentences: that is closer than two
processors agree on the sound. `python tools/kokoro_statistics.py` makes the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .norms import Tables, pack_tables

FOLDER = Path(__file__).with_name("packaged")
KEY = "key"  # the entry that says what a file was made from
LOW = "_low"  # entries beside each table: its least values, and what a level is worth
STEP = "_step"
LEVELS = 255


def find_packaged(style: str, key: str) -> Path | None:
    """The file of that style of a voice, if it was made from what `key` stands for."""
    path = FOLDER / f"{style}.npz"
    if not path.is_file():
        return None
    with np.load(path) as entries:
        if str(entries[KEY]) != key:
            return None
    return path


def read_packaged(path: Path) -> bytes:
    """What a file holds, as pack_tables() packs it."""
    tables: dict[str, NDArray[np.float32]] = {}
    with np.load(path) as entries:
        for name in entries:
            if f"{name}{LOW}" in entries:
                step = entries[f"{name}{STEP}"]
                table = entries[f"{name}{LOW}"] + entries[name] * step
                tables[name] = table.astype(np.float32)
    return pack_tables(tables)


def write_packaged(folder: Path, style: str, key: str, tables: Tables) -> None:
    """Write the file of a style; read_packaged() reads it."""
    entries: dict[str, NDArray[Any]] = {KEY: np.array(key)}
    for name, table in tables.items():
        low = table.min(axis=0)
        step = (table.max(axis=0) - low) / LEVELS
        divisor = np.where(step > 0, step, 1)
        entries[name] = np.rint((table - low) / divisor).astype(np.uint8)
        entries[f"{name}{LOW}"] = low.astype(np.float32)
        entries[f"{name}{STEP}"] = step.astype(np.float32)
    arrays: Mapping[str, Any] = entries
    np.savez_compressed(folder / f"{style}.npz", **arrays)
