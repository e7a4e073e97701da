"""The plain loop: the job's own function of one window, over and over, in one process and thread.

    python -m tests.bench.loop SECONDS

Prints windows a second and what a window's time goes into, as JSON.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import defaultdict
from typing import Any

from tests.bench.workload import read_bank
from udfs.models.audio import load_audio_model
from udfs.models.contract import ModelSpec
from udfs.models.scorer import LocalAudio
from udfs.score_window import score_window, waveform_of
from udfs.speech import SpeechDetector
from udfs.windows import WindowSignal

WARM_UP_WINDOWS = 20


def measure(seconds: float) -> dict[str, Any]:
    signals = read_bank().signals()
    detector, model = SpeechDetector(), load_audio_model(ModelSpec())
    scorer = LocalAudio(model)
    for signal in signals[:WARM_UP_WINDOWS]:
        score_window(signal, detector, scorer)
    begun_s, cpu_begun_s = time.perf_counter(), time.process_time()
    num_windows = num_spoken = 0
    while (taken_s := time.perf_counter() - begun_s) < seconds:
        score = score_window(signals[num_windows % len(signals)], detector, scorer)
        num_windows += 1
        num_spoken += score.triple is not None
    return {
        "windows_per_s": num_windows / taken_s,
        "cpu_s_per_window": (time.process_time() - cpu_begun_s) / num_windows,
        "spoken_share": num_spoken / num_windows,
        "seconds": taken_s,
        "shares": _shares(signals, detector, model),
    }


def _shares(signals: list[WindowSignal], detector: SpeechDetector, model: Any) -> dict[str, float]:
    """Each step's part of the time, by doing them one after another over all windows."""
    spent_s: defaultdict[str, float] = defaultdict(float)
    for signal in signals:
        marks = [time.perf_counter()]
        waveform = waveform_of(signal)
        marks.append(time.perf_counter())
        speech_ms = detector.speech_spans_ms(waveform)
        marks.append(time.perf_counter())
        if speech_ms:
            model.inputs(waveform)
        marks.append(time.perf_counter())
        if speech_ms:
            model.probabilities(waveform)  # extracts the log-mel once more
        marks.append(time.perf_counter())
        score_window(signal, detector, LocalAudio(model))
        whole_s = time.perf_counter() - marks[-1]
        decode_s, vad_s, mel_s, model_s = (b - a for a, b in itertools.pairwise(marks))
        spent_s["decode"] += decode_s
        spent_s["vad"] += vad_s
        spent_s["log_mel"] += mel_s
        spent_s["model"] += model_s - mel_s
        spent_s["whole"] += whole_s
    whole_s = spent_s.pop("whole")
    shares = {step: spent / whole_s for step, spent in spent_s.items()}
    return {**shares, "rest": 1 - sum(shares.values())}


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]))))
