"""Where in a window somebody speaks: silero-vad by ONNX Runtime, one thread.

    waveform (80000,) at 16 kHz -> ((start_ms, end_ms), ...) from the window's start

Every window is judged alone, from a fresh state. The packaged graph that takes all frames in one
call gives the same probabilities as the one that is fed frame by frame, and is the cheapest.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from silero_vad.sequence_vad import SileroVADSequence, get_speech_timestamps_sequence

SAMPLE_RATE_HZ = 16_000
MIN_SPEECH_MS = 250
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1_000


class SpeechDetector:
    """Finds speech of at least 250 ms. Holds the graph only, no state between windows."""

    def __init__(self) -> None:
        graph = files("silero_vad") / "data" / "silero_vad_16k_sequence.onnx"
        self._graph = SileroVADSequence(str(graph), sampling_rate=SAMPLE_RATE_HZ)

    def speech_spans_ms(self, waveform: NDArray[np.float32]) -> tuple[tuple[int, int], ...]:
        """Spans of speech within a window, sorted and disjoint, each at least 250 ms.

        Args:
            waveform: (num_samples,) float32 in -1..1 at 16 kHz.
        """
        if not waveform.any():  # most of a call, for whoever listens
            return ()
        spans = get_speech_timestamps_sequence(
            waveform,
            self._graph,
            sampling_rate=SAMPLE_RATE_HZ,
            min_speech_duration_ms=MIN_SPEECH_MS,
        )
        return tuple(
            (span["start"] // SAMPLES_PER_MS, span["end"] // SAMPLES_PER_MS) for span in spans
        )
