"""Which models on AWS the job may ask, out of its settings: parameters of the stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from connectors.remote_models.spec import RemoteSpec
from flink_job.settings import Settings

_PROFILE: Final = re.compile(r"(?:us|us-gov|eu|apac|au|jp|ca|global)\.(.+)")
"""An inference profile across regions is named by its area and a model."""


def model_parameters(
    settings: Settings, identity: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """``EndpointArns``, ``BedrockArns`` and ``UseComprehend``, but for those that are given.

    Args:
        settings: of the job.
        identity: what STS says of the caller: ``Account`` and ``Arn``.
        given: parameters that the user gave.
    """
    account, partition = identity["Account"], identity["Arn"].split(":")[1]
    specs = [settings.audio_backend().remote]
    specs += [backend.remote for backend in settings.text_backends().values()]
    endpoints, models, uses_comprehend = set[str](), set[str](), False
    for spec in specs:
        if spec is None:
            continue
        if spec.service == "sagemaker":
            name = spec.name.lower()
            endpoints.add(f"arn:{partition}:sagemaker:{spec.region}:{account}:endpoint/{name}")
        elif spec.service == "bedrock":
            models |= set(_bedrock_arns(spec, account, partition))
        else:
            uses_comprehend = True
    derived = {
        "EndpointArns": ",".join(sorted(endpoints)),
        "BedrockArns": ",".join(sorted(models)),
        "UseComprehend": str(uses_comprehend).lower(),
    }
    return {key: value for key, value in derived.items() if key not in given}


def _bedrock_arns(spec: RemoteSpec, account: str, partition: str) -> list[str]:
    if spec.name.startswith("arn:"):
        return [spec.name]
    profile = _PROFILE.fullmatch(spec.name)
    if profile is None:
        return [f"arn:{partition}:bedrock:{spec.region}::foundation-model/{spec.name}"]
    return [
        f"arn:{partition}:bedrock:{spec.region}:{account}:inference-profile/{spec.name}",
        # a profile asks the model in whichever region of its area has room
        f"arn:{partition}:bedrock:*::foundation-model/{profile[1]}",
    ]
