"""What all commands share: where they print, and how an error becomes one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from connectors.deployment.errors import DeployError
from connectors.deployment.job_zip import PackageError
from connectors.deployment.lock import LockError
from connectors.deployment.templates import StackOwnsError
from connectors.deployment.wheels import WheelError
from connectors.erasure.signing import SigningError
from connectors.kinesalite import KinesaliteError
from connectors.kinesis_client import KinesisError
from connectors.lake_files import LakeError
from connectors.replay import InjectError
from connectors.retention import RetentionError
from connectors.warehouse.contract import LoadError, WarehouseError
from flink_job.local import LocalJobError
from flink_job.savepoint import ManifestError
from flink_job.setting_types import SettingsError
from udfs.call_folder import CallFolderError
from udfs.erasure import ReceiptError
from udfs.models.contract import ModelError
from udfs.policy import PolicyError
from udfs.pseudonyms import PseudonymKeyError
from udfs.training.errors import TrainingError

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130

console = Console()
errors = Console(stderr=True)

_WRONG_USE = (
    SettingsError,
    CallFolderError,
    InjectError,
    KinesaliteError,
    LockError,
    ManifestError,
    ModelError,
    PolicyError,
    PseudonymKeyError,
    ReceiptError,
    SigningError,
    StackOwnsError,
    TrainingError,
    WarehouseError,
)
_FAILED = (
    DeployError,
    LocalJobError,
    KinesisError,
    LakeError,
    LoadError,
    PackageError,
    RetentionError,
    WheelError,
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a user can mend into one line and an exit code."""
    try:
        yield
    except _WRONG_USE as error:
        print_error(error)
        raise typer.Exit(WRONG_USE) from None
    except _FAILED as error:
        print_error(error)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        errors.print("interrupted")
        raise typer.Exit(INTERRUPTED) from None


def print_error(error: Exception) -> None:
    errors.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
