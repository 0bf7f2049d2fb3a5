"""`Popen` as it was when the plugin was imported: a fixture of a test may have replaced it since.

What a stand-in calls its process id is nothing that may be killed: a MagicMock's is 1 wherever a
number is wanted. Not in `real`, as each measured process imports that, and would import this for
some milliseconds of its start.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen as Popen


@contextmanager
def restore_popen() -> Iterator[None]:
    """Have `subprocess` start real processes meanwhile, for what is not ours, as git."""
    replaced = subprocess.Popen
    subprocess.Popen = Popen  # type: ignore[misc]
    try:
        yield
    finally:
        subprocess.Popen = replaced  # type: ignore[misc]
