"""Processors kept from idling while versions are compared.

A processor that has nothing to do for a moment goes to sleep, in a virtual machine it is given to
others, and the next trial waits until it is back: noise in every tail, whichever version. Linux
keeps processors awake for whoever holds this device open with the latency that is still tolerable
(Documentation/power/pm_qos_interface.rst of its sources).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

DEVICE = Path("/dev/cpu_dma_latency")
NO_WAIT_US = 0


@contextlib.contextmanager
def inhibit_cpu_idle(device: Path = DEVICE) -> Iterator[bool]:
    """Let no processor idle meanwhile; gives whether that could be asked for.

    It needs the right to write to the device, which is root's by default. The system forgets the
    wish when the file is closed, also by a process that was killed.
    """
    with contextlib.ExitStack() as stack:
        is_granted = False
        with contextlib.suppress(OSError):
            file = stack.enter_context(device.open("r+b", buffering=0))
            file.write(struct.pack("=i", NO_WAIT_US))
            is_granted = True
        yield is_granted


def can_inhibit_cpu_idle(device: Path = DEVICE) -> bool | None:
    """Whether `inhibit_cpu_idle` would have an effect; None where the system has no such device."""
    if not device.exists():
        return None
    with inhibit_cpu_idle(device) as is_awake:
        return is_awake
