"""``package`` as a user runs it, over small wheels from an index on disk."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import flink_job.own_files
import flink_job.package_commands
from connectors.deployment.job_zip import code_entries, wheel_entries
from connectors.deployment.lock import read_lock
from connectors.deployment.wheels import FLINK, install_wheels
from flink_job.cli import app
from flink_job.own_files import check_packed
from flink_job.savepoint import HERE, read_manifest
from flink_job.setting_types import SettingsError
from flink_job.settings import parse_settings
from tests.fusion_files import late_file
from udfs.fusion_file import written
from udfs.fusion_late import LateFusion
from udfs.models.audio import SHIPPED_FOLDER, load_audio_model
from udfs.models.contract import ModelSpec
from udfs.models.source import PRETRAINED
from udfs.policy import DEFAULT_POLICY

PROJECT = Path(__file__).resolve().parents[2]


def run(*arguments: object):
    return CliRunner().invoke(app, ["package", *map(str, arguments)])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project without models, a jar, and a folder of wheels, that cost nothing to pack."""
    root = tmp_path / "project"
    for name in ("build/pyflink-dependencies.jar", "connectors/one.py", "udfs/two.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(b"jar")
    for name in ("deploy", "flink_job", "requirements.lock"):
        (root / name).symlink_to(PROJECT / name)

    def install(_lock, runtime, target, wheel_index):
        (target / "onnxruntime").mkdir()
        (target / "onnxruntime" / "__init__.py").write_text(f"{runtime} {wheel_index}")
        return flink_job.package_commands.Installed([], "2.28")

    monkeypatch.setattr(flink_job.package_commands, "ROOT", root)
    monkeypatch.setattr(flink_job.package_commands, "install_wheels", install)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("config.json", "model.onnx"):
        (folder / name).write_text("{}")
    return folder


@pytest.mark.usefixtures("quick")
def test_the_zip_has_all_that_the_service_wants(tmp_path: Path) -> None:
    output = tmp_path / "job.zip"

    done = run("--output", output, "--wheel-index", "https://wheels.example/simple")

    assert done.exit_code == 0, done.output
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    assert f"SHA-256 {digest}" in done.output
    assert "glibc 2.28" in done.output
    with zipfile.ZipFile(output) as archive:
        assert archive.read("lib/pyflink-dependencies.jar") == b"jar"
        assert archive.read("dep/onnxruntime/__init__.py") == b"onnx https://wheels.example/simple"
        assert b"flink_job.main" in archive.read("main.py")
    assert read_manifest(output) == HERE.read_bytes()


@pytest.mark.usefixtures("quick")
def test_the_same_input_gives_the_same_zip(tmp_path: Path, model: Path) -> None:
    outputs = [tmp_path / name for name in ("one.zip", "two.zip")]
    for output in outputs:
        assert run("--output", output, "--models", model).exit_code == 0

    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with zipfile.ZipFile(outputs[0]) as archive:
        assert "dep/udfs/pretrained/mine/model.onnx" in archive.namelist()


@pytest.mark.usefixtures("quick")
def test_a_policy_a_fusion_and_a_prompt_travel_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "rules.yaml": DEFAULT_POLICY.read_bytes(),
        "late.json": written(late_file()),
        "prompt.txt": b"Rate it.",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    output = tmp_path / "job.zip"
    given = [word for name in files for word in ("--files", tmp_path / name)]
    groups = {
        "streams": {"audio.stream": "a", "text.stream": "t"},
        "lake": {"root": "s3a://b/c"},
        "policy": {"path": "rules.yaml"},
        "fusion": {"kind": "late", "path": "mine/late.json"},
        "models.text": {"backend": "bedrock", "model.id": "model", "prompt": "/laptop/prompt.txt"},
    }

    assert run("--output", output, *given).exit_code == 0
    with zipfile.ZipFile(output) as archive:
        archive.extractall(tmp_path / "service")
    packed = tmp_path / "service" / "dep" / "flink_job" / "own_files"
    monkeypatch.setattr(flink_job.own_files, "OWN_FILES", packed)
    settings = parse_settings(groups)

    assert settings.policy.sha256() == hashlib.sha256(files["rules.yaml"]).hexdigest()
    assert isinstance(settings.fusion.fuser(), LateFusion)
    assert settings.models_text.prompt_text() == "Rate it."
    check_packed(output, settings.own_files())


@pytest.mark.usefixtures("quick")
def test_settings_that_name_a_file_which_the_zip_lacks(tmp_path: Path) -> None:
    output = tmp_path / "job.zip"
    assert run("--output", output).exit_code == 0

    with pytest.raises(SettingsError, match=r"'policy', key 'path'.*job.zip; pack it: `call-sent"):
        check_packed(output, [("policy", "path", "mine/rules.yaml")])


def test_files_that_cannot_be_packed(tmp_path: Path) -> None:
    missing, file = tmp_path / "nowhere.yaml", tmp_path / "rules.yaml"
    file.touch()

    for given, remedy in (
        ([missing], "is no file; name a policy, a fusion or a prompt"),
        ([file, file], "there is one of that name already; rename it"),
    ):
        done = run("--output", tmp_path / "job.zip", *(w for f in given for w in ("--files", f)))
        assert done.exit_code == 1
        assert done.output.count("\n") == 1
        assert remedy in done.output


@pytest.mark.usefixtures("quick")
def test_a_model_without_a_graph_needs_torch(tmp_path: Path, model: Path) -> None:
    (model / "model.onnx").unlink()
    given = ("--output", tmp_path / "job.zip", "--models", model)

    done = run(*given)
    assert done.exit_code == 2
    assert "has no model.onnx; write one with `call-sentiment export`, or use" in done.output

    done = run(*given, "--runtime", "torch", "--wheel-index", "https://wheels.example/cpu")
    assert done.exit_code == 0, done.output


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    done = run("--output", tmp_path / "job.zip", "--models", tmp_path / "nowhere")

    assert done.exit_code == 2
    assert "has no config.json; give a folder made by save_pretrained" in done.output


def test_two_models_of_one_name(tmp_path: Path, model: Path) -> None:
    done = run("--output", tmp_path / "job.zip", "--models", model, "--models", model)
    assert done.exit_code == 2
    assert "there is one of that name already; rename the folder" in done.output

    shipped = tmp_path / SHIPPED_FOLDER
    shipped.mkdir()
    assert run("--output", tmp_path / "job.zip", "--models", shipped).exit_code == 2


def test_torch_needs_an_index_of_cpu_builds(tmp_path: Path) -> None:
    done = run("--output", tmp_path / "job.zip", "--runtime", "torch")

    assert done.exit_code == 2
    assert "--wheel-index" in done.output


def test_a_missing_jar_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flink_job.package_commands, "ROOT", tmp_path)

    done = run("--output", tmp_path / "job.zip")

    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert "is missing; run `make setup`" in done.output


@pytest.mark.models
def test_a_packed_model_is_found_by_its_name() -> None:
    assert load_audio_model(ModelSpec(SHIPPED_FOLDER)).model_id.startswith(f"{SHIPPED_FOLDER}@")
    assert (PRETRAINED / SHIPPED_FOLDER).is_dir()


IN_THE_SERVICE = """
import importlib.machinery, json, sys

dep, unknown = sys.argv[1], set(json.loads(sys.argv[2]))
sys.path.insert(0, dep)

class OnlyTheServices:
    # What this environment has and the service does not can come from the zip alone.
    def find_spec(self, name, path=None, target=None):
        if name not in unknown:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, [dep])
        if found is None:
            raise ModuleNotFoundError(name + " is not packed", name=name)
        return found

sys.meta_path.insert(0, OnlyTheServices())
import boto3, psycopg
import flink_job.main
import udfs.audio_codec
from connectors.remote_models.opening import open_audio_scorer, open_text_scorers
from connectors.remote_models.spec import BackendSpec
from udfs.models.contract import ModelSpec
from udfs.metrics import NoMetrics
from udfs.models.scorer import Text
from udfs.policy import read_policy
from udfs.score_text import score_texts
from udfs.speech import SpeechDetector

read_policy()
SpeechDetector()
local = BackendSpec(local=ModelSpec())
open_audio_scorer(local, NoMetrics(), with_embedding=True)
texts = open_text_scorers({"en": local}, NoMetrics(), with_embedding=True)
scored = [one.embedding is not None for one in score_texts([Text("thank you", "en")], texts)]
outside = sorted(
    name for name, module in sys.modules.items()
    if name in unknown and not str(module.__file__).startswith(dep)
)
print(json.dumps([scored, outside]))
"""


@pytest.mark.models
@pytest.mark.slow
def test_what_is_packed_suffices_on_the_service(tmp_path: Path) -> None:
    lock = read_lock(PROJECT / "requirements.lock")
    install_wheels(lock, "onnx", tmp_path / "wheels", None)
    for entry in [*code_entries(PROJECT), *wheel_entries(tmp_path / "wheels")]:
        place = tmp_path / entry.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(entry.source)

    done = subprocess.run(
        [
            sys.executable, "-W", "ignore", "-c", IN_THE_SERVICE, tmp_path / "dep",
            json.dumps(sorted(not_on_the_service())),
        ],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[True], []]


def not_on_the_service() -> set[str]:
    """Top-level modules of this environment that the service lacks."""
    from importlib.metadata import packages_distributions  # noqa: PLC0415

    service = {one.name for one in read_lock(PROJECT / "requirements.lock").closure([FLINK])}
    return {
        module
        for module, owners in packages_distributions().items()
        if not service & {owner.lower().replace("_", "-").replace(".", "-") for owner in owners}
    }
