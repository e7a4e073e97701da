"""What a warehouse is to the rest of the job: batches of rows go in, the newest of each key stays.

    rows ─► Batch ─► submit ─► statement id ─► is it loaded? … ─► loaded

A batch is one transaction: loaded whole or not at all. To load it again changes nothing. A row is
replaced by one of the same or a higher revision and never by a lower one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal, Protocol

import msgspec

from udfs.rows import Table

Dialect = Literal["redshift", "postgresql"]

_encode = msgspec.msgpack.Encoder().encode


class WarehouseError(Exception):
    """The warehouse cannot be used as it is: one line that says what is wrong and what to do."""


class LoadError(Exception):
    """A batch was not loaded, and may be at another attempt; says why, without any row's values."""


@dataclass(frozen=True, slots=True)
class WarehouseSpec:
    """Which warehouse, and how it is reached."""

    url: str
    """``postgresql://user@host:port/database``, ``redshift://cluster/NAME/DATABASE`` (provisioned)
    or ``redshift://workgroup/NAME/DATABASE`` (serverless)."""
    schema: str = "public"
    region: str = "us-east-1"
    db_user: str | None = None
    """Redshift, provisioned: who we are, by temporary credentials; unset with a secret."""
    secret_arn: str | None = None
    """Redshift: the secret of its user in Secrets Manager; unset: the role of the job."""
    copy_role_arn: str = "default"
    """Redshift: the role that reads the staged objects; ``default`` is the cluster's own."""
    staging_root: str | None = None
    """Redshift: ``s3://bucket/prefix`` for the objects on their way."""
    staging_kms_key_arn: str | None = None
    """Redshift: the KMS key that those are encrypted with; None leaves it to the bucket."""
    endpoint: str | None = None
    """Redshift: of a local stand-in for the Data API."""

    @property
    def dialect(self) -> Dialect:
        return "postgresql" if self.url.startswith("postgres") else "redshift"


@dataclass(frozen=True)
class Batch:
    """Rows that are loaded together.

    Raises:
        ValueError: two have the same key.
    """

    table: Table
    rows: tuple[Any, ...]
    """Instances of ``table.row``."""

    def __post_init__(self) -> None:
        if len(set(map(attrgetter(*self.table.key), self.rows))) < len(self.rows):
            msg = f"a batch of {self.table.folder} has two rows of the same key"
            raise ValueError(msg)

    @cached_property
    def batch_id(self) -> str:
        """SHA-256 of its rows in their order: 64 hexadecimal digits."""
        values_of = attrgetter(*(column.name for column in self.table.columns))
        digest = hashlib.sha256(self.table.folder.encode())
        for row in self.rows:
            digest.update(_encode(values_of(row)))
        return digest.hexdigest()


class Warehouse(Protocol):
    """Loads batches without making anybody wait."""

    def submit(self, batch: Batch, attempt: int) -> str:
        """Begin to load a batch; comes back at once.

        Args:
            batch: what to load.
            attempt: 0, 1, …: asked twice with the same batch and attempt, it is loaded once.

        Returns:
            The id by which ``is_loaded`` knows it, which a restarted process may ask about as well.

        Raises:
            LoadError: it could not be begun.
        """

    def is_loaded(self, batch: Batch, statement_id: str) -> bool:
        """Whether a batch is loaded by now; False while it is on its way.

        Raises:
            LoadError: it was not and will not be by this attempt, or nobody knows the id.
        """

    def close(self) -> None:
        """Let go of threads and connections."""


class Session(Protocol):
    """Statements for people's commands: waits for the answer."""

    def execute(self, statements: list[str]) -> None:
        """Run statements as one transaction.

        Raises:
            WarehouseError: one failed, and none has an effect.
        """

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a SELECT.

        Raises:
            WarehouseError: it failed.
        """

    def close(self) -> None: ...
