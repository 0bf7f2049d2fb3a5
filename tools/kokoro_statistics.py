"""Measures the packaged kokoro voices anew: `python tools/kokoro_statistics.py [VOICE ...]`.

To be run after a change of the sentences, of the cut, or of the package of the voices: it writes
engine/models/kokoro/packaged/, of which git stores every version. It takes half a minute of
processor time for each voice.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.cache import Cache  # noqa: E402
from engine.models.base import Settings  # noqa: E402
from engine.models.kokoro.model import measure_voice  # noqa: E402
from engine.models.kokoro.packaged import FOLDER, write_packaged  # noqa: E402
from engine.runtime.providers import CPU, SessionOptions  # noqa: E402
from engine.voices import KOKORO_VOICES, find_voice  # noqa: E402


def main() -> None:
    """Write the file of each voice that was named, or of all."""
    settings = Settings(CPU, SessionOptions(), "any", {}, Cache(), on_progress=print)
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or KOKORO_VOICES:
        voice = find_voice(name)
        key, tables = measure_voice(voice, settings)
        write_packaged(FOLDER, voice.style, key, tables)


if __name__ == "__main__":
    main()
