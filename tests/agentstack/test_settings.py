"""Settings: the environment before the file, every wrong value named, no secret shown."""

from pathlib import Path

import pytest

from talkpath.agentstack.settings import BASE_URLS, ProviderAccess, Settings, data_folder
from talkpath.errors import ConfigError

WHO = {"PLIVO_AUTH_ID": "MA", "PLIVO_AUTH_TOKEN": "s3cret"}


def load(tmp_path: Path, toml: str = "", **environ: str) -> Settings:
    path = tmp_path / "talkpath.toml"
    path.write_text(toml, encoding="utf-8")
    return Settings.load(path, {**WHO, **environ})


def test_defaults_need_credentials_only() -> None:
    found = Settings.load(None, WHO)
    assert (found.auth_id, found.auth_token) == ("MA", "s3cret")
    assert (found.host, found.port, found.phone_port) == ("127.0.0.1", 8000, 8080)
    assert (found.providers, found.carrier, found.data) == ("", "", Path("talkpath-data"))
    assert (found.workers, found.max_calls, found.drain_s, found.transport) == (1, 500, 30.0, "websockets")
    assert {name: found.access[name] for name in BASE_URLS} == {n: ProviderAccess(u) for n, u in BASE_URLS.items()}


@pytest.mark.parametrize("missing", list(WHO))
@pytest.mark.parametrize("empty", [True, False])
def test_credentials_must_be_there(missing: str, empty: bool) -> None:
    given = {name: value for name, value in WHO.items() if name != missing} | ({missing: ""} if empty else {})
    with pytest.raises(ConfigError, match=f"^{missing} is missing"):
        Settings.load(None, given)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    toml = """
        port = 9000
        phone_port = 9100
        [openai]
        base_url = "http://file:1/v1"
        api_key = "of-the-file"
        [groq]
        api_key = "groq-of-the-file"
    """
    found = load(tmp_path, toml, TALKPATH_PORT="9001", OPENAI_BASE_URL="http://environment:2/v1/", GROQ_BASE_URL="")
    assert (found.port, found.phone_port) == (9001, 9100)
    assert found.access["openai"] == ProviderAccess("http://environment:2/v1", "of-the-file")
    assert found.access["groq"] == ProviderAccess(BASE_URLS["groq"], "groq-of-the-file")


@pytest.mark.parametrize("name", list(BASE_URLS))
def test_every_provider_has_its_variables(name: str) -> None:
    upper = name.upper()
    given = {f"{upper}_BASE_URL": "https://here.example/v1", f"{upper}_API_KEY": "k"}
    found = Settings.load(None, WHO | given)
    assert (found.base_url(name), found.api_key(name)) == ("https://here.example/v1", "k")
    assert (found.base_url("nobody"), found.api_key("nobody")) == ("", "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TALKPATH_PORT", "eight"),
        ("TALKPATH_PORT", "70000"),
        ("TALKPATH_PORT", "-1"),
        ("TALKPATH_PHONE_PORT", "8080.5"),
        ("TALKPATH_WORKERS", "0"),
        ("TALKPATH_MAX_CALLS", "none"),
        ("TALKPATH_DRAIN_S", "inf"),
        ("TALKPATH_DRAIN_S", "-1"),
        ("TALKPATH_TRANSPORT", "smoke"),
        ("TALKPATH_PROVIDERS", "remote"),
        ("TALKPATH_CARRIER", "pigeon"),
        ("TALKPATH_CARRIER", "http:tel.example"),
        ("TALKPATH_PUBLIC_URL", "ws://here"),
        ("TALKPATH_PHONE_URL", "http://here"),
        ("TALKPATH_PHONE_URL", "ws://here:70000"),
        ("DEEPGRAM_BASE_URL", "api.deepgram.com"),
        ("OPENAI_BASE_URL", "https://"),
        ("OPENAI_BASE_URL", "https://me:secret@host/v1"),
        ("PLIVO_AUTH_ID", "a:b"),
        ("PLIVO_AUTH_TOKEN", "two words"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable} must ") as caught:
        Settings.load(None, WHO | {variable: value})
    assert (repr(value) in str(caught.value)) == (
        variable not in ("PLIVO_AUTH_TOKEN", "TALKPATH_CARRIER") and "@" not in value
    )


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ('port = "x"', "talkpath.toml: port must"),
        ("port = true", "talkpath.toml: port must"),
        ("colour = 1", "talkpath.toml: colour is not known"),
        ("openai = 1", "talkpath.toml: openai must be a table"),
        ('[openai]\nurl = "x"', "talkpath.toml: openai.url is not known"),
        ('[openai]\nbase_url = "ftp://x"', "talkpath.toml: openai.base_url must"),
        ("[openai]\napi_key = 7", "talkpath.toml: openai.api_key must"),
        ("port = ", "talkpath.toml is no TOML"),
    ],
)
def test_a_wrong_field_of_the_file_is_named(tmp_path: Path, toml: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml)
    assert named in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: No such file"):
        Settings.load(tmp_path / "missing.toml", WHO)


def test_an_empty_token_opens_no_door() -> None:
    with pytest.raises(ConfigError, match="^TALKPATH_TOKEN is empty"):
        Settings.load(None, {**WHO, "TALKPATH_TOKEN": ""})


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = load(tmp_path, '[openai]\napi_key = "sk-file"', DEEPGRAM_API_KEY="dg-env", TALKPATH_TOKEN="door",
                 TALKPATH_CARRIER="http:http://me:pass-word@pbx")  # fmt: skip
    assert found.api_key("openai") == "sk-file"
    for secret in ("s3cret", "sk-file", "dg-env", "door", "pass-word"):
        assert secret not in repr(found)
        assert secret not in str(found.access["openai"])


@pytest.mark.parametrize(
    ("environ", "rest", "phone"),
    [
        ({}, "http://127.0.0.1:8000", "ws://127.0.0.1:8080"),
        ({"TALKPATH_HOST": "0.0.0.0", "TALKPATH_PHONE_HOST": "::1"}, "http://127.0.0.1:8000", "ws://[::1]:8080"),
        ({"TALKPATH_PUBLIC_URL": "https://a.example/x/", "TALKPATH_PHONE_URL": "wss://b.example/"}, "https://a.example/x", "wss://b.example"),
    ],
)  # fmt: skip
def test_how_the_world_sees_us(environ: dict[str, str], rest: str, phone: str) -> None:
    found = Settings.load(None, WHO | environ)
    assert (found.public_base_url, found.phone_base_url) == (rest, phone)


@pytest.mark.parametrize(
    "carrier", ["simulated", "simulated:phones.toml", "http:http://tel.example/x", "asterisk:http://pbx:8088", "plivo"]
)
def test_carriers(carrier: str) -> None:
    assert Settings.load(None, WHO | {"TALKPATH_CARRIER": carrier}).carrier == carrier


@pytest.mark.parametrize(("given", "logs"), [("1", True), ("true", True), ("No", False), ("0", False), ("", False)])
def test_logs_are_off_unless_asked_for(given: str, logs: bool) -> None:
    assert Settings.load(None, {**WHO, "TALKPATH_LOGS": given}).logs is logs


def test_logs_in_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "logs = true").logs is True
    for wrong in ("logs = 2", "logs = 'on'", "logs = []"):
        with pytest.raises(ConfigError, match="logs must be true or false"):
            load(tmp_path, wrong)


def test_the_data_folder_alone_needs_no_credentials(tmp_path: Path) -> None:
    path = tmp_path / "talkpath.toml"
    path.write_text("data = '/there'\n", encoding="utf-8")
    assert data_folder(path, {}) == Path("/there")
    assert data_folder(path, {"TALKPATH_DATA": "/here"}) == Path("/here")
    assert data_folder(None, {"TALKPATH_DATA": ""}) == Path("talkpath-data")
    with pytest.raises(ConfigError, match=r"none\.toml"):
        data_folder(tmp_path / "none.toml", {})
    path.write_text("data = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="data must be a text"):
        data_folder(path, {})
