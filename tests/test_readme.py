from pathlib import Path

from flink_job.readme_tables import rewritten

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_tables_are_those_of_the_code() -> None:
    text = README.read_text(encoding="utf-8")
    assert rewritten(text) == text, "run `make format`"
