"""What another's model gets of a text, and that it learns nothing about whose it is."""

import json
import logging

import pytest

from connectors.remote_models.opening import open_text_scorers
from connectors.remote_models.redacting import Redacting
from connectors.remote_models.spec import BackendSpec, RemoteSpec
from tests.aws_servers.model_server import ModelServer, shares_of
from tests.captured_metrics import CapturedGroup
from udfs.metrics import MODELS, NoMetrics
from udfs.models.scorer import Outcome, Text, WithFallback

pytestmark = pytest.mark.slow

NAMES = {"sagemaker": "calls", "comprehend": "", "bedrock": "any.model-v1:0"}
SAID = "my card is four one one one one one one one one one one one one one one one thanks"
SENT = "my card is <CARD> thanks"


class Echo:
    """Answers each text with itself."""

    def score(self, inputs):
        for one in inputs:
            yield Outcome((0.0, 1.0, 0.0), None, one.text)

    def close(self):
        self.is_closed = True


class DrawsAhead(Echo):
    """Takes all its inputs before it answers the first."""

    def score(self, inputs):
        yield from super().score(list(inputs))


def hide(text, _language):
    if "unlucky" in text:
        raise RuntimeError(text)
    return text.replace("secret", "<NAME>")


@pytest.mark.parametrize("service", NAMES)
def test_a_service_gets_a_text_without_personal_data_and_no_id(serve, service):
    model = ModelServer()
    serve(model)
    spec = RemoteSpec(service, "eu-west-1", NAMES[service], prompt="Rate it.", time_limit_s=20.0)
    scorer = open_text_scorers({"en": BackendSpec(spec)}, NoMetrics())["en"]

    redacted, raw = scorer.score([Text(SAID, "en-US"), Text(SAID, "en-US", may_send_raw=True)])
    scorer.close()

    assert redacted.triple == pytest.approx(shares_of(SENT.encode()), abs=1e-6)
    assert raw.triple == pytest.approx(shares_of(SAID.encode()), abs=1e-6)
    for request in model.requests:
        assert set(json.loads(request.body)) <= {
            *("inputs", "parameters"),  # SageMaker
            *("TextList", "LanguageCode"),  # Comprehend
            *("messages", "system", "inferenceConfig", "toolConfig"),  # Bedrock
        }


@pytest.mark.parametrize("remote", [Echo(), DrawsAhead()])
def test_what_cannot_be_redacted_is_missing_in_its_place(remote, caplog):
    group = CapturedGroup()
    texts = ["unlucky", "a secret", "unlucky", "b", "c", "unlucky"]

    with caplog.at_level(logging.DEBUG):
        scorer = Redacting(remote, hide, group.metrics(), MODELS["text"])
        outcomes = list(scorer.score([Text(text, "en") for text in texts]))

    assert [one.model_id for one in outcomes] == [None, "a <NAME>", None, "b", "c", None]
    assert {one.missing for one in outcomes if one.has_failed} == {"redaction_failed"}
    group.end_bundle()
    assert group.count(MODELS["text"].remote_failed["redaction_failed"]) == 3
    assert "unlucky" not in caplog.text


def test_a_local_model_behind_it_gets_what_was_said():
    scorer = WithFallback(Redacting(Echo(), hide, NoMetrics(), MODELS["text"]), Echo())

    (outcome,) = scorer.score([Text("unlucky secret", "en")])

    assert outcome.model_id == "unlucky secret"


def test_closing_it_closes_the_model():
    remote = Echo()
    Redacting(remote, hide, NoMetrics(), MODELS["text"]).close()

    assert remote.is_closed
