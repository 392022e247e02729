"""Models that others wrote accept what we send, where they are installed (PyPI's plivo-stream-sdk)."""

import json

import pytest
from stream_cases import AUDIO, CASES


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
