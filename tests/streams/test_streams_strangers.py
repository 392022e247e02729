"""What others wrote: models that accept what we send, where they are installed (PyPI's plivo-stream-sdk); a recorded signature."""

import base64
import json

import pytest
from stream_cases import AUDIO, CASES

from talkpath.streams import Start, Wire, signatures


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


def test_the_signature_of_genesys_own_client() -> None:
    """An upgrade of purecloudlabs/audiohook-reference-implementation, as it came; the secret is made up."""
    covered = (
        "@request-target @authority audiohook-organization-id audiohook-session-id audiohook-correlation-id x-api-key"
    )
    names = " ".join(f'"{name}"' for name in covered.split())
    headers = {
        "Audiohook-Organization-Id": "76f1cb33-f9eb-4677-b77d-2116de53b477",
        "Audiohook-Session-Id": "5f9bb41b-2b49-4c50-adea-6a75a1383989",
        "Audiohook-Correlation-Id": "1438390f-f62a-468a-8a37-fb9ddcc01372",
        "X-API-KEY": "key-1",
        "signature-input": f'sig1=({names});keyid="key-1";nonce="plK7TvwjwVqYOoQVIe93QS/U";alg="hmac-sha256";'
        "created=1795879245;expires=1795879275",
        "signature": "sig1=:4+D9DL66FMTaPkilCoBuJBSsdjzWSob8rsmMuK+QApQ=:",
        "Host": "127.0.0.1:18090",
    }
    secret = base64.b64encode(b"a secret of thirty-two bytes ...").decode()
    request = {"target": "/genesys/bot?a=b", "secrets": {"key-1": secret}, "now": 1795879246.0}
    assert signatures.genesys(headers, **request)
    assert not signatures.genesys(headers, **{**request, "target": "/genesys/bot?a=c"})
    assert not signatures.genesys({**headers, "Host": "127.0.0.1:18091"}, **request)
    assert not signatures.genesys(headers, **{**request, "now": 1795879256.0})
