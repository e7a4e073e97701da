"""Training on SageMaker: what ``call-sentiment train`` does, in Hugging Face's training container.

The container runs ``python train.py --modality audio --recipe speech`` (hyperparameters become
options) with the project's root as source folder. It reads the manifest, and the sounds that it
names, from the channel ``training``, and leaves in SM_MODEL_DIR what ``inference.py`` serves: the
model, and under ``code/`` the entry point with the few folders that it imports. A spot instance
that was taken away goes on from /opt/ml/checkpoints, where SageMaker keeps that folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from udfs.training.errors import TrainingError  # noqa: E402 - found in the source folder
from udfs.training.manifest import read_manifest  # noqa: E402
from udfs.training.recipe import read_recipe  # noqa: E402

CHECKPOINTS = Path("/opt/ml/checkpoints")
CODE = ("__init__.py", "audio_codec.py", "records.py", "models")
"""What serving a model needs of ``udfs``."""


def main() -> int:
    options = _options()
    work = options.checkpoints if options.checkpoints.is_dir() else options.model_dir
    try:
        recipe = read_recipe(options.recipe, options.modality)
        manifest = read_manifest(options.training / options.manifest, options.modality)
        from udfs.models.contract import ModelError  # noqa: PLC0415 - loads torch with train
        from udfs.training.train import train  # noqa: PLC0415

        try:
            train(manifest, recipe, work, resume=True, progress=print)
        except ModelError as error:
            raise TrainingError(str(error)) from error
    except TrainingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if work != options.model_dir:
        shutil.copytree(work, options.model_dir, dirs_exist_ok=True)
    add_code(options.model_dir)
    return 0


def add_code(model_dir: Path) -> None:
    """Put beside a model what serves it."""
    code = model_dir / "code"
    (code / "udfs").mkdir(parents=True, exist_ok=True)
    for name in ("inference.py", "requirements.txt"):
        shutil.copy(HERE / name, code / name)
    for name in CODE:
        source, target = ROOT / "udfs" / name, code / "udfs" / name
        if source.is_dir():
            shutil.copytree(
                source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(source, target)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--modality", choices=("audio", "text"), required=True)
    parser.add_argument("--manifest", default="manifest.csv", help="within the channel")
    parser.add_argument("--recipe", required=True, help="a shipped one's name, or a TOML file")
    parser.add_argument("--training", type=Path, default=os.environ.get("SM_CHANNEL_TRAINING"))
    parser.add_argument("--model-dir", type=Path, default=os.environ.get("SM_MODEL_DIR"))
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS)
    options, _ = parser.parse_known_args()  # SageMaker adds its own
    if options.training is None or options.model_dir is None:
        parser.error("set SM_CHANNEL_TRAINING and SM_MODEL_DIR, or --training and --model-dir")
    return options


if __name__ == "__main__":
    sys.exit(main())
