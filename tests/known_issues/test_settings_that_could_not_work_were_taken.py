"""Settings that could not work were taken, and failed later or said nothing.

``nan`` as a share of a prior made every score NaN. Languages written ``en-US``, ``EN`` or nothing
matched no utterance, so no words were scored, without an error. A time that is none stopped the
job in the connector. A million days let in a start that no calendar has.
"""

import pytest

from flink_job.settings import SettingsError, parse_settings

REQUIRED = {"streams": {"audio.stream": "a", "text.stream": "t"}, "lake": {"root": "/lake"}}


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("models.text", "operating.prior", "nan,0.5,0.5"),
        ("models.text", "languages", "en-US"),
        ("models.text", "languages", "EN"),
        ("models.text", "languages", ""),
        ("streams", "initial.timestamp", "yesterday"),
        ("limits", "started.at.past.days", "1000000"),
    ],
)
def test_it_stops_the_start(group, key, value):
    with pytest.raises(SettingsError) as caught:
        parse_settings({**REQUIRED, group: {**REQUIRED.get(group, {}), key: value}})

    assert f"group {group!r}, key {key!r}, value {value!r}" in str(caught.value)
