"""Whatever is done to the lines of a chain shows, as far as it can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.audit_chain import (
    NOTHING_BEFORE,
    Erasure,
    Head,
    Line,
    PolicyInForce,
    Replay,
    decode,
    digest,
    encode,
    flaws,
    subject_digest,
)

DIGEST = "ab" * 32
COUNTS = st.integers(0, 1_000)
ENTRIES = st.one_of(
    st.builds(PolicyInForce, version=st.text(max_size=5), sha256=st.just(DIGEST)),
    st.builds(
        Erasure,
        scope=st.sampled_from(["call", "person"]),
        receipt_id=st.text(max_size=5),
        subject_sha256=st.just(DIGEST),
        receipt_sha256=st.just(DIGEST),
        erased=st.dictionaries(st.text(max_size=5), COUNTS, max_size=3),
    ),
    st.builds(Replay, rejects=COUNTS, sent=COUNTS, left=COUNTS),
)


@st.composite
def logs(draw, min_size=1):
    lines, previous = {}, NOTHING_BEFORE
    for number, entry in enumerate(draw(st.lists(ENTRIES, min_size=min_size, max_size=6)), 1):
        at_ms = draw(st.integers(0, 2**41))
        lines[number] = encode(Line(number=number, previous=previous, at_ms=at_ms, entry=entry))
        previous = digest(lines[number])
    return lines


def head_of(lines):
    return Head(max(lines), digest(lines[max(lines)]))


@given(logs())
def test_a_whole_log_has_no_flaw_and_is_read_back(lines):
    assert flaws(lines, [head_of(lines), Head(1, digest(lines[1]))]) == []
    assert [encode(decode(data)) for data in lines.values()] == list(lines.values())


@given(logs(), st.data())
def test_a_changed_byte_shows(lines, data):
    head = head_of(lines)
    number = data.draw(st.sampled_from(sorted(lines)))
    line = bytearray(lines[number])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 255))
    assert flaws(lines | {number: bytes(line)}, [head])


@given(logs(), st.data())
def test_a_removed_line_shows_and_so_does_the_last(lines, data):
    head = head_of(lines)
    number = data.draw(st.sampled_from(sorted(lines)))
    del lines[number]
    assert flaws(lines, [head])


@given(logs(min_size=2), st.data())
def test_an_inserted_line_shows(lines, data):
    head = head_of(lines)
    at = data.draw(st.integers(1, max(lines)))
    previous = digest(lines[at - 1]) if at > 1 else NOTHING_BEFORE
    entry = data.draw(ENTRIES)
    moved = {number + (number >= at): line for number, line in lines.items()}
    moved[at] = encode(Line(number=at, previous=previous, at_ms=0, entry=entry))
    assert flaws(moved, [head])


@given(logs(min_size=2))
def test_an_end_written_anew_shows_against_a_head_kept_elsewhere(lines):
    kept = head_of(lines)
    last = max(lines)
    forged = lines | {last: encode(msg_of(lines[last]))}
    assert flaws(forged, [head_of(forged)]) == []
    assert flaws(forged, [head_of(forged), kept]) == [
        f"line {last} was changed: it is not the one noted as head"
    ]


def msg_of(data):
    line = decode(data)
    return Line(number=line.number, previous=line.previous, at_ms=line.at_ms + 1, entry=line.entry)


def test_a_head_is_written_and_read_as_text():
    head = Head(12, DIGEST)
    assert Head.parse(str(head)) == head


@pytest.mark.parametrize("text", ["", "1", "0:" + DIGEST, "1:abc", f"1:{DIGEST}\n", f"x:{DIGEST}"])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(ValueError, match="NUMBER:SHA256"):
        Head.parse(text)


def test_the_digest_of_a_subject_depends_on_the_receipt():
    assert subject_digest("r1", "call", "c1") != subject_digest("r2", "call", "c1")
    assert subject_digest("r1", "call", "c1") != subject_digest("r1", "person", "c1")
    assert subject_digest("r1", "call", "c1") == subject_digest("r1", "call", "c1")
