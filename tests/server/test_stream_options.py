"""Options of a stream, from the query of its address."""

import pytest

from talkpath import ConfigError
from talkpath.server.admission import Admission, Refusal, stream_for
from talkpath.server.stream_options import stream_options
from talkpath.streams import DIALECTS, Wire


@pytest.mark.parametrize(
    ("dialect", "query", "wanted"),
    [
        ("freeswitch", "stream.sample_rate_hz=16000&stream.mix=stereo", {"sample_rate_hz": 16000, "mix": "stereo"}),
        ("telnyx", "stream.byte_order=little", {"byte_order": "little"}),
        ("telnyx", "stream.wire_out=l16@16000", {"wire_out": Wire("l16", 16000, "big")}),
        ("azure", "agent=7&stream.participant=4%3A1", {"participant": "4:1"}),
        ("jambonz", "stream.streaming=false&stream.sample_rate_out_hz=16000", {"streaming": False, "sample_rate_out_hz": 16000}),
        ("genesys", "stream.listen_only=true&stream.channel=internal", {"listen_only": True, "channel": "internal"}),
        ("asterisk", "stream.control=text", {"control": "text"}),
        ("twilio", "channel=7&mix=x", {}),
        ("twilio", "", {}),
    ],
)  # fmt: skip
def test_what_the_query_says(dialect: str, query: str, wanted: dict) -> None:
    assert stream_options(DIALECTS[dialect], query) == wanted
    assert not isinstance(stream_for(f"/{dialect}?{query}", {}), Refusal)


@pytest.mark.parametrize(
    ("dialect", "query", "text"),
    [
        ("twilio", "stream.mix=stereo", "no option 'stream.mix'; it has: stream.byte_order"),
        ("freeswitch", "stream.path=x", "no option"),
        ("freeswitch", "stream.role=provider", "no option"),
        ("freeswitch", "stream.sample_rate_hz=fast", "int is expected"),
        ("freeswitch", "stream.sample_rate_hz=-1", "int is expected"),
        ("freeswitch", "stream.sample_rate_hz=9", "8000 to 192000"),
        ("freeswitch", "stream.mix=odd", "mix must be"),
        ("jambonz", "stream.streaming=maybe", "bool is expected"),
        ("telnyx", "stream.wire_out=opus", "CODEC@RATE is expected"),
        ("telnyx", "stream.wire_out=", "CODEC@RATE is expected"),
    ],
)
def test_what_is_refused_before_the_upgrade(dialect: str, query: str, text: str) -> None:
    found = stream_for(f"/{dialect}?{query}", {})
    assert isinstance(found, Refusal)
    assert found.status == 400
    assert text in found.text
    refusal = Admission().admit(f"/{dialect}?{query}", {}, 0.0, calls=0, max_calls=1)
    assert refusal is not None
    assert refusal.status == 400


def test_a_bare_option_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="it has: stream.sample_rate_hz, stream.mix, stream.playback"):
        stream_options(DIALECTS["freeswitch"], "stream.=1")
