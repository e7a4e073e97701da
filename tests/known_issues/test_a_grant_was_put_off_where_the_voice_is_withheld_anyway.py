"""A consent that gives no voice back acts from its own call time on, whatever audio has come.

It was put off behind audio that policy withholds with consent too, so a withdrawal of before, in
call time, that came later held in its place: order of arrival decided what may be done with words.
"""

from tests.builders import call_started, consent_changed, participant
from udfs.gate import Gate
from udfs.policy import read_policy


def test_a_grant_acts_from_its_call_time_on() -> None:
    gate = Gate(read_policy())
    agent = participant("agent", consent=True)
    party = gate.admit(call_started(jurisdiction="DE", participants=(agent,)), agent)

    step = gate.change(party, consent_changed(1, "agent", consent=True), last_touched=4)

    assert step.audio.is_withheld
    assert step.from_window == 1
