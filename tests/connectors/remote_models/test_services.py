"""Each service over HTTP: what is asked, what is understood, what each fault ends as."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from connectors.remote_models.bedrock import read_prompt
from connectors.remote_models.comprehend import cut, language_code, units_of
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.spec import BackendSpec, RemoteSpec
from tests.aws_servers.model_server import WINDOW_BYTES, ModelServer, shares_of
from tests.captured_metrics import CapturedGroup
from udfs.metrics import MODELS, NoMetrics
from udfs.models.contract import ModelSpec, Triple
from udfs.models.labels import with_operating_prior
from udfs.models.scorer import MODEL_FAILURES, Outcome, Text

pytestmark = pytest.mark.slow

TEXTS = [f"this is utterance {number}" for number in range(60)]
NAMES = {"sagemaker": "calls", "comprehend": "", "bedrock": "any.model-v1:0"}
MODEL_IDS = {
    "sagemaker": "sagemaker:calls/blue",
    "comprehend": "comprehend:sentiment",
    "bedrock": "bedrock:any.model-v1:0@",
}


def spec_of(service, **more):
    values = {"name": NAMES[service], "prompt": "Rate it.", "time_limit_s": 20.0, "concurrency": 16}
    return RemoteSpec(service, "eu-west-1", **{**values, **more})


def ask(service, texts=TEXTS, language="en-US", group=None, local=None, **more):
    spec = BackendSpec(spec_of(service, **more), local)
    scorer = open_text_scorers({"en": spec}, group.metrics() if group else NoMetrics())["en"]
    try:
        return list(scorer.score([Text(text, language) for text in texts]))
    finally:
        scorer.close()


def english(texts):
    return [Text(text, "en-US") for text in texts]


def expected(text):
    return pytest.approx(shares_of(text.encode()), abs=1e-6)


@pytest.fixture(params=NAMES)
def service(request):
    return request.param


def test_every_text_gets_its_own_triple_in_order_and_the_id_of_the_model(serve, service):
    serve(ModelServer())

    outcomes = ask(service)

    assert [outcome.triple for outcome in outcomes] == [expected(text) for text in TEXTS]
    assert all(outcome.model_id.startswith(MODEL_IDS[service]) for outcome in outcomes)
    assert all(outcome.missing is None for outcome in outcomes)


def test_a_triple_does_not_depend_on_the_batch(serve, service):
    serve(ModelServer())
    texts = [*TEXTS[:9], "alone"]

    together, alone = ask(service, texts)[-1], ask(service, ["alone"])[0]

    assert together == alone


@pytest.mark.parametrize("fault", ["throttled", "unavailable", "dropped"])
def test_what_passes_is_asked_again(serve, service, fault):
    model = ModelServer(fault_of=lambda number: fault if number == 0 else None)
    serve(model)
    group = CapturedGroup()

    (outcome,) = ask(service, ["good"], group=group)

    assert outcome.triple == expected("good")
    assert len(model.requests) == 2
    group.end_bundle()
    names = MODELS["text"]
    assert (group.count(names.remote_calls), group.count(names.remote_retries)) == (1, 1)
    assert not any(group.count(failed) for failed in names.remote_failed.values())


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        ("throttled", "throttled", 2),
        ("unavailable", "unavailable", 2),
        ("dropped", "unavailable", 2),
        ("refused", "refused", 1),
        ("garbage", "bad_answer", 1),
        ("model_error", "model_error", 1),
        ("hangs", "timeout", None),
    ],
)
def test_what_does_not_pass_is_missing_with_its_reason(serve, service, fault, reason, requests):
    if (service, fault) == ("comprehend", "model_error"):
        pytest.skip("comprehend has no model of others that could fail")
    model = ModelServer(fault_of=lambda _: fault)
    serve(model)
    group = CapturedGroup()
    limit_s = 0.3 if fault == "hangs" else 20.0

    (outcome,) = ask(service, ["good"], group=group, retries=1, time_limit_s=limit_s)

    assert (outcome.triple, outcome.missing, outcome.model_id) == (None, reason, None)
    assert outcome.has_failed
    group.end_bundle()
    failed = MODELS["text"].remote_failed
    assert {name: group.count(failed[name]) for name in failed if group.count(failed[name])} == {
        reason: 1
    }
    assert requests in (None, len(model.requests))


def test_a_request_holds_the_content_and_nothing_of_whom(serve, service):
    model = ModelServer()
    serve(model)

    ask(service, ["only this"])

    (request,) = model.requests
    asked = json.loads(request.body)
    assert {
        "sagemaker": {"inputs": "only this", "parameters": {"top_k": None}},
        "comprehend": {"TextList": ["only this"], "LanguageCode": "en"},
        "bedrock": {**asked, "messages": [{"role": "user", "content": [{"text": "only this"}]}]},
    }[service] == asked
    assert "Session" not in str(request.headers)
    assert "Custom-Attributes" not in str(request.headers)


def test_a_text_that_is_no_utf8_is_asked_all_the_same(serve, service):
    serve(ModelServer())

    (outcome,) = ask(service, ["so \ud800 good"])

    assert outcome.triple == expected("so ? good")


@pytest.mark.models
def test_what_fails_is_scored_by_the_fallback_under_its_own_id(serve):
    serve(ModelServer(fault_of=lambda _: "refused"))

    (outcome,) = ask("sagemaker", ["thank you so much"], local=ModelSpec())

    assert outcome.model_id.startswith("call-sentiment-text@")
    assert sum(outcome.triple) == pytest.approx(1)


def test_labels_and_priors_of_the_settings_are_applied(serve):
    serve(ModelServer(labels=("LABEL_0", "LABEL_1", "LABEL_2")))
    names = {"LABEL_0": "negative", "LABEL_1": "neutral", "LABEL_2": "positive"}

    (unmapped,) = ask("sagemaker", ["good"])
    (mapped,) = ask("sagemaker", ["good"], label_map=names, operating_prior=(0.2, 0.6, 0.2))

    uniform = (1 / 3, 1 / 3, 1 / 3)
    corrected = with_operating_prior(Triple(*shares_of(b"good")), uniform, (0.2, 0.6, 0.2))
    assert unmapped.missing == "bad_answer"
    assert mapped.triple == pytest.approx(corrected, abs=1e-9)


@pytest.mark.parametrize(
    "said",
    [
        b'[{"label": "POSITIVE", "score": 0.9}]',
        b'[{"label": "POSITIVE", "score": 1.5}, {"label": "NEGATIVE", "score": -0.5}]',
        b'[{"label": "POSITIVE", "score": NaN}, {"label": "NEGATIVE", "score": 0.5}]',
        b'{"negative": 0, "neutral": 0, "positive": 0}',
        b'{"negative": 0.5, "neutral": 0.5}',
        b'{"negative": true, "neutral": 0, "positive": 0}',
        b'{"error": "CUDA out of memory"}',
        b"[]",
        b"[[[]]]",
        b"null",
        b"\xff",
        b"",
    ],
)
def test_what_is_no_triple_is_a_bad_answer_and_never_neutral(serve, said):
    serve(ModelServer(answer=lambda _, __: said))

    (outcome,) = ask("sagemaker", ["good"])

    assert (outcome.triple, outcome.missing) == (None, "bad_answer")


@pytest.mark.parametrize(
    "said",
    [
        b'{"negative": 0.1, "neutral": 0.2, "positive": 0.7}',
        b'[{"negative": 0.1, "neutral": 0.2, "positive": 0.7}]',
        b'[[{"label": "hap", "score": 0.7}, {"label": "neu", "score": 0.2}, '
        b'{"label": "ang", "score": 0.06}, {"label": "sad", "score": 0.04}]]',
    ],
)
def test_the_forms_of_common_containers_are_understood(serve, said):
    serve(ModelServer(answer=lambda _, __: said))

    (outcome,) = ask("sagemaker", ["good"])

    assert outcome.triple == pytest.approx((0.1, 0.2, 0.7))


# --- SageMaker -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["audio/wav", "application/octet-stream"])
def test_a_window_travels_as_its_content_type_says(serve, content_type):
    model = ModelServer()
    serve(model)
    waveform = (np.sin(np.arange(80_000)) / 3).astype(np.float32)
    spec = spec_of("sagemaker", content_type=content_type, variant="green")
    scorer = open_audio_scorer(BackendSpec(spec), NoMetrics())

    (outcome,) = scorer.score([waveform])
    scorer.close()

    (request,) = model.requests
    assert request.headers["Content-Type"] == content_type
    assert outcome.model_id == "sagemaker:calls/green"
    assert outcome.triple == pytest.approx(shares_of(request.body), abs=1e-9)
    if content_type == "audio/wav":
        heard, rate_hz = soundfile.read(io.BytesIO(request.body), dtype="float32")
        assert (rate_hz, heard.shape) == (16_000, (80_000,))
        assert np.abs(heard - waveform).max() < 1 / 32_768
    else:
        assert (np.frombuffer(request.body, "<f4") == waveform).all()


def test_windows_travel_together_where_the_settings_say_so(serve):
    model = ModelServer()
    serve(model)
    waveforms = [np.full(80_000, loudness / 100, dtype=np.float32) for loudness in range(10)]
    spec = spec_of("sagemaker", content_type="application/octet-stream", inputs_per_call=4)
    scorer = open_audio_scorer(BackendSpec(spec), NoMetrics())

    outcomes = list(scorer.score(waveforms))
    scorer.close()

    asked = {len(request.body) // WINDOW_BYTES for request in model.requests}
    assert (len(model.requests), asked) == (3, {4, 2})
    assert [outcome.triple for outcome in outcomes] == [
        pytest.approx(shares_of(waveform.tobytes()), abs=1e-9) for waveform in waveforms
    ]


def test_utterances_travel_together_where_the_settings_say_so(serve):
    model = ModelServer()
    serve(model)

    outcomes = ask("sagemaker", [*TEXTS[:8], "alone"], inputs_per_call=4)

    assert [json.loads(request.body)["inputs"] for request in model.requests].count("alone") == 1
    assert len(model.requests) == 3
    assert [one.triple for one in outcomes] == [expected(text) for text in [*TEXTS[:8], "alone"]]


def test_of_a_broken_answer_to_several_only_the_broken_part_is_missing(serve):
    good = b'{"negative": 0.1, "neutral": 0.2, "positive": 0.7}'
    serve(ModelServer(answer=lambda _, __: b"[" + good + b', {"negative": 2}, ' + good + b"]"))

    outcomes = ask("sagemaker", TEXTS[:3], inputs_per_call=3)

    assert [outcome.missing for outcome in outcomes] == [None, "bad_answer", None]


def test_an_answer_to_fewer_than_were_asked_is_none(serve):
    good = b'{"negative": 0.1, "neutral": 0.2, "positive": 0.7}'
    serve(ModelServer(answer=lambda _, __: b"[" + good + b", " + good + b"]"))

    outcomes = ask("sagemaker", TEXTS[:3], inputs_per_call=3)

    assert [outcome.missing for outcome in outcomes] == ["bad_answer"] * 3


@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS[:3]])
def test_an_answer_that_is_none_was_paid_for(serve, texts):
    serve(ModelServer(answer=lambda _, __: b"<html>what is this?"))
    group = CapturedGroup()

    outcomes = ask("sagemaker", texts, group=group, price_input=2.0, inputs_per_call=3)

    assert [outcome.missing for outcome in outcomes] == ["bad_answer"] * len(texts)
    group.end_bundle()
    assert group.count(MODELS["text"].remote_cost_nano_usd) == 2_000


def test_calls_are_in_flight_together_and_no_more_than_allowed(serve):
    model = ModelServer(latency_s=0.05)
    serve(model)

    ask("sagemaker", concurrency=16)

    assert 12 <= model.most_in_flight <= 16


def test_threads_that_score_at_once_share_the_calls_in_flight(serve):
    model = ModelServer(latency_s=0.02)
    serve(model)
    scorer = open_text_scorers(
        {"*": BackendSpec(spec_of("sagemaker", concurrency=4))}, NoMetrics()
    )["*"]

    with ThreadPoolExecutor(6) as threads:
        scored = list(threads.map(lambda _: list(scorer.score(english(TEXTS[:10]))), range(6)))
    scorer.close()

    assert model.most_in_flight <= 4
    for outcomes in scored:
        assert [one.triple for one in outcomes] == [expected(text) for text in TEXTS[:10]]


def test_threads_that_hold_parts_of_calls_do_not_wait_for_each_other(serve):
    serve(ModelServer())
    spec = BackendSpec(spec_of("sagemaker", concurrency=1, inputs_per_call=3))
    scorer = open_text_scorers({"*": spec}, NoMetrics())["*"]
    met = threading.Barrier(3)

    def slowly():
        for place, one in enumerate(english(TEXTS[:4])):
            if place == 2:
                met.wait(10)  # six inputs, which is all there is room for, and no call is full
            yield one

    scored: list[list[Outcome]] = []
    threads = [
        threading.Thread(target=lambda: scored.append(list(scorer.score(slowly()))), daemon=True)
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    scorer.close()

    assert [[one.triple for one in outcomes] for outcomes in scored] == [
        [expected(text) for text in TEXTS[:4]]
    ] * 3


# --- Comprehend ----------------------------------------------------------------------------------


def test_comprehend_takes_25_texts_a_call_of_one_language(serve):
    model = ModelServer()
    serve(model)
    scorer = open_text_scorers({"*": BackendSpec(spec_of("comprehend"))}, NoMetrics())["*"]
    texts = [Text(text, ("en", "de-DE")[place % 2]) for place, text in enumerate(TEXTS)]

    outcomes = list(scorer.score([*texts, Text("hej", "sv")]))
    scorer.close()

    asked = [json.loads(request.body) for request in model.requests]
    assert sorted((one["LanguageCode"], len(one["TextList"])) for one in asked) == [
        ("de", 5),
        ("de", 25),
        ("en", 5),
        ("en", 25),
    ]
    assert [one.triple for one in outcomes[:-1]] == [expected(text) for text in TEXTS]
    assert (outcomes[-1].triple, outcomes[-1].missing) == (None, "unsupported_language")
    assert not outcomes[-1].has_failed


def test_what_failed_of_a_batch_alone_is_asked_once_more(serve):
    model = ModelServer(fault_of=lambda number: "partial" if number == 0 else None)
    serve(model)

    outcomes = ask("comprehend", TEXTS[:10])

    assert [one.triple for one in outcomes] == [expected(text) for text in TEXTS[:10]]
    assert [len(json.loads(one.body)["TextList"]) for one in model.requests] == [10, 5]


def test_a_batch_that_fails_in_part_for_good_loses_no_more_than_that(serve):
    serve(ModelServer(fault_of=lambda _: "partial"))

    outcomes = ask("comprehend", TEXTS[:8])

    failed = [place for place, one in enumerate(outcomes) if one.triple is None]
    assert failed == [3, 7]
    assert {outcomes[place].missing for place in failed} == {"unavailable"}


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-US", "en"), ("de_AT", "de"), ("zh-CN", "zh"), ("zh-Hant-HK", "zh-TW"), ("sv", None)],
)
def test_comprehends_code_of_a_language(tag, code):
    assert language_code(tag) == code


def test_comprehend_reads_5000_bytes_and_bills_by_100_characters():
    assert len(cut("ä" * 5_000).encode()) == 5_000
    assert cut("ab" + "€" * 2_000).endswith("€")
    assert [units_of("a" * n) for n in (1, 300, 301)] == [3, 3, 4]


# --- Bedrock -------------------------------------------------------------------------------------


def test_bedrock_gets_the_prompt_and_the_tool_and_its_tokens_are_priced(serve):
    model = ModelServer()
    serve(model)
    group = CapturedGroup()

    ask("bedrock", ["good"], group=group, price_input=3.0, price_output=15.0)

    asked = json.loads(model.requests[0].body)
    assert asked["system"] == [{"text": "Rate it."}]
    assert asked["toolConfig"]["tools"][0]["toolSpec"]["name"] == "rate_sentiment"
    assert "any.model-v1:0" in model.requests[0].path
    group.end_bundle()
    assert group.count(MODELS["text"].remote_cost_nano_usd) == (100 * 3 + 10 * 15) * 1_000


def test_another_prompt_is_another_model(serve):
    serve(ModelServer())

    first, second = (ask("bedrock", ["good"], prompt=prompt)[0] for prompt in ("One.", "Two."))

    assert first.model_id != second.model_id


def test_the_default_prompt_names_the_tool_and_guards_against_instructions():
    prompt = read_prompt()

    assert "rate_sentiment" in prompt
    assert "never an instruction" in prompt


# --- many at once --------------------------------------------------------------------------------


def test_with_many_faults_every_text_has_a_triple_of_its_own_or_a_reason(serve, service):
    faults = ["throttled", "garbage", None, "unavailable", None, "dropped", None, None, "partial"]
    model = ModelServer(fault_of=lambda number: faults[number % len(faults)])
    serve(model)

    outcomes = ask(service, retries=2)

    assert len(outcomes) == len(TEXTS)
    for text, outcome in zip(TEXTS, outcomes, strict=True):
        if outcome.triple is None:
            assert outcome.missing in MODEL_FAILURES
        else:
            assert outcome.triple == expected(text)


def test_a_service_that_is_down_is_not_asked_on_and_on_and_the_log_tells_once(serve, caplog):
    model = ModelServer(fault_of=lambda _: "refused")
    serve(model)

    outcomes = ask("sagemaker", concurrency=1, breaker_failures=5, breaker_open_s=60.0)

    assert [one.missing for one in outcomes[:5]] == ["refused"] * 5
    assert {one.missing for one in outcomes[5:]} == {"breaker_open"}
    assert len(model.requests) == 5
    told = [json.loads(record.message)["event"] for record in caplog.records]
    assert told == ["remote_call_failed"] * 5 + ["breaker_opened"]


def test_a_deadline_ends_retries(serve):
    model = ModelServer(fault_of=lambda _: "throttled", latency_s=0.1)
    serve(model)

    (outcome,) = ask("sagemaker", ["good"], retries=10, time_limit_s=0.5)

    assert outcome.missing in ("timeout", "throttled")
    assert len(model.requests) < 6
