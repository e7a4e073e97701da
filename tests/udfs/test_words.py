import pytest

from udfs.words import count_words


@pytest.mark.parametrize(
    ("text", "num_words"),
    [
        ("", 0),
        ("   \n", 0),
        ("... ?! —", 0),
        ("👋 🙂", 0),
        ("good morning", 2),
        ("Don't check-in at 5, it’s late!", 6),
        ("I'll", 1),
        ("grüße naïve 你好", 3),
        ("a'b'c 'quoted' -dash-", 3),
        ("\u0000", 0),
    ],
)
def test_words_are_runs_of_letters_and_digits(text, num_words):
    assert count_words(text) == num_words
