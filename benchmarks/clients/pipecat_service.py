"""Pipecat's service for OpenAI's speech against a server, in a pipeline of its own.

pip install "pipecat-ai[openai]"
python benchmarks/clients/pipecat_service.py http://127.0.0.1:8000
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Any

from loguru import logger
from pipecat.frames.frames import EndFrame, ErrorFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.workers.runner import WorkerRunner

TEXT = "Today is a wonderful day to build something people love!"
FORMS: dict[str, dict[str, Any]] = {
    "the defaults": {},
    "instructions": {"instructions": "Speak cheerfully."},
    "speed": {"speed": 1.5},
    "a model of Kokoro's": {"model": "kokoro"},
    "another voice of OpenAI's": {"voice": "shimmer", "model": "tts-1-hd"},
}


class Collector(FrameProcessor):  # type: ignore[misc]
    """Counts the audio at the end of the pipeline, and keeps the errors."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.errors: list[str] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        if isinstance(frame, ErrorFrame):
            self.errors.append(frame.error)
        await self.push_frame(frame, direction)


async def speak(url: str, options: dict[str, Any]) -> float:
    """Seconds of audio that come out of the pipeline."""
    settings = OpenAITTSService.Settings(**options)
    service = OpenAITTSService(api_key="none", base_url=f"{url}/v1", settings=settings)
    collector = Collector()
    worker = PipelineWorker(Pipeline([service, collector]))
    await worker.queue_frames([TTSSpeakFrame(TEXT), EndFrame()])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()
    assert not collector.errors, collector.errors
    return collector.seconds


async def main() -> int:
    """Try every form; 1 if one failed."""
    logger.remove()
    print(f"pipecat-ai {version('pipecat-ai')}")
    failures = 0
    for name, options in FORMS.items():
        try:
            seconds = await speak(sys.argv[1], options)
            assert seconds > 1, f"found {seconds:.2f} s of audio"
            print(f"passed  {name}: {seconds:.2f} s")
        except Exception as error:
            failures += 1
            print(f"FAILED  {name}: {type(error).__name__} {error}"[:200])
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
