"""Where a sound ended depended on how it was cut, at rates without whole samples a millisecond.

A chunk's end was its rounded ``offset_ms`` plus its length, so the last chunk at 11,025 Hz
ended some microseconds earlier or later, depending on where it began, and by that in another
millisecond. The covered time, and with it the noise level, differed between two deliveries.
"""

import pytest

from tests.builders import chunk, noise
from udfs.audio_codec import samples_at_ms
from udfs.windows import arrange, chunk_end_us


@pytest.mark.parametrize("rate_hz", [11_025, 22_050, 44_100])
@pytest.mark.parametrize("begin_ms", range(1, 21))
def test_a_sound_ends_where_it_ends(rate_hz, begin_ms):
    num_samples = samples_at_ms(21, rate_hz)
    sound = noise(2 * num_samples)
    border = samples_at_ms(begin_ms, rate_hz)
    fields = {"encoding": "pcm_s16le", "sample_rate_hz": rate_hz}
    whole = chunk(0, 0, payload=sound, **fields)
    head = chunk(0, 0, payload=sound[: 2 * border], **fields)
    tail = chunk(1, begin_ms, payload=sound[2 * border :], **fields)

    assert chunk_end_us(tail) == chunk_end_us(whole)
    assert arrange(0, [head, tail], audio_follows=False) == arrange(0, [whole], audio_follows=False)
