"""What is heard in audio, in words, by a recogniser in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import QualityError
from pytest_ttsperf.sound_quality.function_process import TIMEOUT_S, FunctionProcess, name_function
from pytest_ttsperf.sound_quality.packages import require_package

POCKETSPHINX = "pocketsphinx"
POCKETSPHINX_FUNCTION = "pytest_ttsperf.sound_quality.pocketsphinx_recognizer:recognize"


class Recognizer(FunctionProcess):
    """A context manager: its process starts when it is entered, and ends with it or the run."""

    def __init__(
        self,
        recognizer: str | Callable[[NDArray[np.float32], int], str] = POCKETSPHINX,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`recognizer` is 'pocketsphinx', 'module:callable', or a function that can be imported.

        It is called with samples of shape (frames,), float32 with full scale 1.0, and their rate in
        Hz, and returns what is said. QualityError for any other object, as for a lambda or a
        closure, and for pocketsphinx where it is not installed.
        """
        self.name = recognizer if recognizer == POCKETSPHINX else name_function(recognizer)
        if self.name == POCKETSPHINX:
            require_package(POCKETSPHINX)
            super().__init__(POCKETSPHINX_FUNCTION, timeout_s=timeout_s)
        else:
            super().__init__(self.name, timeout_s=timeout_s)

    def transcribe(self, samples: NDArray[np.float32], sample_rate: int) -> str:
        """What is said in samples of shape (frames,) at a rate in Hz.

        QualityError as for `FunctionProcess.call`, and where the recogniser gives no str.
        """
        transcript: Any = self.call(samples, sample_rate)
        if not isinstance(transcript, str):
            raise QualityError(
                f"{self.function} gave {type(transcript).__name__}, wanted str: what is said"
            )
        return transcript
