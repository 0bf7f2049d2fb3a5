"""`python -m pytest_ttsperf` is the command `ttsperf`."""

from __future__ import annotations

import sys

from pytest_ttsperf.cli import main

if __name__ == "__main__":
    sys.exit(main())
