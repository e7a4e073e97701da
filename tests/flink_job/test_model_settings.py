"""The models' groups: which backend, for which language, and one line where that cannot be."""

from __future__ import annotations

import re

import pytest

from connectors.remote_models.spec import BackendSpec, RemoteSpec
from flink_job.preflight import check_models
from flink_job.setting_types import SettingsError
from flink_job.settings import Settings, parse_settings
from tests.aws_servers.model_server import ModelServer, serving
from udfs.models.contract import ModelSpec


def settings(**groups: dict[str, str]) -> Settings:
    """``audio`` is group ``models.audio``, ``text_de`` is ``models.text.de``."""
    named = {f"models.{name.replace('_', '.')}": group for name, group in groups.items()}
    streams = {"audio.stream": "a", "text.stream": "t", "region": "eu-west-1"}
    return parse_settings({"streams": streams, "lake": {"root": "out"}, **named})


def wrong(**groups: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        check_models(settings(**groups))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_onnx_computes_in_float32_only():
    group = {"runtime": "onnx", "precision": "bfloat16"}
    assert re.search(r"models\.text.*precision.*set auto or float32", wrong(text=group))


def test_a_wav_file_holds_one_window():
    group = {"backend": "sagemaker", "endpoint.name": "voices", "inputs.per.call": "2"}
    assert re.search(r"models\.audio.*inputs\.per\.call.*octet-stream", wrong(audio=group))


def test_the_fallback_has_its_runtime():
    group = {"backend": "sagemaker", "endpoint.name": "voices", "fallback": "local"}
    found = settings(audio={**group, "runtime": "torch"})
    assert found.audio_backend().local == ModelSpec(runtime="torch")


def test_a_remote_model_is_what_its_group_says():
    found = settings(
        audio={
            "backend": "sagemaker",
            "endpoint.name": "voices",
            "variant": "green",
            "region": "us-east-1",
            "content.type": "application/octet-stream",
            "inputs.per.call": "4",
            "time.limit.ms": "2500",
            "retries": "1",
            "concurrency": "8",
            "breaker.failures": "5",
            "breaker.open.ms": "500",
            "label.map": "ang=negative,hap=positive",
            "price.input": "2.5",
        }
    )

    assert found.audio_backend() == BackendSpec(
        RemoteSpec(
            "sagemaker",
            "us-east-1",
            name="voices",
            variant="green",
            content_type="application/octet-stream",
            inputs_per_call=4,
            label_map={"ang": "negative", "hap": "positive"},
            concurrency=8,
            time_limit_s=2.5,
            retries=1,
            breaker_failures=5,
            breaker_open_s=0.5,
            price_input=2.5,
        )
    )
    assert found.arrow_batch_size == 128


def test_a_fallback_keeps_its_own_labels():
    found = settings(
        text={
            "backend": "comprehend",
            "fallback": "local",
            "label.map": "A=negative,B=positive",
            "operating.prior": "0.2,0.6,0.2",
        }
    )

    backend = found.text_backends()["en"]
    assert backend.remote.region == "eu-west-1"
    assert backend.local == ModelSpec(operating_prior=(0.2, 0.6, 0.2))


def test_a_language_may_have_a_model_of_its_own(tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Bewerte.")
    found = settings(
        text={"languages": "en,de"},
        text_de={"path": "some/model"},
        text_fr={"backend": "bedrock", "model.id": "m", "prompt": str(prompt)},
        text_sv={"backend": "none"},
    )

    backends = found.text_backends()
    assert backends["en"] == BackendSpec(local=ModelSpec())
    assert backends["de"] == BackendSpec(local=ModelSpec(path="some/model"))
    assert backends["fr"].remote.prompt == "Bewerte."
    assert backends["sv"] == BackendSpec()


@pytest.mark.parametrize(
    ("groups", "line"),
    [
        (
            {"audio": {"backend": "comprehend"}},
            r"group 'models.audio', key 'backend', value 'comprehend': .*'local', 'sagemaker'",
        ),
        (
            {"audio": {"backend": "sagemaker"}},
            r"group 'models.audio', key 'endpoint.name', value '': is required",
        ),
        (
            {"text": {"backend": "bedrock"}},
            r"group 'models.text', key 'model.id', value '': is required",
        ),
        (
            {"text": {"backend": "bedrock", "model.id": "m", "prompt": "absent.txt"}},
            r"group 'models.text', key 'prompt', value 'absent.txt': No such file.*name a text",
        ),
        (
            {"text_sv": {"backend": "comprehend"}},
            r"group 'models.text.sv', key 'backend', value 'comprehend': does not know sv; it",
        ),
        ({"text_de": {}}, r"group 'models.text.de', key 'path', value 'shipped': reads English"),
        ({"text_de": {"languages": "de"}}, r"group 'models.text.de', key 'languages'.*unknown key"),
        ({"text_deutsch": {}}, r"group 'models.text.deutsch', key '\(group\)'.*<language>"),
        ({"text": {"enabled": "false"}}, r"key 'enabled'.*unknown key; known: backend"),
    ],
)
def test_what_cannot_be_is_one_line_of_group_key_value_and_remedy(groups, line):
    assert re.search(line, wrong(**groups))


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    def point(url: str) -> None:
        for service in ("SAGEMAKER_RUNTIME", "COMPREHEND", "BEDROCK_RUNTIME"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)

    return point


SOUND = {"backend": "sagemaker", "endpoint.name": "calls", "retries": "0"}


@pytest.mark.parametrize(
    "groups",
    [
        {"audio": SOUND},
        {"text": SOUND},
        {"text": {"backend": "comprehend", "languages": "de,*", "retries": "0"}},
        {"text_de": {"backend": "bedrock", "model.id": "m", "retries": "0"}},
    ],
)
def test_a_model_that_answers_passes_and_so_does_one_that_throttles(aws, groups):
    for fault in (None, "throttled"):
        with serving(ModelServer(fault_of=lambda _, fault=fault: fault)) as url:
            aws(url)
            check_models(settings(**groups))


@pytest.mark.parametrize(
    ("fault", "endpoint", "line"),
    [
        (None, "other", "key 'endpoint.name', value 'other': refused: ValidationError (400); name"),
        ("refused", "calls", "value 'calls': refused: AccessDeniedException (403); name an"),
        ("garbage", "calls", "value 'calls': bad_answer: "),
        ("unavailable", "calls", "value 'calls': unavailable: "),
    ],
)
def test_a_model_that_does_not_answer_stops_the_start(aws, fault, endpoint, line):
    with serving(ModelServer(fault_of=lambda _: fault)) as url:
        aws(url)
        assert line in wrong(audio={**SOUND, "endpoint.name": endpoint})


def test_without_a_server_the_start_stops_too(aws):
    aws("http://127.0.0.1:9")

    assert "value 'calls': unavailable: EndpointConnectionError" in wrong(text=SOUND)
