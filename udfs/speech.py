"""Where in a window somebody speaks: silero-vad by ONNX Runtime, one thread.

    waveform (80000,) at 16 kHz -> ((start_ms, end_ms), ...) from the window's start

Every window is judged alone, from a fresh state. The packaged graph that takes all frames in one
call gives the same probabilities as the one that is fed frame by frame, and is the cheapest. Only
the graph is used: to import its package is to import torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from udfs.models.onnx_session import options

SAMPLE_RATE_HZ = 16_000
MIN_SPEECH_MS = 250
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1_000

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
"""The end of the frame before, which the graph hears again."""
STATE_SHAPE = (1, 1, 128)
SPEECH, NO_SPEECH = 0.5, 0.35
"""Speech begins at the first probability and ends below the second."""
MIN_SILENCE_SAMPLES = 100 * SAMPLES_PER_MS
MIN_SPEECH_SAMPLES = MIN_SPEECH_MS * SAMPLES_PER_MS
PAD_SAMPLES = 30 * SAMPLES_PER_MS
"""A span is made longer by so much on both sides, but never into its neighbour."""

Span = tuple[int, int]


class SpeechDetector:
    """Finds speech of at least 250 ms. Holds the graph only, no state between windows."""

    def __init__(self) -> None:
        self._graph = onnxruntime.InferenceSession(
            _graph_file(), options(num_threads=1), providers=["CPUExecutionProvider"]
        )

    def speech_spans_ms(self, waveform: NDArray[np.float32]) -> tuple[Span, ...]:
        """Spans of speech within a window, sorted and disjoint, each at least 250 ms.

        Args:
            waveform: (num_samples,) float32 in -1..1 at 16 kHz.
        """
        if not waveform.any():  # most of a call, for whoever listens
            return ()
        spans = padded(
            list(likely_spans(self._probabilities(waveform), len(waveform))), len(waveform)
        )
        return tuple((start // SAMPLES_PER_MS, end // SAMPLES_PER_MS) for start, end in spans)

    def _probabilities(self, waveform: NDArray[np.float32]) -> list[float]:
        """That somebody speaks, for each frame of 32 ms; silence fills the last one up."""
        num_frames = -(-len(waveform) // FRAME_SAMPLES)
        heard = np.zeros(CONTEXT_SAMPLES + num_frames * FRAME_SAMPLES, dtype=np.float32)
        heard[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(waveform)] = waveform
        frames = np.lib.stride_tricks.sliding_window_view(heard, CONTEXT_SAMPLES + FRAME_SAMPLES)
        state = np.zeros(STATE_SHAPE, dtype=np.float32)
        inputs = {"input": frames[::FRAME_SAMPLES], "h": state, "c": state}
        (probabilities,) = self._graph.run(["speech_probs"], inputs)
        return list(probabilities.ravel().tolist())


def _graph_file() -> Path:
    package = find_spec("silero_vad")
    if package is None or package.origin is None:
        message = "silero-vad, whose graph finds speech"
        raise ModuleNotFoundError(message, name="silero_vad")
    return Path(package.origin).parent / "data" / "silero_vad_16k_sequence.onnx"


def likely_spans(probabilities: Sequence[float], num_samples: int) -> Iterator[Span]:
    """Silero's rule: spans (samples) from frames likely speech to the next 100 ms without.

    Args:
        probabilities: of each frame.
        num_samples: the sound's length, where a span that is still open ends.
    """
    start: int | None = None
    silent_from: int | None = None
    for number, probability in enumerate(probabilities):
        sample = number * FRAME_SAMPLES
        if probability >= SPEECH:
            silent_from = None
            start = sample if start is None else start
        elif start is not None and probability < NO_SPEECH:
            silent_from = sample if silent_from is None else silent_from
            if sample - silent_from >= MIN_SILENCE_SAMPLES:
                if silent_from - start > MIN_SPEECH_SAMPLES:
                    yield start, silent_from
                start = silent_from = None
    if start is not None and num_samples - start > MIN_SPEECH_SAMPLES:
        yield start, num_samples


def padded(spans: Sequence[Span], num_samples: int) -> list[Span]:
    """Spans made longer by ``PAD_SAMPLES``; those close together meet halfway."""
    gaps = [later[0] - earlier[1] for earlier, later in itertools.pairwise(spans)]
    between = [min(PAD_SAMPLES, gap // 2) for gap in gaps]
    pads = itertools.pairwise([PAD_SAMPLES, *between, PAD_SAMPLES])
    return [
        (max(0, start - before), min(num_samples, end + after))
        for (start, end), (before, after) in zip(spans, pads, strict=False)  # no span: one pad
    ]
