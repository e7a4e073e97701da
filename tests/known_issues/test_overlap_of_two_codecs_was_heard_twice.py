"""Where chunks of different codecs overlapped, both were heard: the tracks are added up.

The lower sequence wins, whatever its codec.
"""

import pytest

from tests.builders import chunk
from udfs.audio_codec import SILENCE
from udfs.windows import arrange

PCM = {"encoding": "pcm_s16le", "sample_rate_hz": 16_000}


@pytest.mark.parametrize("mulaw_comes_first", [True, False])
def test_the_lower_sequence_wins_whatever_its_codec(mulaw_comes_first):
    #  mulaw   |█████|            1000 .. 2000
    #  pcm        |█████|         1500 .. 2500
    mulaw = chunk(3 if mulaw_comes_first else 4, 1_000, 1_000)
    pcm = chunk(4 if mulaw_comes_first else 3, 1_500, 1_000, **PCM)

    signal = arrange(0, [mulaw, pcm], audio_follows=False)

    heard = {track.encoding: track.payload for track in signal.tracks}
    both_mulaw, both_pcm = heard["mulaw"][12_000:16_000], heard["pcm_s16le"][48_000:64_000]
    if mulaw_comes_first:
        assert both_mulaw == mulaw.payload[4_000:]
        assert both_pcm == bytes(16_000)
    else:
        assert both_mulaw == SILENCE["mulaw"] * 4_000
        assert both_pcm == pcm.payload[:16_000]
    assert heard["mulaw"][8_000:12_000] == mulaw.payload[:4_000]
    assert heard["pcm_s16le"][64_000:80_000] == pcm.payload[16_000:]
