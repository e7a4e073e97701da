"""The job's setting that picks the fusion, checked at start."""

import json

import pytest

from flink_job import preflight
from flink_job.offline import load_scorers
from flink_job.preflight import check_fusion
from flink_job.settings import SettingsError, parse_settings
from tests.fusion_files import early_file, late_file
from udfs.fusion import PriorFusion
from udfs.fusion_early import EarlyFusion
from udfs.fusion_file import TrainedFor, written
from udfs.fusion_late import LateFusion

REQUIRED = {"streams": {"audio.stream": "a", "text.stream": "t"}, "lake": {"root": "out"}}


def settings(path=None, **fusion):
    given = {**fusion, **({"path": str(path)} if path else {})}
    return parse_settings({**REQUIRED, "fusion": given})


@pytest.fixture
def late(tmp_path):
    path = tmp_path / "late.json"
    path.write_bytes(written(late_file()))
    return path


@pytest.fixture
def early(tmp_path):
    path = tmp_path / "early.json"
    path.write_bytes(written(early_file()))
    return path


def test_the_prior_is_the_default_and_asks_for_no_embeddings():
    found = settings().fusion

    assert found.fuser() == PriorFusion()
    assert not found.needs_embeddings


def test_a_trained_fusion_is_read_from_its_file(late, early):
    assert isinstance(settings(late, kind="late").fusion.fuser(), LateFusion)
    found = settings(early, kind="early").fusion
    assert isinstance(found.fuser(), EarlyFusion)
    assert found.needs_embeddings
    assert not settings(late, kind="late").fusion.needs_embeddings


@pytest.mark.parametrize("kind", ["late", "early"])
def test_a_trained_fusion_needs_its_file(kind):
    with pytest.raises(SettingsError, match=r"group 'fusion', key 'path'.*required with kind"):
        settings(kind=kind)


def test_a_kind_that_is_none_is_refused():
    with pytest.raises(SettingsError, match="group 'fusion', key 'kind', value 'later'"):
        settings(kind="later")


def test_a_file_of_the_other_kind_is_refused(late):
    with pytest.raises(SettingsError, match="key 'kind', value 'early': the file is a late fusion"):
        settings(late, kind="early").fusion.fuser()


def test_a_file_that_cannot_be_used_is_one_line_with_its_path(tmp_path, late):
    with pytest.raises(SettingsError, match=r"key 'path', value '.*absent.json': cannot be read"):
        check_fusion(settings(tmp_path / "absent.json", kind="late"))
    content = json.loads(late.read_bytes())
    late.write_text(json.dumps({**content, "version": 7}))
    with pytest.raises(SettingsError, match=r"key 'path', value '.*': has version 7"):
        check_fusion(settings(late, kind="late"))


@pytest.mark.models
def test_the_start_holds_a_fusion_against_the_models_of_the_settings(tmp_path):
    path = tmp_path / "late.json"
    path.write_bytes(written(late_file(trained_for=TrainedFor(audio=("another-ear@1",)))))

    for check in (check_fusion, load_scorers):
        with pytest.raises(
            SettingsError, match="audio model another-ear@1, not for call-sentiment"
        ):
            check(settings(path, kind="late"))
    problems = [one.problem for one in preflight._examine_fusion(settings(path, kind="late"))]
    assert len(problems) == 1


@pytest.mark.models
def test_the_start_holds_an_early_fusion_against_the_size_of_embeddings(early):
    with pytest.raises(SettingsError, match="text embeddings of 3 numbers, call-sentiment-text"):
        check_fusion(settings(early, kind="early"))
