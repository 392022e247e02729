"""What the upgrade carries is what the server's checks accept."""

import pytest

from talkpath.errors import ConfigError
from talkpath.phone import CallPlan, upgrade_headers
from talkpath.phone.upgrade import parse_header
from talkpath.streams import signatures

URL = "wss://agent.example:8443/stream/x?a=1&b=2"


def headers_for(provider: str, **more: object) -> dict[str, str]:
    start = CallPlan(provider=provider).start(1, 1)
    return upgrade_headers(provider, URL, start, now=1_700_000_000, **more)


def test_plivo() -> None:
    found = headers_for("plivo", sign_with="secret")
    nonce, signature = found["X-Plivo-Signature-V3-Nonce"], found["X-Plivo-Signature-V3"]
    assert signatures.plivo("secret", URL, nonce, signature)
    assert not signatures.plivo("other", URL, nonce, signature)


def test_twilio() -> None:
    signature = headers_for("twilio", sign_with="secret")["X-Twilio-Signature"]
    assert signatures.twilio("secret", URL, signature)
    assert not signatures.twilio("secret", URL + "3", signature)


def test_genesys() -> None:
    found = headers_for("genesys", sign_with="key:c2VjcmV0")
    verdict = signatures.genesys(
        found,
        target="/stream/x?a=1&b=2",
        secrets={"key": "c2VjcmV0"},
        now=1_700_000_003,
        authority="agent.example:8443",
    )
    assert verdict, verdict.reason
    assert not signatures.genesys(
        found, target="/other", secrets={"key": "c2VjcmV0"}, now=1_700_000_003, authority="agent.example:8443"
    )
    bare = headers_for("genesys")
    assert bare["Audiohook-Session-Id"] == CallPlan(provider="genesys").start(1, 1).stream_id
    assert "Signature" not in bare
    assert headers_for("genesys", sign_with="key")["X-API-KEY"] == "key"


def test_tokens() -> None:
    assert headers_for("twilio", token="t")["Authorization"] == "Bearer t"
    assert headers_for("twilio", auth="me:secret")["Authorization"] == "Basic bWU6c2VjcmV0"
    assert headers_for("twilio", token="t", headers={"Authorization": "own"})["Authorization"] == "own"
    assert headers_for("twilio") == {}


def test_what_is_wrong_is_refused() -> None:
    for more, says in (({"token": "t", "auth": "a:b"}, "not both"),):
        with pytest.raises(ConfigError, match=says):
            headers_for("twilio", **more)
    with pytest.raises(ConfigError, match="signs nothing"):
        headers_for("telnyx", sign_with="x")
    with pytest.raises(ConfigError, match="base64"):
        headers_for("genesys", sign_with="key:no base64 at all")
    for text in ("no colon", ": value", "a: b\r\nc: d"):
        with pytest.raises(ConfigError, match="NAME: VALUE"):
            parse_header(text)
    assert parse_header("X-A:  b: c ") == ("X-A", "b: c")
