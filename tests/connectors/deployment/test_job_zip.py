"""What is in the zip, what is not, and that the same files give the same bytes."""

from __future__ import annotations

import os
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.deployment.job_zip import (
    Entry,
    PackageError,
    code_entries,
    jar_entry,
    model_entries,
    part_of,
    wheel_entries,
    write_zip,
)

PROJECT = Path(__file__).resolve().parents[3]


def make(folder: Path, *names: str, size: int = 3) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(size))
    return folder


def names(entries) -> list[str]:
    return sorted(entry.name for entry in entries)


def test_our_code_lies_where_workers_import_it() -> None:
    found = names(code_entries(PROJECT))

    assert "main.py" in found
    assert "dep/flink_job/savepoint.json" in found
    assert "dep/udfs/pretrained/call-sentiment-speech/model.safetensors" in found
    assert "dep/connectors/warehouse/migrations/0002_views.sql" in found
    assert all(name == "main.py" or name.startswith("dep/") for name in found)


def test_bytecode_tests_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    make(
        tmp_path / "udfs",
        "rows.py",
        "__pycache__/rows.cpython-311.pyc",
        "old.pyc",
        ".rows.py.swp",
        "tests/test_rows.py",
        "deep/.cache/file",
    )
    make(tmp_path, "connectors/__init__.py", "flink_job/__init__.py", "deploy/main.py")

    assert names(code_entries(tmp_path)) == [
        "dep/connectors/__init__.py",
        "dep/flink_job/__init__.py",
        "dep/udfs/rows.py",
        "main.py",
    ]


def test_of_wheels_programs_and_an_installers_notes_are_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        "bin/jp.py",
        "soxr/__init__.py",
        "soxr/test/test_soxr.py",
        "soxr-1.1.0.dist-info/RECORD",
        "soxr-1.1.0.dist-info/INSTALLER",
        "soxr-1.1.0.dist-info/METADATA",
        "soxr-1.1.0.dist-info/licenses/LICENSE",
        "soxr/RECORD",
    )

    assert names(wheel_entries(tmp_path)) == [
        "dep/soxr-1.1.0.dist-info/METADATA",
        "dep/soxr-1.1.0.dist-info/licenses/LICENSE",
        "dep/soxr/RECORD",
        "dep/soxr/__init__.py",
    ]


def test_of_silero_only_the_graph_is_kept(tmp_path: Path) -> None:
    make(tmp_path / "silero_vad", "__init__.py", "model.py", "data/silero_vad.jit")
    make(tmp_path / "silero_vad", "data/silero_vad_16k_sequence.onnx")

    assert names(wheel_entries(tmp_path)) == [
        "dep/silero_vad/__init__.py",
        "dep/silero_vad/data/silero_vad_16k_sequence.onnx",
    ]


def test_a_model_of_ones_own_lies_beside_the_shipped(tmp_path: Path) -> None:
    make(tmp_path, "config.json", "model.onnx")

    assert names(model_entries("mine", tmp_path)) == [
        "dep/udfs/pretrained/mine/config.json",
        "dep/udfs/pretrained/mine/model.onnx",
    ]


def test_a_missing_jar_says_how_it_is_built(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"dependencies.jar: is missing; run `make setup`"):
        jar_entry(tmp_path)


def test_a_jar_is_stored_as_it_is(tmp_path: Path) -> None:
    make(tmp_path, "build/pyflink-dependencies.jar", size=1_000)
    output = tmp_path / "job.zip"

    write_zip([jar_entry(tmp_path)], output)

    with zipfile.ZipFile(output) as archive:
        (info,) = archive.infolist()
        assert (info.filename, info.compress_type) == (
            "lib/pyflink-dependencies.jar",
            zipfile.ZIP_STORED,
        )


@settings(max_examples=25)
@given(
    files=st.dictionaries(
        st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.(py|jar)", fullmatch=True),
        st.binary(max_size=50),
        max_size=6,
    ),
    dice=st.randoms(),
)
def test_the_same_files_give_the_same_bytes(tmp_path_factory, files, dice) -> None:
    first, second = (written(tmp_path_factory.mktemp("zip"), files, dice) for _ in range(2))

    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files


def written(folder: Path, files, dice) -> Path:
    """The files in some order, of some time and mode."""
    entries = []
    for name, body in dice.sample(sorted(files.items()), len(files)):
        path = folder / name.replace("/", "-")
        path.write_bytes(body)
        path.chmod(dice.choice([0o600, 0o644, 0o755]))
        os.utime(path, (0, dice.randrange(2_000_000_000)))
        entries.append(Entry(name, path))
    write_zip(entries, folder / "out" / "job.zip")
    return folder / "out" / "job.zip"


def test_what_was_written_is_told(tmp_path: Path) -> None:
    make(tmp_path, "a.jar", size=1_000)

    made = write_zip([Entry("lib/a.jar", tmp_path / "a.jar")], tmp_path / "job.zip")

    assert made.num_bytes == (tmp_path / "job.zip").stat().st_size
    assert made.parts == {"lib/a.jar": 1_000}
    assert len(made.sha256) == 64


def test_a_zip_that_is_too_large_names_its_ten_largest_parts(tmp_path: Path) -> None:
    entries = []
    for number in range(12):
        make(tmp_path, f"{number}.jar", size=100_000 * (number + 1))
        entries.append(Entry(f"dep/p{number}/x.jar", tmp_path / f"{number}.jar"))
    output = tmp_path / "job.zip"
    output.write_bytes(b"the one before")

    with pytest.raises(PackageError) as raised:
        write_zip(entries, output, max_bytes=1_000_000)

    message = str(raised.value)
    assert message.startswith("the zip would have 7.8 MB, the service takes 1.0 MB; leave out")
    assert message.endswith("dep/p3 0.4 MB, dep/p2 0.3 MB")
    assert message.count("dep/p") == 10
    assert "\n" not in message
    assert output.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    make(tmp_path, "file")

    with pytest.raises(PackageError, match="name a file to write"):
        write_zip([], tmp_path / "file" / "job.zip")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("main.py", "main.py"),
        ("lib/pyflink-dependencies.jar", "lib/pyflink-dependencies.jar"),
        ("dep/onnxruntime/capi/onnxruntime.so", "dep/onnxruntime"),
        ("dep/udfs/rows.py", "dep/udfs"),
        ("dep/udfs/pretrained/mine/model.onnx", "dep/udfs/pretrained/mine"),
    ],
)
def test_the_part_of_an_entry(name: str, part: str) -> None:
    assert part_of(name) == part
