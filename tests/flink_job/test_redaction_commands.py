"""``evaluate redaction`` keeps what is promised."""

from typer.testing import CliRunner

from flink_job.cli import app


def test_the_shipped_recognisers_find_what_is_promised():
    told = CliRunner().invoke(app, ["evaluate", "redaction", "--per-kind", "20", "--seed", "5"])

    assert told.exit_code == 0, told.output
    assert "without personal data" in told.output


def test_it_fails_when_less_is_found(monkeypatch):
    monkeypatch.setattr("udfs.redaction.redactor.Redactor.find", lambda *_: [])

    told = CliRunner().invoke(app, ["evaluate", "redaction", "--per-kind", "2", "--show", "1"])

    assert told.exit_code == 1
    assert "missed: card" in told.output
    assert "en, written, card: recall 0.000 is below 0.98" in told.output
