"""The report: what a reader finds on the page, and what must never get onto it."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import math
from html.parser import HTMLParser
from importlib import resources

import plotly.graph_objects as go
import pytest

from connectors.lake_reader import write_rows
from flink_job.report import ReportError, wording, write_report
from flink_job.report.calls import gather
from flink_job.report.figure import call_figure, explain, modality_score, window_slots
from flink_job.report.index import index_line, index_scale
from tests.row_builders import STARTED_AT, ledger, reject, segment, summary, unheard
from udfs.rows import CALLS, LEDGER, REJECTS, SEGMENTS, partition_date

HOSTILE_ID = "</script><img src=x onerror=alert(1)>\"'{{7*7}}%{x}\u202e\n"


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def calls(self) -> list[str]:
        """Titles in the order of the index."""
        return [a["title"] or "" for tag, a in self.tags if tag == "a"]

    @property
    def figures(self) -> list[dict]:
        packed = [a["data-figure"] for _, a in self.tags if a.get("data-figure")]
        return [json.loads(gzip.decompress(base64.b64decode(p or ""))) for p in packed]


@pytest.fixture
def report(tmp_path):
    def make(segments=(), summaries=(), ledgers=(), rejects=()):
        root, output = tmp_path / "out", tmp_path / "pages" / "report.html"
        tables = {SEGMENTS: segments, CALLS: summaries, LEDGER: ledgers, REJECTS: rejects}
        for table, rows in tables.items():
            write_rows(root, table, rows, lambda _: partition_date(STARTED_AT))
        stats = write_report(root, output)
        return stats, Page(output.read_text(encoding="utf-8"))

    return make


def closed_call(call_id="call-1", **fields):
    """Summary and ledger rows of the customer and of all."""
    rows = [{"call_id": call_id}, {"call_id": call_id, "participant_id": "all"}]
    return (
        [summary(**rows[0], **fields), summary(**rows[1], role=None, score=0.0)],
        [ledger(**row) for row in rows],
    )


def trace(figure, name, number=0):
    return [t for t in figure["data"] if t["name"] == name][number]


# --- the page ---


def test_the_page_counts_calls_and_newest_segments(report):
    summaries, ledgers = closed_call()
    stats, page = report([segment(0), segment(1), segment(1, revision=50)], summaries, ledgers)
    assert (stats.calls, stats.segments) == (1, 2)
    assert "1 call, 1 complete" in page.text


def test_only_the_newest_revision_is_drawn(report):
    _, page = report([segment(0, score=-1.0, revision=2), segment(0, score=2.5, revision=3)])
    assert trace(page.figures[0], "fused")["y"] == [2.5]


def test_an_empty_folder_is_a_plain_error(tmp_path):
    with pytest.raises(ReportError, match="no rows of any call"):
        write_report(tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_page_asks_no_server_for_anything(report):
    _, page = report([segment()], *closed_call())
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "data", "action"):
            assert not (attributes.get(name) or "#").startswith(("http", "//", "file"))
    policy = next(a["content"] for t, a in page.tags if t == "meta" and "content" in a)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_the_chart_offers_no_upload():
    script = (resources.files("flink_job.report") / "templates" / "page.js").read_text()
    assert 'plotlyServerURL: ""' in script
    assert "Cloud" not in script
    assert "modeBarButtons:" in script


def test_hostile_ids_are_shown_and_never_run(report):
    hostile = {"call_id": HOSTILE_ID, "participant_id": HOSTILE_ID}
    all_ = {"call_id": HOSTILE_ID, "participant_id": "all"}
    _, page = report(
        [segment(0, **hostile)],
        [summary(**hostile), summary(**all_)],
        [ledger(**hostile), ledger(**all_)],
        [reject(call_id=HOSTILE_ID)],
    )
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img"}
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert "<img src=x onerror=alert(1)>" in page.text
    assert "49" not in page.calls[0]
    assert not set("\u202e\n") & set(page.calls[0])
    figure = json.dumps(page.figures)
    assert "onerror" not in figure
    assert "%{x}" not in figure


def test_a_hostile_reason_is_no_markup_in_the_pointers_text():
    shown = explain(window_slots_of([segment(0, missing="audio:<a href=x>%{y}")])[0])
    assert "<a" not in shown
    assert "%{" not in shown


def test_more_than_a_few_calls_are_closed_but_for_the_worst(report):
    many = [segment(0, call_id=f"call-{n}", score=float(-n % 5)) for n in range(30)]
    _, page = report(many)
    opened = [a for tag, a in page.tags if tag == "details" and "open" in a]
    assert [a["id"] for a in opened] == ["call-1"]


def test_two_hundred_calls_fit_on_one_page(report, tmp_path):
    windows = [
        segment(k, call_id=f"call-{n}", participant_id=p, role=role, score=math.sin(k + n))
        for n in range(200)
        for p, role in (("c1", "customer"), ("a1", "agent"))
        for k in range(12)
    ]
    stats, page = report(windows)
    assert stats.calls == len(page.calls) == len(page.figures) == 200
    assert (tmp_path / "pages" / "report.html").stat().st_size < 6_000_000


def test_rejects_are_counted_by_reason(report):
    rejects = [reject(sequence_number=str(n)) for n in range(3)]
    _, page = report([segment()], rejects=[*rejects, reject(reason="late_audio", step="intake")])
    assert "open not json 3" in page.text
    assert "intake late audio 1" in page.text


# --- the index ---


def test_the_call_whose_customer_fared_worst_comes_first():
    rows = [
        summary(call_id="fine", score=1.0, score_change=-3.0),
        summary(call_id="fell", score=-1.0, score_change=-2.0),
        summary(call_id="rose", score=-1.0, score_change=2.0),
        summary(call_id="worst", score=-2.0, score_change=4.0),
        summary(call_id="unknown", score=None, score_change=None),
        summary(call_id="not-a-number", score=math.nan, score_change=math.nan),
    ]
    order = [call.call_id for call in gather([], rows, [], [])]
    assert order == ["worst", "fell", "rose", "fine", "not-a-number", "unknown"]


def test_an_unhappy_agent_does_not_make_a_call_bad():
    rows = [
        summary(call_id="customer-down", score=-0.5),
        summary(call_id="agent-down", score=0.5),
        summary(call_id="agent-down", participant_id="a1", role="agent", score=-4.0),
    ]
    assert [call.call_id for call in gather([], rows, [], [])] == ["customer-down", "agent-down"]


def test_a_call_that_is_not_closed_shows_its_score_so_far():
    (call,) = gather([segment(0, score=-1.0), unheard(1), segment(2, score=-2.0)], [], [], [])
    line = index_line(call, index_scale([call]))
    assert (line.score, line.change, line.state) == ("−1.50", "–", "open")
    assert line.problems == ("not closed yet",)
    assert call.length_ms == 15_000
    assert call.started_at_ms == STARTED_AT


def test_bars_and_quarters_of_all_calls_share_one_scale():
    calls = gather([], [summary(score=1.0, score_q4=3.2), summary(call_id="b", score=-2.0)], [], [])
    assert index_scale(calls) == 3.5
    worst = index_line(calls[0], 4.0)
    assert (worst.is_negative, worst.bar_x, worst.bar_width) == (True, 20.0, 20.0)


def test_a_quarter_without_a_score_breaks_its_line():
    (call,) = gather([], [summary(score_q2=None)], [], [])
    assert index_line(call, 5.0).spark.count("M") == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"missing_sequences": "41-43,57"}, "customer: chunks 41–43 and 57 never came"),
        ({"missing_sequences": "7"}, "customer: chunk 7 never came"),
        ({"chunks_expected": 9, "chunks_seen": 7}, "customer: 2 chunks fewer than expected"),
        ({"windows_lost": 1}, "customer: 1 window lost"),
        (
            {"windows_missing": "audio:model_error=2,audio:no_speech=4"},
            "customer: audio: model error (2) windows",
        ),
        ({"utterances_partial_only": 1}, "customer: 1 utterance without a final text"),
    ],
)
def test_what_a_participant_lacks_is_said_in_words(fields, words):
    rows = [ledger(complete=False, **fields), ledger(participant_id="all", complete=False)]
    (call,) = gather([segment()], [], rows, [])
    assert call.problems == (words,)


def test_what_the_call_lacks_is_said_in_words():
    all_ = ledger(
        participant_id="all",
        complete=False,
        utterances_expected=14,
        utterances_seen=12,
        closed_by="timeout",
    )
    (call,) = gather([segment()], [], [ledger(), all_], [])
    assert call.problems == ("12 of 14 utterances came", "closed by timeout")


def test_a_complete_call_lacks_nothing_though_it_has_silence():
    (call,) = gather(
        [], [], [ledger(windows_missing="audio:no_speech=9"), ledger(participant_id="all")], []
    )
    assert call.is_complete
    assert call.problems == ()


def test_after_a_transfer_the_agents_are_told_apart():
    rows = [
        segment(9, participant_id="first-by-name", role="agent"),
        segment(0, participant_id="heard-first", role="agent"),
        segment(0),
    ]
    (call,) = gather(rows, [], [], [])
    assert [(p.label, p.participant_id) for p in call.participants] == [
        ("customer", "c1"),
        ("agent 1", "heard-first"),
        ("agent 2", "first-by-name"),
    ]


# --- the curves ---


def figure_of(rows, summaries=(), ledgers=()):
    (call,) = gather(rows, summaries, ledgers, [])
    return call_figure(call)


def window_slots_of(rows):
    (call,) = gather(rows, [], [], [])
    return window_slots(call.participants[0])


def test_each_curve_has_its_own_score():
    figure = figure_of(
        [segment(0, text_negative=0.1, text_positive=0.9, score=1.0, rolling_30s_score=0.5)]
    )
    assert trace(figure, "text")["y"] == [4.0]
    assert trace(figure, "audio")["y"] == [-1.0]
    assert trace(figure, "fused")["y"] == [1.0]
    assert trace(figure, "rolling 30 s")["y"] == [0.5]
    assert trace(figure, "text weight")["y"] == [0.6]
    assert trace(figure, "audio weight")["y"] == [0.4]


def test_a_missing_modality_leaves_a_gap_that_says_why():
    no_text = {"text_negative": None, "text_neutral": None, "text_positive": None}
    figure = figure_of([segment(0), segment(1, **no_text, missing="text:unsupported_language")])
    text = trace(figure, "text")
    assert text["y"][1] is None
    assert not text["connectgaps"]
    assert trace(figure, "audio")["y"][1] is not None
    assert "text: unsupported language" in trace(figure, "window")["customdata"][1]


def test_a_window_without_a_score_is_grey_and_says_why():
    figure = figure_of([segment(0), unheard(1)])
    windows = trace(figure, "window")
    assert windows["marker"]["color"][0] != windows["marker"]["color"][1]
    assert "no score" in windows["customdata"][1]
    assert "audio: no speech<br>text: no words" in windows["customdata"][1]
    assert trace(figure, "fused")["y"][1] is None


def test_windows_that_never_came_break_the_curve():
    figure = figure_of([segment(0), segment(5)])
    assert trace(figure, "fused")["y"] == [0.0, None, 0.0]
    assert "0:05–0:25" in trace(figure, "window")["customdata"][1]
    assert "no audio and no words came" in trace(figure, "window")["customdata"][1]


def test_a_pause_in_a_chat_is_no_gap():
    chat = {"speech_ratio": None, "missing": "audio:no_audio"}
    figure = figure_of([segment(0, **chat), segment(5, **chat)])
    assert len(set(trace(figure, "window")["marker"]["color"])) == 1
    assert "no message" in trace(figure, "window")["customdata"][1]
    assert not [t for t in figure["data"] if t["name"] == "speech"]


def test_the_pointer_shows_all_that_is_known_of_a_window():
    shown = explain(
        window_slots_of([segment(3, score=-1.24, rolling_30s_score=0.3, gap_ms=400)])[0]
    )
    for words in (
        "0:15–0:20",
        "fused <b>−1.2</b>",
        "rolling 30 s +0.3",
        "text +0.5 · weight 60 %",
        "audio −1.0 · weight 40 %",
        "disagreement 0.15",
        "0.4 s of audio never came",
    ):
        assert words in shown


def test_everyone_who_was_heard_has_a_speech_lane_on_the_same_axis():
    rows = [segment(0, speech_ratio=0.5), segment(1, participant_id="a1", role="agent")]
    lanes = trace(figure_of(rows), "speech")
    assert lanes["y"] == ["customer", "agent"]
    assert lanes["z"] == [[0.5, None], [None, 0.8]]


def test_all_windows_lie_on_one_axis_of_call_time():
    figure = figure_of([segment(0), segment(1), segment(1, participant_id="a1", role="agent")])
    start, end = figure["layout"]["xaxis"]["range"]
    assert end - start == 10_000
    assert [x - start for x in trace(figure, "fused")["x"]] == [2_500, 7_500]
    assert [x - start for x in trace(figure, "fused", 1)["x"]] == [7_500]
    assert min(trace(figure, "fused")["x"]) > 10_000  # Plotly takes a smaller number for a year


def test_numbers_that_are_none_are_gaps_and_dashes(report):
    odd = segment(
        0, score=math.nan, audio_positive=math.nan, speech_ratio=math.nan, disagreement=math.inf
    )
    assert modality_score(odd, "audio") is None
    _, page = report(
        [odd], [summary(score=math.nan, score_change=math.nan, loudness_dbfs=math.nan)]
    )
    assert "nan" not in json.dumps(page.figures).lower()
    assert "nan" not in page.text.lower()
    assert trace(page.figures[0], "fused")["y"] == [None]


def test_a_call_without_any_window_has_no_figure():
    assert figure_of([], [summary()]) is None


def test_figures_are_in_plotlys_own_schema():
    rows = [
        *(segment(k) for k in range(3)),
        unheard(4),
        segment(1, participant_id="a1", role="agent"),
        segment(2, participant_id="a2", role="agent"),
    ]
    go.Figure(figure_of(rows))  # raises on any property or value that Plotly does not know
    go.Figure(figure_of([segment(0, speech_ratio=None)]))


def test_panels_do_not_overlap():
    rows = [segment(0), segment(0, participant_id="a1", role="agent")]
    layout = figure_of(rows)["layout"]
    domains = [v["domain"] for k, v in layout.items() if k.startswith("yaxis")]
    assert len(domains) == 5
    for above, below in itertools.pairwise(domains):
        assert 0 <= below[0] < below[1] < above[0] < above[1] <= 1


def test_every_curve_can_be_told_without_colour():
    curves = [t for t in figure_of([segment()])["data"] if t["type"] == "scatter"]
    looks = {(t["line"]["dash"], t["marker"]["symbol"], t["mode"]) for t in curves}
    assert len(looks) == len(curves) == 4


# --- words ---


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (wording.signed(-0.04), "0.0"),
        (wording.signed(1.26), "+1.3"),
        (wording.signed(-2), "−2.0"),
        (wording.signed(None), "–"),
        (wording.plain(1234.5, 1, "ms"), "1,234.5 ms"),
        (wording.plain(math.nan), "–"),
        (wording.percent(0.256), "26 %"),
        (wording.clock(125_900), "2:05"),
        (wording.clock(3_725_000), "1:02:05"),
        (wording.clock(None), "–"),
        (wording.moment(STARTED_AT), "23 Nov 2026, 13:30 UTC"),
        (wording.sequences("41-43,57"), "chunks 41–43 and 57"),
        (wording.sequences("1,3,5", most=2), "chunks 1, 3 and 1 more range"),
        (wording.sequences(""), ""),
        (
            wording.counted_reasons("audio:no_speech=3,text:no_words=5"),
            ["audio: no speech (3)", "text: no words (5)"],
        ),
        (wording.counted_reasons(""), []),
        (wording.readable_id("a\u202eb\x00c", 40), "a\ufffdb\ufffdc"),
        (wording.readable_id("x" * 50, 10), "xxxxxxxxx…"),
    ],
)
def test_wording(shown, words):
    assert shown == words
