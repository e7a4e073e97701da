"""Receipts are vouched for by a key in KMS, or by one in a local file (HMAC-SHA-256).

KMS signs the SHA-256 of the receipt (RFC 8785 this is not: keys are sorted, nothing else), so that
anybody with its public key can check it without us. A local key proves it to who has the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from connectors.aws_errors import code_of
from connectors.secret_key import KeySource, read_key
from udfs.erasure import Receipt, Signature, SignedReceipt, signed_bytes

_HMAC: Final = "HMAC_SHA_256"
_PREFERRED: Final = ("ECDSA_SHA_256", "RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256")
MIN_KEY_BYTES: Final = 32


class SigningError(Exception):
    """A receipt cannot be signed, or its signature not be checked; says what to do."""


class Signer(Protocol):
    """Vouches for receipts."""

    def sign(self, receipt: Receipt) -> SignedReceipt:
        """The receipt with a signature.

        Raises:
            SigningError: it cannot be signed.
        """

    def is_own(self, signed: SignedReceipt) -> bool:
        """Whether a receipt is as this key has signed it.

        Raises:
            SigningError: another kind of key signed it, or nobody can be asked.
        """


class LocalSigner:
    """A key in a file."""

    def __init__(self, key: bytes) -> None:
        """Raises ``SigningError``: the key is too short to be secret."""
        if len(key) < MIN_KEY_BYTES:
            msg = f"the signing key has {len(key)} bytes; use {MIN_KEY_BYTES} random ones or more"
            raise SigningError(msg)
        self._key = key

    def sign(self, receipt: Receipt) -> SignedReceipt:
        fingerprint = hashlib.sha256(b"call-sentiment signing key\0" + self._key).hexdigest()[:16]
        value = base64.b64encode(self._mac(receipt)).decode()
        return SignedReceipt(receipt, Signature(_HMAC, fingerprint, value))

    def is_own(self, signed: SignedReceipt) -> bool:
        if signed.signature.algorithm != _HMAC:
            msg = f"KMS signed this receipt, by {signed.signature.key}; leave the key's file out"
            raise SigningError(msg)
        return hmac.compare_digest(self._mac(signed.receipt), _decoded(signed.signature.value))

    def _mac(self, receipt: Receipt) -> bytes:
        return hmac.new(self._key, signed_bytes(receipt), hashlib.sha256).digest()


class KmsSigner:
    """An asymmetric key in KMS whose usage is SIGN_VERIFY."""

    def __init__(self, key_arn: str | None, region: str, client: Any = None) -> None:
        """Ask nothing yet.

        Args:
            key_arn: signs; None: only checks, by the key that a receipt names.
            region: of KMS.
            client: in place of boto3's.
        """
        self._key_arn = key_arn
        self._kms = client or boto3.client("kms", region_name=region)

    def sign(self, receipt: Receipt) -> SignedReceipt:
        key = self._key_arn or ""
        with _explained(key):
            known = self._kms.get_public_key(KeyId=key)["SigningAlgorithms"]
            algorithm = next(one for one in _PREFERRED if one in known)
            answer = self._kms.sign(
                KeyId=key,
                Message=_digest(receipt),
                MessageType="DIGEST",
                SigningAlgorithm=algorithm,
            )
        value = base64.b64encode(answer["Signature"]).decode()
        return SignedReceipt(receipt, Signature(algorithm, str(answer["KeyId"]), value))

    def is_own(self, signed: SignedReceipt) -> bool:
        signature = signed.signature
        if signature.algorithm == _HMAC:
            msg = f"a local key signed this receipt ({signature.key}); name its file"
            raise SigningError(msg)
        if self._key_arn is not None and signature.key != self._key_arn:
            msg = f"another key signed this receipt, {signature.key}; name that, if you trust it"
            raise SigningError(msg)
        with _explained(signature.key):
            try:
                answer = self._kms.verify(
                    KeyId=signature.key,
                    Message=_digest(signed.receipt),
                    MessageType="DIGEST",
                    SigningAlgorithm=signature.algorithm,
                    Signature=_decoded(signature.value),
                )
            except self._kms.exceptions.KMSInvalidSignatureException:
                return False
        return bool(answer["SignatureValid"])


def open_signer(kms_key_arn: str | None, key_file: str | None, region: str) -> Signer | None:
    """What the settings name; None where they name nothing.

    Raises:
        SigningError: the key is too short.
        PseudonymKeyError: its file cannot be read.
    """
    if kms_key_arn is not None:
        return KmsSigner(kms_key_arn, region)
    key = read_key(KeySource(key_file, None, region))
    return None if key is None else LocalSigner(key)


def _digest(receipt: Receipt) -> bytes:
    return hashlib.sha256(signed_bytes(receipt)).digest()


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""


@contextmanager
def _explained(key: str) -> Iterator[None]:
    try:
        yield
    except StopIteration:
        msg = f"{key}: signs by none of {', '.join(_PREFERRED)}; use a key of another kind"
        raise SigningError(msg) from None
    except (BotoCoreError, ClientError) as error:
        code = code_of(error)
        msg = f"{key}: {code}; let us sign and verify by it (kms:GetPublicKey, Sign, Verify)"
        raise SigningError(msg) from None
