"""The UDF skins driven by hand, against a SageMaker-shaped server that fails as one does."""

from __future__ import annotations

import random
from functools import partial

import msgspec
import pandas as pd
import pytest
from pyflink.table import FunctionContext

from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.payloads import wav
from connectors.remote_models.spec import BackendSpec, RemoteSpec
from tests.aws_servers.model_server import ModelServer, shares_of
from tests.bench.workload import read_bank
from udfs.model_udfs import Begin, Finish, ScoreAudio, ScoreText
from udfs.models.scorer import MODEL_FAILURES
from udfs.score_text import TextScore
from udfs.score_window import WindowScore, waveform_of

pytestmark = pytest.mark.slow

SPEC = RemoteSpec("sagemaker", "eu-west-1", name="calls", time_limit_s=20.0)
encode = msgspec.msgpack.encode


def faults(throttled: float, garbage: float):
    """A fault for each request, in these shares, drawn once for all runs."""
    drawn = random.Random(7)
    shares = (throttled, garbage, 1 - throttled - garbage)
    plan = drawn.choices(["throttled", "garbage", None], shares, k=10_000)
    return lambda number: plan[number]


@pytest.fixture
def server(serve):
    model = ModelServer(fault_of=faults(throttled=0.30, garbage=0.05))
    serve(model)
    return model


def opened(udf):
    udf.open(FunctionContext(None, {}))
    return udf


def test_of_throttled_and_garbled_windows_none_is_lost_and_none_neutral_by_default(server):
    signals = read_bank().signals()
    udf = opened(ScoreAudio(partial(open_audio_scorer, BackendSpec(SPEC)), hears_in_threads=True))

    column = udf.eval(pd.Series([None, *map(encode, signals), None], dtype=object))
    udf.close()

    assert (column.iloc[0], column.iloc[-1]) == (None, None)
    scores = [msgspec.msgpack.decode(one, type=WindowScore) for one in column.iloc[1:-1]]
    assert len(scores) == len(signals)
    asked = [one for one in scores if one.missing != "no_speech"]
    failed = [one.missing for one in asked if one.triple is None]
    assert set(failed) <= MODEL_FAILURES
    assert "bad_answer" in failed
    assert len(failed) < len(asked) / 4
    for signal, score in zip(signals, scores, strict=True):
        if score.triple is not None:
            assert score.triple == pytest.approx(shares_of(wav([waveform_of(signal)]).body))
            assert score.model_id == "sagemaker:calls/blue"
        assert (score.missing == "no_speech") == (score.speech_ms == ())


def test_of_throttled_and_garbled_utterances_each_has_its_triple_or_a_reason(server):
    texts = [f"utterance {number}" for number in range(100)]
    specs = {"en": BackendSpec(SPEC), "de": BackendSpec()}
    udf = opened(ScoreText(partial(open_text_scorers, specs)))

    column = udf.eval(
        pd.Series([*texts, "gut", "bon", "", None], dtype=object),
        pd.Series([*["en-US"] * 100, "de", "fr", "en", None], dtype=object),
        pd.Series([False] * 104, dtype=object),
    )
    udf.close()

    assert column.iloc[-1] is None
    *english, german, french, empty = (
        msgspec.msgpack.decode(one, type=TextScore) for one in column.iloc[:-1]
    )
    reasons = (german.missing, french.missing, empty.missing)
    assert reasons == ("no_model", "unsupported_language", "no_words")
    for text, score in zip(texts, english, strict=True):
        if score.triple is None:
            assert score.missing in MODEL_FAILURES
        else:
            assert score.triple == pytest.approx(shares_of(text.encode()))
    assert sum(score.triple is not None for score in english) > 75


def test_what_is_begun_and_then_finished_is_what_is_scored_at_once(server):
    server.fault_of = lambda _: None
    signals = [*map(encode, read_bank().signals()[:12])]
    columns = [[None, *signals[:5]], [None, None], signals[5:]]
    udf = opened(ScoreAudio(partial(open_audio_scorer, BackendSpec(SPEC)), hears_in_threads=True))
    begin = opened(
        Begin(ScoreAudio(partial(open_audio_scorer, BackendSpec(SPEC)), hears_in_threads=True))
    )

    tickets = [begin.eval(pd.Series(column, dtype=object)) for column in columns]
    begin.close()
    found = [Finish().eval(column) for column in tickets]

    expected = [udf.eval(pd.Series(column, dtype=object)) for column in columns]
    udf.close()
    assert [list(column) for column in found] == [list(column) for column in expected]
    assert [column.isna().sum() for column in found] == [1, 2, 0]
