"""Signatures of upgrades, by the vendors' own examples where there are some."""

import base64
import hashlib
import hmac

import pytest

from talkpath.streams import signatures
from talkpath.streams.signatures import Nonces

# --- Twilio: twilio.com/docs/usage/security and the example of twilio-python's tests ---------------------------------------

TWILIO = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+12349013030",
    "Digits": "1234",
    "From": "+12349013030",
    "To": "+18005551212",
}


def test_twilio_published_example() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signatures.twilio_sign("12345", url, TWILIO) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    assert signatures.twilio("12345", url, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", TWILIO)
    assert not signatures.twilio("12346", url, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", TWILIO)
    assert not signatures.twilio("12345", url, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")


@pytest.mark.parametrize(
    "signed", ["wss://a.b/c?d=e", "https://a.b/c?d=e", "https://a.b:443/c?d=e", "wss://a.b:443/c?d=e"]
)
@pytest.mark.parametrize("seen", ["wss://a.b/c?d=e", "ws://a.b/c?d=e", "http://a.b/c?d=e", "https://a.b:443/c?d=e"])
def test_twilio_forms_of_the_address(signed: str, seen: str) -> None:
    """A proxy changes the scheme; a default port may be there or not."""
    assert signatures.twilio("t", seen, signatures.twilio_sign("t", signed))
    for other in ("wss://a.b/c?d=f", "wss://a.c/c?d=e", "wss://a.b:8443/c?d=e"):
        assert not signatures.twilio("t", seen, signatures.twilio_sign("t", other))


def test_twilio_sha256() -> None:
    signature = signatures.twilio_sign("t", "wss://a.b/c", algorithm="sha256")
    assert signatures.twilio("t", "wss://a.b/c", signature, algorithm="sha256")
    assert not signatures.twilio("t", "wss://a.b/c", signature)


# --- Plivo: the algorithm of plivo-python's signature_v3.py -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://a.b/c", "https://a.b/c"),
        ("https://a.b/c?z=1&a=2", "https://a.b/c?a=2&z=1"),
        ("https://a.b/c?a=2&a=1", "https://a.b/c?a=1&a=2"),
        ("https://a.b/c?a=x%20y&b=", "https://a.b/c?a=x y&b="),
        ("https://a.b:8080/c/?", "https://a.b:8080/c/"),
    ],
)
def test_plivo(url: str, base: str) -> None:
    expected = base64.b64encode(hmac.new(b"token", f"{base}.n1".encode(), hashlib.sha256).digest()).decode()
    assert signatures.plivo_sign("token", url, "n1") == expected
    assert signatures.plivo("token", url, "n1", expected)
    assert signatures.plivo("token", url, "n1", f"AAAA,{expected}, BBBB")
    for scheme in ("http", "ws", "wss"):
        assert signatures.plivo("token", url.replace("https", scheme), "n1", expected)
    assert not signatures.plivo("token", url, "n2", expected)
    assert not signatures.plivo("other", url, "n1", expected)
    assert not signatures.plivo("token", url + "d", "n1", expected)


def test_plivo_agrees_with_the_vendors_own_check() -> None:
    theirs = pytest.importorskip("plivo.utils.signature_v3", reason="PyPI's plivo is not installed")
    for url in ("https://a.b/c", "https://a.b/c?z=1&a=2", "http://a.b:80/c/?b=&a=x%20y&a=w"):
        signature = signatures.plivo_sign("token", url, "nonce")
        assert theirs.validate_v3_signature("GET", url, "nonce", "token", signature)


def test_twilio_agrees_with_the_vendors_own_check() -> None:
    theirs = pytest.importorskip("twilio.request_validator", reason="PyPI's twilio is not installed")
    for url in ("https://a.b/c", "https://a.b/c?z=1&a=2", "wss://a.b/c?x=y", "https://a.b:443/c"):
        for parameters in ({}, TWILIO):
            signature = signatures.twilio_sign("token", url, parameters)
            assert theirs.RequestValidator("token").validate(url, parameters, signature)


@pytest.mark.parametrize("url", ["", "no address", "http://[::1", "http://a:b:c/", "/path"])
@pytest.mark.parametrize("signature", ["", "x", "é", "\ud800", "," * 10_000])
def test_nonsense_is_refused(url: str, signature: str) -> None:
    assert not signatures.plivo("t", url, "n", signature)
    assert not signatures.twilio("t", url, signature)
    assert not signatures.plivo("t", "https://a.b", "n", signature)
    assert not signatures.twilio("t", "https://a.b", signature)


# --- Genesys: the worked example of developer.genesys.cloud/devapps/audiohook/security ---------------------------------------

KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
TARGET = "/api/v1/voicebiometrics/ws"
CREATED = 1641013200
INPUT = (
    'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" "audiohook-correlation-id" '
    f'"x-api-key");keyid="{KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
)
HEADERS = {
    "Host": "audiohook.example.com",
    "Audiohook-Organization-Id": "d7934305-0972-4844-938e-9060eef73d05",
    "Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "Audiohook-Correlation-Id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "X-API-KEY": KEY,
    "Signature-Input": INPUT,
    "Signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
}


def check(headers: dict[str, str] = HEADERS, **changes: object) -> signatures.Verdict:
    return signatures.genesys(headers, **{"target": TARGET, "secrets": {KEY: SECRET}, "now": CREATED + 1, **changes})


def test_genesys_published_example() -> None:
    assert check()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"target": TARGET + "?a"}, "does not match"),
        ({"authority": "other.example.com"}, "does not match"),
        ({"secrets": {KEY: "AAAA"}}, "does not match"),
        ({"secrets": {}}, "does not match"),
        ({"secrets": {KEY: ""}}, "does not match"),
        ({"secrets": {KEY: "not base64!"}}, "not base64"),
        ({"now": CREATED + 10.5}, "too old"),
        ({"now": CREATED - 5.5}, "not valid yet"),
    ],
)
def test_genesys_refused(changed: dict, reason: str) -> None:
    verdict = check(**changed)
    assert not verdict
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "header",
    [
        {"X-API-KEY": ""},
        {"X-API-KEY": "another"},
        {"Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c1"},
        {"Signature": "sig2=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:"},
        {"Signature": "sig1=:XZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:"},
        {"Signature": "nonsense"},
        {"Signature": ""},
        {"Signature-Input": INPUT.replace('"@authority" ', "")},
        {"Signature-Input": INPUT.replace("VGhpc0lz", "")},
        {"Signature-Input": INPUT.replace("hmac-sha256", "none")},
        {"Signature-Input": INPUT.replace('"@authority"', '"@authority" "@authority"')},
        {"Signature-Input": INPUT.replace(";created=1641013200", "")},
        {"Signature-Input": "sig1=();" * 1000},
        {"Host": "audiohook.example.org"},
    ],
)
def test_genesys_changed_headers(header: dict[str, str]) -> None:
    assert not check({**HEADERS, **header})
    for name in header:
        assert not check({k: v for k, v in HEADERS.items() if k != name})


def test_genesys_once() -> None:
    nonces = Nonces()
    assert check(nonces=nonces)
    verdict = check(nonces=nonces)
    assert not verdict
    assert "nonce" in verdict.reason


def test_genesys_unsigned() -> None:
    """Only for keys with an empty secret."""
    plain = {k: v for k, v in HEADERS.items() if not k.startswith("Signature")}
    assert check(plain, secrets={KEY: ""})
    assert not check(plain)
    assert not check(plain, secrets={})


def test_genesys_signed_by_us() -> None:
    plain = {k: v for k, v in HEADERS.items() if not k.startswith("Signature")}
    made = signatures.genesys_sign(plain, target="/x?y=z", secret=SECRET, nonce="n" * 22, created=1000)
    assert check({**plain, **made}, target="/x?y=z", now=1005.0)
    assert not check({**plain, **made}, target="/x?y=z", now=1015.1)


def test_nonces_are_forgotten() -> None:
    nonces = Nonces(keep_s=30, limit=100)
    assert nonces.first_use("a", 0.0)
    assert not nonces.first_use("a", 30.0)
    assert nonces.first_use("a", 30.1)
    assert all(nonces.first_use(f"n{i}", 31.0) for i in range(1000))
    assert len(nonces._used) <= 100
