"""Write the schemas anew from the records: `python -m pytest_ttsperf.report.schemas`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_ttsperf.files import write_file
from pytest_ttsperf.report import artifact


def main(folder: Path) -> None:
    """One file per kind of artifact."""
    for name, kind in artifact.SCHEMAS.items():
        body = msgspec.json.format(msgspec.json.encode(artifact.schema(kind)), indent=2)
        write_file(folder / f"{name}.json", body + b"\n")


if __name__ == "__main__":
    main(Path(__file__).parent)
