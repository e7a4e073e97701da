"""Any model on Bedrock that takes Converse with a tool: one utterance a call.

The tool's schema is the form of the answer; nothing the model writes beside it is read. Its use is
asked for in the prompt and not forced, since many models refuse a ``toolChoice``.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.remote_models.client import CallError, DeadlineClient
from connectors.remote_models.payloads import clean
from connectors.remote_models.remote_scorer import Reply
from connectors.remote_models.spec import RemoteSpec
from connectors.remote_models.triples import bad_answer, triple_of
from udfs.models.labels import SENTIMENTS
from udfs.models.scorer import Outcome, Text

DEFAULT_PROMPT = Path(__file__).with_name("bedrock_prompt.txt")
TOOL = "rate_sentiment"
MAX_OUTPUT_TOKENS = 300
SUM_TOLERANCE = 0.1
"""A language model adds up badly."""

_TOOL_CONFIG = {
    "tools": [
        {
            "toolSpec": {
                "name": TOOL,
                "description": "Tells the probability of each sentiment of the utterance.",
                "inputSchema": {
                    "json": {
                        "type": "object",
                        "properties": {
                            name: {"type": "number", "minimum": 0, "maximum": 1}
                            for name in SENTIMENTS
                        },
                        "required": list(SENTIMENTS),
                    }
                },
            }
        }
    ]
}


def read_prompt(path: Path = DEFAULT_PROMPT) -> str:
    """What the model is told to do, from a file.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is no UTF-8.
    """
    return path.read_text(encoding="utf-8")


class Bedrock:
    """A ``Service``."""

    inputs_per_call = 1

    def __init__(self, spec: RemoteSpec) -> None:
        self._spec = spec
        self._client = DeadlineClient("bedrock-runtime", spec)
        prompt_version = hashlib.sha256(spec.prompt.encode()).hexdigest()[:8]
        self._model_id = f"bedrock:{spec.name}@{prompt_version}"

    def kind_of(self, one: Text) -> str:
        return ""

    def ask(self, inputs: Sequence[Text], deadline_s: float) -> Reply:
        response = self._client.call(
            "converse",
            deadline_s,
            modelId=self._spec.name,
            system=[{"text": self._spec.prompt}],
            messages=[{"role": "user", "content": [{"text": clean(inputs[0].text)}]}],
            inferenceConfig={"maxTokens": MAX_OUTPUT_TOKENS, "temperature": 0.0},
            toolConfig=_TOOL_CONFIG,
        )
        try:
            triple = triple_of(_tool_input(response), self._spec, SUM_TOLERANCE)
            outcome = Outcome(triple, None, self._model_id)
        except CallError as error:
            outcome = Outcome(None, error.reason, None)
        usage = response.get("usage", {})
        cost = (
            usage.get("inputTokens", 0) * self._spec.price_input
            + usage.get("outputTokens", 0) * self._spec.price_output
        )
        retries = response["ResponseMetadata"]["RetryAttempts"]
        return Reply([outcome], retries, cost)

    def close(self) -> None:
        self._client.close()


def _tool_input(response: Any) -> dict[str, object]:
    content = response.get("output", {}).get("message", {}).get("content", ())
    for block in content:
        use = block.get("toolUse", {})
        if use.get("name") == TOOL and isinstance(use.get("input"), dict):
            return use["input"]
    raise bad_answer("the tool was not used")
