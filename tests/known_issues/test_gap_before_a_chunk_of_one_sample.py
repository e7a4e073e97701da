"""A window's gap depended on the order, where a chunk of one sample came after it.

A chunk shorter than 100 µs at the very start of a window was taken for rounding, so the window
before was cut as if nothing followed, and not cut again when more came.
"""

from tests.builders import call_ended, call_started, chunk, noise
from tests.intake_run import IntakeRun

PCM = {"encoding": "pcm_s16le", "sample_rate_hz": 16_000}


def gap_of_first_window(*audio):
    intake = IntakeRun()
    end = call_ended(chunks={"customer": len(audio)}, utterances=0)
    intake.take(call_started("customer"), *audio, end)
    cut, _ = intake.windows["customer", 0]
    return cut.gap_ms


def test_the_gap_is_the_same_in_any_order():
    first = chunk(0, 0, 1_000, **PCM)
    one_sample = chunk(1, 5_000, payload=noise(2), **PCM)
    more = chunk(2, 6_000, 1_000, **PCM)

    assert gap_of_first_window(first, one_sample, more) == 4_000
    assert gap_of_first_window(first, more, one_sample) == 4_000
