"""A plan is sent at its speed, in its order, with heartbeats beside it."""

import base64
import json

import pytest

from connectors.replay import Heartbeats, InjectError, Replayer, mix, read_injected
from udfs.replay_plan import PlannedRecord

STREAM_NAMES = {"audio": "call-audio", "text": "call-text"}


class FakeClock:
    def __init__(self):
        self.time_s = 100.0

    def now_s(self):
        return self.time_s

    def sleep(self, seconds):
        assert seconds > 0
        self.time_s += seconds


class FakeKinesis:
    """Notes what was put and when."""

    def __init__(self, clock=None):
        self.clock = clock or FakeClock()
        self.puts = []
        self.beats = []

    def put_records(self, name, records):
        now_ms = round((self.clock.now_s() - 100) * 1000)
        self.puts += [(name, record.partition_key, record.data, now_ms) for record in records]

    def put_heartbeats(self, name):
        self.beats.append(name)


def planned(at_ms, stream="audio", key="c1", data=b"", kind="audio"):
    return PlannedRecord(at_ms, stream, key, data or str(at_ms).encode(), kind)


def send(records, speed, **options):
    clock = FakeClock()
    kinesis = FakeKinesis(clock)
    sent = Replayer(kinesis, STREAM_NAMES, clock).send(records, speed, **options)
    return kinesis, sent


def test_at_the_speed_of_speech_each_record_leaves_at_its_time():
    kinesis, sent = send([planned(0), planned(200), planned(200, "text"), planned(5_000)], 1.0)
    assert sent == 4
    assert [put[:3] for put in kinesis.puts] == [
        ("call-audio", "c1", b"0"),
        ("call-audio", "c1", b"200"),
        ("call-text", "c1", b"200"),
        ("call-audio", "c1", b"5000"),
    ]
    assert [now_ms for *_, now_ms in kinesis.puts] == pytest.approx([0, 200, 200, 5_000], abs=1)


def test_at_four_times_the_speed_it_takes_a_quarter_of_the_time():
    kinesis, _ = send([planned(at_ms) for at_ms in range(0, 8_001, 200)], 4.0)
    sent_ms = [now_ms for *_, now_ms in kinesis.puts]
    assert sent_ms == pytest.approx(range(0, 2_001, 50), abs=1)  # the shortest sleep is 1 ms


def test_at_full_speed_nothing_waits_and_order_is_kept():
    records = [planned(at_ms, key=f"c{at_ms % 3}") for at_ms in range(2_000)]
    kinesis, _ = send(records, None)
    assert [data for _, _, data, _ in kinesis.puts] == [record.data for record in records]
    assert {now_ms for *_, now_ms in kinesis.puts} == {0}


def test_at_full_speed_text_is_never_far_ahead_of_audio():
    records = [planned(at_ms, ("audio", "text")[at_ms % 10 == 0]) for at_ms in range(5_000)]
    kinesis, _ = send(records, None)
    newest = {"call-audio": 0, "call-text": 0}
    for name, _, data, _ in kinesis.puts:
        newest[name] = int(data)
        assert newest["call-text"] - newest["call-audio"] <= 500


def test_progress_is_told_to_the_end():
    told = []
    send([planned(at_ms) for at_ms in range(1_200)], None, on_progress=lambda *p: told.append(p))
    assert told == [(500, 1_200), (1_000, 1_200), (1_200, 1_200)]


def test_a_replay_can_be_stopped_on_its_way():
    answers = iter([False, True])
    records = [planned(at_ms) for at_ms in range(1_200)]
    _, sent = send(records, None, is_stopped=lambda: next(answers))
    assert sent == 500


def test_nothing_to_send_is_done_at_once():
    assert send([], 1.0)[1] == 0


def test_heartbeats_go_to_both_streams_from_start_to_stop():
    waits_s = []
    kinesis = FakeKinesis()

    def wait(seconds):
        waits_s.append(seconds)
        return len(waits_s) == 3

    with Heartbeats(kinesis, ["call-audio", "call-text"], wait):
        assert kinesis.beats[:2] == ["call-audio", "call-text"]
    assert kinesis.beats == ["call-audio", "call-text"] * 3
    assert waits_s == [2.0] * 3


def test_what_stops_the_heartbeats_is_raised_where_they_were_started():
    kinesis = FakeKinesis()

    def wait(_seconds):
        kinesis.put_heartbeats = None
        return False

    with pytest.raises(TypeError), Heartbeats(kinesis, ["call-audio"], wait):
        pass


def injection(**fields):
    entry = {"stream": "text", "partition_key": "k", "data": base64.b64encode(b"\xff{").decode()}
    return json.dumps({**entry, **fields})


def test_raw_records_are_read_as_they_are(tmp_path):
    (tmp_path / "raw").write_text(injection() + "\n\n" + injection(stream="audio") + "\n")
    first, second = read_injected(tmp_path / "raw")
    assert first == PlannedRecord(0, "text", "k", b"\xff{", "injected")
    assert second.stream == "audio"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: needs an object"),
        ("[1]", "line 2: needs an object"),
        (injection(data="*"), "line 2: needs an object"),
        (injection(stream="video"), "line 2: stream must be audio or text"),
        (injection(stream=["text"]), "line 2: stream must be audio or text"),
        (injection(partition_key=""), "line 2: partition_key must be"),
        (injection(partition_key="k" * 257), "line 2: partition_key must be"),
        (injection(data="A" * 1_398_104), "line 2: data and key exceed"),
    ],
)
def test_a_raw_record_that_kinesis_could_not_take_is_refused(tmp_path, line, message):
    (tmp_path / "raw").write_text(injection() + "\n" + line + "\n")
    with pytest.raises(InjectError, match=message):
        read_injected(tmp_path / "raw")


def test_an_absent_file_of_raw_records_is_refused(tmp_path):
    with pytest.raises(InjectError, match="cannot be read"):
        read_injected(tmp_path / "absent")


def test_raw_records_are_mixed_in_at_the_seeds_places_and_nothing_else_moves():
    records = tuple(planned(at_ms) for at_ms in range(0, 10_000, 100))
    raw = tuple(planned(0, data=f"raw {n}".encode(), kind="injected") for n in range(50))
    mixed = mix(records, raw, seed=1)
    assert mixed == mix(records, raw, seed=1) != mix(records, raw, seed=2)
    assert tuple(each for each in mixed if each.kind == "audio") == records
    assert [each.data for each in mixed if each.kind == "injected"] == [each.data for each in raw]
    assert [each.at_ms for each in mixed] == sorted(each.at_ms for each in mixed)
    kinds = [each.kind for each in mixed]
    assert "injected" in kinds[:75]
    assert "injected" in kinds[75:]
