"""What can go wrong on AWS, as one plain line that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)


class DeployError(Exception):
    """AWS does not do what was asked. One line: what was asked, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")


_REMEDIES: Final = {
    "ExpiredToken": "the credentials have expired; log in again",
    "ExpiredTokenException": "the credentials have expired; log in again",
    "InvalidClientTokenId": "the credentials are not known; log in again",
    "UnrecognizedClientException": "the credentials are not known; log in again",
    "SignatureDoesNotMatch": "the credentials are wrong; log in again",
    "InsufficientCapabilitiesException": "the credentials may not make roles; ask who may",
    "LimitExceededException": "a quota is reached; ask for more under Service Quotas",
    "NoSuchBucket": "there is no such bucket; name one that exists",
    "NoSuchKey": "there is no such object; name one that exists",
    "ResourceInUseException": "something else is changing it; wait, then try again",
    "Throttling": "AWS asks for patience; try again in a minute",
}
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn boto3's errors into ours.

    Args:
        what: was asked, such as ``stack calls``.

    Raises:
        DeployError: any of them.
    """
    try:
        yield
    except ClientError as error:
        raise DeployError(what, _reason(error)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        remedy = "no AWS credentials; run `aws configure` or set AWS_PROFILE"
        raise DeployError(what, remedy) from error
    except ProfileNotFound as error:
        raise DeployError(what, f"{error}; mend AWS_PROFILE") from error
    except NoRegionError as error:
        raise DeployError(what, "no AWS region; give --region or set AWS_REGION") from error
    except EndpointConnectionError as error:
        remedy = f"{error}; check the region and the way to the internet"
        raise DeployError(what, remedy) from error
    except BotoCoreError as error:
        raise DeployError(what, str(error)) from error


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def is_missing(error: ClientError) -> bool:
    """Whether there is no such stack, bucket, object or application."""
    details: Any = error.response.get("Error", {})
    missing = {"404", "NoSuchBucket", "NoSuchKey", "ResourceNotFoundException"}
    return details.get("Code") in missing or (
        details.get("Code") == "ValidationError" and "does not exist" in details.get("Message", "")
    )


def _reason(error: ClientError) -> str:
    code = code_of(error)
    if code in _DENIED:
        return f"access denied; grant the action {error.operation_name} or use other credentials"
    if is_missing(error):
        return "does not exist; mend its name or the region"
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    return _REMEDIES.get(code) or f"{code}: {message}"
