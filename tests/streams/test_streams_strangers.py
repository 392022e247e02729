"""Models that others wrote accept what we send, where they are installed (PyPI's plivo-stream-sdk)."""

import json

import pytest
from stream_cases import AUDIO, CASES

from talkpath.streams import Start, Wire


def test_plivos_own_sdk_reads_our_provider() -> None:
    types = pytest.importorskip("plivo_stream.types", reason="PyPI's plivo-stream-sdk is not installed")
    case = CASES["plivo"]
    provider = case.provider()
    (start,) = provider.open(case.start)
    parsed = types.StartEvent.model_validate(json.loads(start))
    assert parsed.start.stream_id == "s1"
    media = types.MediaEvent.model_validate(json.loads(provider.media(AUDIO)))
    assert media.media.chunk == 1
    types.DtmfEvent.model_validate(json.loads(provider.dtmf("5")))
    types.PlayedStreamEvent.model_validate(json.loads(provider.mark("m1")))
    server = case.started()
    provider.receive(server.clear())
    (cleared,) = provider.data_to_send()
    types.ClearedAudioEvent.model_validate(json.loads(cleared))


@pytest.mark.parametrize("wire", [Wire("mulaw", 8000), Wire("l16", 8000, "little"), Wire("l16", 16000, "little")])
def test_plivos_own_sdk_reads_every_form_of_start_and_every_key(wire: Wire) -> None:
    types = pytest.importorskip("plivo_stream.types", reason="PyPI's plivo-stream-sdk is not installed")
    provider = CASES["plivo"].provider()
    start = Start(call_id="c1", stream_id="s1", wire=wire, wire_out=wire, headers={"from": "+1", "to": "+2"})
    parsed = types.StartEvent.model_validate(json.loads(provider.open(start)[0]))
    assert parsed.start.media_format.sample_rate == wire.sample_rate_hz
    assert parsed.extra_headers == "from=+1;to=+2"
    for key in "0123456789*#ABCD":
        assert types.DtmfEvent.model_validate(json.loads(provider.dtmf(key))).dtmf.digit == key


def test_plivos_own_sdk_knows_what_our_server_says() -> None:
    types = pytest.importorskip("plivo_stream.types", reason="PyPI's plivo-stream-sdk is not installed")
    server = CASES["plivo"].started()
    for model, message in (
        (types.PlayAudioEvent, server.media(AUDIO)),
        (types.CheckpointEvent, server.mark("m1")),
        (types.ClearAudioEvent, server.clear()),
    ):
        parsed = model.model_validate(json.loads(message))
        assert parsed.model_dump(by_alias=True) == json.loads(message)
