"""Who may begin a call: the proofs one by one, which of them will do where, in which order, and what garbage does (nothing)."""

import base64
import dataclasses
import hashlib
import hmac
import inspect
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkpath import streams
from talkpath.errors import ConfigError
from talkpath.server import admission, authentication
from talkpath.server.admission import (
    CAUSES,
    MAX_PARAMETERS,
    MAX_TARGET_CHARS,
    RETRY_S,
    Admission,
    Refusal,
    dialect_of,
    room,
    stream_for,
)
from talkpath.server.authentication import Authentication
from talkpath.streams import signatures
from talkpath.streams.signatures import genesys_sign

NOW = 1_700_000_000.0
HOST = {"Host": "voice.example.com"}

# Of developer.genesys.cloud/devapps/audiohook/security: the worked example.
KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
CREATED = 1641013200
PUBLISHED = {
    "Host": "audiohook.example.com",
    "Audiohook-Organization-Id": "d7934305-0972-4844-938e-9060eef73d05",
    "Audiohook-Session-Id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "Audiohook-Correlation-Id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "X-API-KEY": KEY,
    "Signature-Input": 'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
    f'"audiohook-correlation-id" "x-api-key");keyid="{KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";'
    "created=1641013200;expires=3282026430",
    "Signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
}


def enter(
    authentication: Authentication | Admission | None,
    path: str = "/",
    headers: dict[str, str] | None = None,
    now: float = NOW,
    calls: int = 0,
    **others: object,
) -> Refusal | None:
    door = authentication if isinstance(authentication, Admission) else Admission(authentication)
    return door.admit(path, HOST if headers is None else headers, now, calls=calls, max_calls=10, **others)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def sign(key: str, text: str, algorithm: str) -> str:
    """By hand, not by what is tested."""
    return base64.b64encode(hmac.new(key.encode(), text.encode(), getattr(hashlib, algorithm)).digest()).decode()


def plivo(url: str, nonce: str = "12345", key: str = "plivo-secret") -> dict[str, str]:
    """Headers for a base string: the address with its parameters sorted."""
    return {**HOST, "X-Plivo-Signature-V3": sign(key, f"{url}.{nonce}", "sha256"), "X-Plivo-Signature-V3-Nonce": nonce}


def twilio(url: str, key: str = "twilio-secret") -> dict[str, str]:
    return {**HOST, "X-Twilio-Signature": sign(key, url, "sha1")}


def genesys(target: str = "/genesys", now: float = NOW, nonce: str = "n" * 22, **headers: str) -> dict[str, str]:
    plain = {**{k: v for k, v in PUBLISHED.items() if not k.startswith("Signature")}, **headers}
    return {**plain, **genesys_sign(plain, target=target, secret=SECRET, nonce=nonce, created=int(now))}


# --- nothing asked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "", "/plivo", "/twilio/agent/7?x=y", "/genesys"])
def test_an_open_door(path: str) -> None:
    assert enter(None, path, {}) is None
    assert Authentication().is_open


# --- path, proof, room --------------------------------------------------------------------------------------------------------


def test_the_order() -> None:
    locked = Authentication(token="t")
    nobody = enter(locked, "/nobody", calls=10)
    assert nobody is not None
    assert (nobody.status, nobody.cause) == (404, "path")
    assert "plivo" in nobody.text
    stranger = enter(locked, calls=10)
    assert stranger is not None
    assert (stranger.status, stranger.cause) == (401, "authentication")
    assert "WWW-Authenticate" in stranger.headers
    full = enter(locked, "/?token=t", calls=10)
    assert full == Refusal(503, "all lines are taken", "full")
    assert full.headers == {"Retry-After": str(RETRY_S)}
    draining = enter(locked, "/?token=t", draining=True)
    assert draining is not None
    assert (draining.status, draining.cause) == (503, "draining")
    assert {r.cause for r in (nobody, stranger, full, draining)} == set(CAUSES)
    assert enter(locked, "/?token=t", calls=9) is None
    assert room(9, 10) is None


@pytest.mark.parametrize(
    ("path", "dialect"),
    [("", ""), ("/", ""), ("/?a=/plivo", ""), ("/plivo", "plivo"), ("//plivo//x", "plivo"), ("/twilio?a", "twilio")],
)
def test_the_dialect_of_a_path(path: str, dialect: str) -> None:
    assert dialect_of(path) == dialect
    stream = stream_for(path, {})
    assert stream is None if not dialect else type(stream) is streams.DIALECTS[dialect]


@pytest.mark.parametrize("path", ["/nobody", "/audiosocket", "/Plivo", "/plivo%20", "/[", "//[::1", "http://a/plivo"])
def test_no_such_dialect(path: str) -> None:
    found = dialect_of(path)
    assert isinstance(found, Refusal)
    assert found.status == 404
    assert found.headers == {}
    assert stream_for(path, {}) == found


@pytest.mark.parametrize("path", ["/plivo/" + "x" * 5000, "/plivo?" + "&".join(["a=b"] * (MAX_PARAMETERS + 1))])
def test_an_address_that_is_too_long(path: str) -> None:
    refusal = enter(None, path)
    assert refusal is not None
    assert refusal.status == 414


# --- tokens and passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Authorization": "Bearer t0k:n"}),
        ("/exotel", {"authorization": "bearer  t0k:n "}),
        ("/?a=b&token=t0k%3An", {}),
        ("/?token=x&token=t0k:n", {}),
        ("/", basic("anybody", "t0k:n")),
        ("/telnyx", {"X-Telnyx-Streaming-Auth-Token": "t0k:n"}),
    ],
)
def test_a_token(path: str, headers: dict[str, str]) -> None:
    assert enter(Authentication(token="t0k:n"), path, headers) is None
    refusal = enter(Authentication(token="t0k:N"), path, headers)
    assert refusal == Refusal(401, "token: the token is not right", "authentication")


def test_no_token() -> None:
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Digest t"}, {"Authorization": "Basic !"}):
        assert enter(Authentication(token="t"), "/", headers) == Refusal(
            401, "token: a token is needed", "authentication"
        )
    assert enter(Authentication(token="t"), "/", {"Authorization": "Bearer"}) is not None
    assert enter(Authentication(token="t"), "/?token=", {}) is not None


def test_user_and_password() -> None:
    locked = Authentication(basic=("key", "pass:word"))
    assert enter(locked, "/exotel", basic("key", "pass:word")) is None
    for headers in (basic("Key", "pass:word"), basic("key", "pass"), basic("key", ""), basic("", "pass:word"), {},
                    {"Authorization": "Bearer pass:word"}):  # fmt: skip
        refusal = enter(locked, "/exotel", headers)
        assert refusal is not None
        assert refusal.status == 401
    assert enter(locked, "/?token=pass:word", {}) is not None


# --- Plivo ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "http", "wss", "ws"])
def test_plivo(scheme: str) -> None:
    locked = Authentication(plivo="plivo-secret")
    url = f"{scheme}://voice.example.com/plivo/agent"
    assert enter(locked, "/plivo/agent", plivo(url)) is None
    assert enter(locked, "/plivo/agent?z=1&a=2", plivo(url + "?a=2&z=1")) is None
    several = plivo(url)
    several["X-Plivo-Signature-V3"] = f"AAAA, {several['X-Plivo-Signature-V3']}"
    assert enter(locked, "/plivo/agent", several) is None


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("/plivo/agent", {"X-Plivo-Signature-V3": ""}),
        ("/plivo/agent", {"X-Plivo-Signature-V3": "AAAA"}),
        ("/plivo/agent", {"X-Plivo-Signature-V3-Nonce": "12346"}),
        ("/plivo/agent", {"X-Plivo-Signature-V3-Nonce": ""}),
        ("/plivo/agent", {"Host": "voice.example.org"}),
        ("/plivo/agent", {"Host": ""}),
        ("/plivo/agents", {}),
        ("/plivo/agent?a=b", {}),
    ],
)
def test_plivo_changed(path: str, changed: dict[str, str]) -> None:
    locked = Authentication(plivo="plivo-secret")
    headers = plivo("wss://voice.example.com/plivo/agent")
    assert enter(locked, "/plivo/agent", headers) is None
    refusal = enter(locked, path, {**headers, **changed})
    assert refusal is not None
    assert refusal.status == 401
    assert refusal.text.startswith("plivo: ")
    for name in changed:
        assert enter(locked, path, {k: v for k, v in headers.items() if k != name}) is not None
    assert enter(Authentication(plivo="other"), "/plivo/agent", headers) is not None


def test_twilio() -> None:
    locked = Authentication(twilio="twilio-secret")
    headers = twilio("wss://voice.example.com/twilio/agent?a=b")
    assert enter(locked, "/twilio/agent?a=b", headers) is None
    for path, changed in [
        ("/twilio/agent?a=c", {}),
        ("/twilio/agent", {}),
        ("/twilio/agent?a=b", {"Host": "voice.example.org"}),
        ("/twilio/agent?a=b", {"X-Twilio-Signature": "AAAA"}),
        ("/twilio/agent?a=b", {"X-Twilio-Signature": ""}),
    ]:
        refusal = enter(locked, path, {**headers, **changed})
        assert refusal is not None
        assert refusal.status == 401
    assert enter(Authentication(twilio="other"), "/twilio/agent?a=b", headers) is not None


@pytest.mark.parametrize("url", ["wss://voice.example.com", "wss://voice.example.com/"])
def test_an_address_without_a_path(url: str) -> None:
    """A client asks for "/" either way."""
    assert enter(Authentication(twilio="twilio-secret"), "/", twilio(url)) is None
    assert enter(Authentication(plivo="plivo-secret"), "/", plivo(url)) is None


# --- Genesys --------------------------------------------------------------------------------------------------------------------


def test_genesys_published_example() -> None:
    """Its path is none of ours: it lies before ours, where another server has mounted this one or a proxy has taken it away."""
    before = "/api/v1/voicebiometrics/ws"
    door = Admission(Authentication(genesys={KEY: SECRET}))
    assert enter(door, "", PUBLISHED, CREATED + 1, prefix=before) is None
    assert enter(door, "", PUBLISHED, CREATED + 1, prefix=before) is not None  # again
    door = Admission(Authentication(genesys={KEY: SECRET}, public_url=f"wss://audiohook.example.com{before}"))
    assert enter(door, "", {**PUBLISHED, "Host": "10.0.0.7"}, CREATED + 1) is None
    assert enter(door, "/", PUBLISHED, CREATED + 1) is not None


def test_genesys_once_and_in_time() -> None:
    door = Admission(Authentication(genesys={KEY: SECRET}))
    headers = genesys()
    for age_s, right in [(-5.5, False), (10.5, False), (-4.5, True)]:
        assert (
            enter(Admission(Authentication(genesys={KEY: SECRET})), "/genesys", headers, NOW + age_s) is None
        ) is right
    assert enter(door, "/genesys", headers) is None
    again = enter(door, "/genesys", headers, NOW + 1)
    assert again == Refusal(401, "genesys: the nonce was used before", "authentication")
    assert enter(door, "/genesys", genesys(nonce="m" * 22)) is None


@pytest.mark.parametrize("name", [n for n in PUBLISHED if n != "Host"])
def test_genesys_changed(name: str) -> None:
    locked = Authentication(genesys={KEY: SECRET})
    headers = {name.lower(): value for name, value in genesys().items()}
    assert enter(locked, "/genesys", headers) is None
    for value in ("", "x", headers[name.lower()][:-3] + "xx" + headers[name.lower()][-1]):
        assert enter(locked, "/genesys", {**headers, name.lower(): value}) is not None
    assert enter(locked, "/genesys", {k: v for k, v in headers.items() if k != name.lower()}) is not None
    assert enter(locked, "/genesys?a", headers) is not None
    assert enter(locked, "/genesys", {**headers, "host": "x"}) is not None


def test_strangers_do_not_fill_the_memory_of_nonces() -> None:
    door = Admission(Authentication(genesys={KEY: SECRET}))
    for i in range(300):
        headers = genesys(nonce=f"{i:022d}")
        assert enter(door, "/genesys", {**headers, "Signature": "sig1=:AAAA:"}) is not None
    assert len(door._nonces._used) == 0


# --- what the provider knows of the address -----------------------------------------------------------------------------------------


def test_public_url() -> None:
    inside = {"Host": "10.0.0.7:8080"}
    url = "wss://voice.example.com/calls/twilio?a=b"
    for public_url in ("wss://voice.example.com/calls", "https://voice.example.com/calls/"):
        locked = Authentication(twilio="twilio-secret", public_url=public_url)
        assert enter(locked, "/twilio?a=b", {**twilio(url), **inside}) is None
    assert enter(Authentication(twilio="twilio-secret"), "/twilio?a=b", {**twilio(url), **inside}) is not None
    outside = genesys("/calls/genesys", Host="voice.example.com")
    for public_url in ("wss://voice.example.com/calls", "wss://voice.example.com:443/calls"):
        locked = Authentication(genesys={KEY: SECRET}, public_url=public_url)
        assert enter(locked, "/genesys", {**outside, **inside}) is None


def test_a_part_of_another_server() -> None:
    locked = Authentication(twilio="twilio-secret")
    headers = twilio("wss://voice.example.com/media/twilio")
    assert enter(locked, "/twilio", headers, prefix="/media") is None
    assert enter(locked, "/twilio", headers) is not None


def test_forwarded_headers_are_believed_only_if_asked_for() -> None:
    url = "https://voice.example.com/plivo"
    headers = {**plivo(url), "Host": "10.0.0.7", "X-Forwarded-Host": "liar.example, voice.example.com"}
    headers["X-Forwarded-Proto"] = "https"
    assert enter(Authentication(plivo="plivo-secret"), "/plivo", headers) is not None
    assert enter(Authentication(plivo="plivo-secret", trust_forwarded=True), "/plivo", headers) is None
    headers["X-Forwarded-Host"] = "voice.example.com, other.example"
    assert enter(Authentication(plivo="plivo-secret", trust_forwarded=True), "/plivo", headers) is not None
    direct = Authentication(plivo="plivo-secret", trust_forwarded=True)
    assert enter(direct, "/plivo", {**plivo(url), "X-Forwarded-Proto": "gopher"}) is None


# --- which proof will do where ------------------------------------------------------------------------------------------------------

ALL = Authentication(token="t", basic=("u", "p"), plivo="plivo-secret", twilio="twilio-secret", genesys={KEY: SECRET})
PROOFS = {
    "token": lambda path: {**HOST, "Authorization": "Bearer t"},
    "basic": lambda path: {**HOST, **basic("u", "p")},
    "plivo": lambda path: plivo(f"wss://voice.example.com{path}"),
    "twilio": lambda path: twilio(f"wss://voice.example.com{path}"),
    "genesys": lambda path: genesys(path, Host=HOST["Host"]),
}
WILL_DO = {
    "/": set(PROOFS),
    "/plivo": {"plivo"},
    "/twilio": {"twilio"},
    "/genesys": {"genesys"},
    "/exotel": {"token", "basic"},
    "/signalwire": {"token", "basic"},
    "/asterisk": {"token", "basic"},
}


@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize("path", [p for p in WILL_DO if p == "/" or p[1:] in streams.DIALECTS])
def test_which_proof_will_do(path: str, proof: str) -> None:
    assert (enter(ALL, path, PROOFS[proof](path)) is None) == (proof in WILL_DO[path])
    assert enter(ALL, path, HOST) is not None


@pytest.mark.parametrize("name", ["plivo", "twilio", "genesys"])
def test_a_dialect_that_cannot_prove_anything_stays_out(name: str) -> None:
    only = dataclasses.replace(ALL, **{**dict(token=None, basic=None, plivo=None, twilio=None, genesys={}),
                                       name: getattr(ALL, name)})  # fmt: skip
    for path in ("/exotel", "/telnyx", *({"/plivo", "/twilio", "/genesys"} - {f"/{name}"})):
        for proof in PROOFS.values():
            refusal = enter(only, path, proof(path))
            assert refusal is not None
            assert "no way" in refusal.text
    assert enter(only, "/", PROOFS[name]("/")) is None
    assert enter(only, "/", HOST) is not None


def test_a_token_where_the_signature_is_not_set() -> None:
    assert enter(Authentication(token="t", plivo="p"), "/twilio?token=t") is None
    assert enter(Authentication(token="t", plivo="p"), "/plivo?token=t") is not None


# --- settings -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"token": ""}, "token"),
        ({"plivo": ""}, "plivo"),
        ({"twilio": b"x"}, "twilio"),
        ({"basic": ("", "p")}, "basic"),
        ({"basic": ("u", "")}, "basic"),
        ({"basic": ("u:v", "p")}, "basic"),
        ({"genesys": {"k": ""}}, "genesys"),
        ({"genesys": {"": SECRET}}, "genesys"),
        ({"genesys": {"k": "s3cret!"}}, "genesys"),
        ({"public_url": "voice.example.com"}, "public_url"),
        ({"public_url": "ftp://voice.example.com"}, "public_url"),
        ({"public_url": "wss://voice.example.com/?a"}, "public_url"),
        ({"public_url": "wss://voice.example.com:port"}, "public_url"),
        ({"public_url": "wss://u:p@voice.example.com"}, "public_url"),
    ],
)
def test_settings_that_are_wrong(wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=f"authentication.{named}") as caught:
        Authentication(**wrong)
    assert "s3cret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    text = repr(ALL)
    assert text.startswith("Authentication(")
    for secret in ("plivo-secret", "twilio-secret", SECRET, KEY, "'u'"):
        assert secret not in text
    assert pickle.loads(pickle.dumps(ALL)) == ALL  # a worker process gets it


def test_settings_cannot_be_changed_from_outside() -> None:
    keys = {KEY: SECRET}
    locked = Authentication(genesys=keys)
    keys.clear()
    assert not locked.is_open


# --- garbage and floods -------------------------------------------------------------------------------------------------------------

REASONS = inspect.getsource(signatures) + inspect.getsource(authentication) + inspect.getsource(admission)
NAMES = ["Host", "Authorization", "X-Plivo-Signature-V3", "X-Plivo-Signature-V3-Nonce", "X-Twilio-Signature",
         "X-API-Key", "Signature", "Signature-Input", "X-Forwarded-Host", "X-Forwarded-Proto",
         "Audiohook-Organization-Id", "X-Telnyx-Streaming-Auth-Token"]  # fmt: skip
TEXTS = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["Basic ", "Basic Og==", "Basic é", "Bearer", "::", "[::1", "a:99999999", "sig1=::", 'sig1=();keyid="k"', KEY, ",", "@"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(), max_size=60) | st.sampled_from(["/plivo", "/twilio", "/genesys", "/", "/exotel?token=%ff"]),
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=20), TEXTS, max_size=12),
    st.booleans(),
)  # fmt: skip
def test_garbage_stays_out(path: str, headers: dict[str, str], trusting: bool) -> None:
    refusal = enter(dataclasses.replace(ALL, token="t" * 70, trust_forwarded=trusting), path, headers)
    assert refusal is not None
    assert refusal.status in (401, 404, 414)
    assert refusal.cause in CAUSES
    # Nothing of what came is said, and no secret.
    reason = refusal.text.rpartition(": ")[2]
    assert reason in (", ".join(PROOFS), "token, basic", dialect_of("/nobody").text) or f'"{reason}"' in REASONS


@pytest.mark.parametrize(
    "headers",
    [
        {**HOST, "X-Plivo-Signature-V3": "," * 8000, "X-Plivo-Signature-V3-Nonce": "n" * 4000, "X-Twilio-Signature": "x" * 4000},
        {**HOST, "X-API-Key": KEY, "Signature": "sig1=:AAAA:", "Signature-Input": "sig1=(" + '"a" ' * 1000 + ")"},
        {**HOST, "X-API-Key": KEY, "Signature": "sig1=:AAAA:", "Signature-Input": "sig1=()" + ";a=1" * 1000 + "!"},
        {**HOST, "X-API-Key": KEY, "Signature": "sig1=:AAAA:", "Signature-Input": " " * 4096},
        {**HOST, "X-API-Key": KEY, "Signature": "a" * 4096, "Signature-Input": "a" * 4096},
    ],
)  # fmt: skip
def test_a_flood_is_cheap(headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long what comes is, a few dozen signatures are computed for it, and nothing of it is kept."""
    computed = []
    new = hmac.new
    monkeypatch.setattr(hmac, "new", lambda *args: computed.append(len(args[1])) or new(*args))
    door = Admission(ALL)
    path = "/?" + "&".join(f"{i}={'%41' * 10}" for i in range(MAX_PARAMETERS))
    for _ in range(100):
        assert enter(door, path, headers) is not None
    assert len(computed) <= 100 * 16
    assert sum(computed) <= 100 * 16 * 3 * MAX_TARGET_CHARS
    assert len(door._nonces._used) == 0
