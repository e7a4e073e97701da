"""Who speaks when, drawn."""

import pytest

from tests.builders import scored_audio, window
from udfs.speech_timeline import interruptions, speech_of, total_ms, union


def test_speech_is_joined_across_windows():
    windows = {
        1: window(scored_audio(1, speech_ms=((0, 700), (4_000, 5_000)))),
        0: window(scored_audio(0, speech_ms=((1_000, 2_000), (4_500, 5_000)))),
        2: window(),
    }

    assert speech_of(windows) == [(1_000, 2_000), (4_500, 5_700), (9_000, 10_000)]
    assert total_ms(speech_of(windows)) == 3_200


def test_union_joins_what_overlaps_or_touches():
    assert union([(5, 6), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 6)]


@pytest.mark.parametrize(
    ("of", "other", "count"),
    [
        #  other ████████        of begins while the other has been speaking for 250 ms
        #  of        ████████
        ([(500, 1_500)], [(0, 1_000)], 1),
        ([(250, 1_500)], [(0, 1_000)], 1),
        ([(249, 1_500)], [(0, 1_000)], 0),  # the other had hardly begun
        ([(1_000, 1_500)], [(0, 1_000)], 0),  # the other had just ended
        ([(500, 749)], [(0, 1_000)], 0),  # too short
        ([(500, 750)], [(0, 1_000)], 1),
        ([(0, 2_000)], [(500, 1_000)], 0),  # is interrupted, does not interrupt
        ([(300, 600), (700, 1_000)], [(0, 2_000)], 2),
        ([(500, 1_500)], [], 0),
    ],
)
def test_an_interruption_begins_while_another_has_been_speaking(of, other, count):
    assert interruptions(of, [other]) == count


def test_two_interrupted_at_once_are_one_interruption():
    assert interruptions([(500, 1_500)], [[(0, 1_000)], [(100, 900)]]) == 1
