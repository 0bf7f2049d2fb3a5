"""A process that keeps a core busy and is no child of ours, as another user's would be."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

LONGEST_S = 60
WORK = f"import time\nend = time.monotonic() + {LONGEST_S}\nwhile time.monotonic() < end: pass"
START = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {WORK!r}], start_new_session=True,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(child.pid)
"""


@contextlib.contextmanager
def stranger() -> Iterator[int]:
    """Start it behind a parent that ends at once; gives its pid, and ends it afterwards."""
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, check=True, text=True)
    pid = int(done.stdout)
    try:
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
