"""One source of defaults, the C headers: the classes, the call, its configuration and the stubs have the same numbers."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from conftest import CSRC, ROOT

import talkpath as tp
from talkpath._core import _call_components, _call_defaults, _turn_presets
from talkpath.call.config import PRESETS
from talkpath.call.pipeline import _core_config

# What the call itself decides; everything else must be the kernel's own default.
DECIDED = {
    "plc": {"frame_ms"},
    "barge_in": {"min_speech_ms", "warm_up_ms"},
    "noise_suppressor": {"level"},
    "resampler": {"rate_in_hz", "rate_out_hz"},
    "mixer": {"duck_db"},
    "comfort_noise": {"level_dbov", "seed"},
}
PREFIX = {"answering_machine": "amd"}
COMPONENTS = sorted(_call_components(_call_defaults()))
STUB = ast.parse((ROOT / "src/talkpath/_core.pyi").read_text(encoding="utf-8"))


def header_defaults(stem: str) -> dict[str, float | str]:
    """{field: number} of tp_x_defaults() in a header, read as text."""
    text = (CSRC / f"include/talkpath/{stem}.h").read_text(encoding="utf-8")
    body = re.search(rf"tp_{PREFIX.get(stem, stem)}_defaults\(void\)\n\{{\n(.*?)\n\}}", text, re.S)
    assert body, f"{stem}.h has no tp_{PREFIX.get(stem, stem)}_defaults()"
    found: dict[str, float | str] = {}
    for name, value in re.findall(r"\.(\w+) = ([^,}]+?)(?=,| \}|\n)", body[1]):
        try:
            found[name] = float(value.rstrip("fu"))
        except ValueError:
            found[name] = value
    return found


def stub_defaults(class_name: str) -> dict[str, object]:
    for node in STUB.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            init = next(f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")
            names = [a.arg for a in init.args.args][len(init.args.args) - len(init.args.defaults) :]
            return {name: ast.literal_eval(value) for name, value in zip(names, init.args.defaults, strict=True)}
    raise LookupError(class_name)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("component", COMPONENTS)
def test_the_call_gives_each_component_its_own_defaults(component: str, rate: int) -> None:
    stream = "audio/x-mulaw;rate=8000" if rate == 8000 else "audio/x-l16;rate=16000"
    for method in ("disabled", "audio", "llm"):
        config = tp.CallConfig(stream=stream, detection_method=method, semantic_vad="low", seed=5)
        given = _call_components(_core_config(config, 5))[component]
        for name, value in header_defaults(component).items():
            if name == "sample_rate_hz":
                assert given[name] == rate
            elif name not in DECIDED.get(component, set()) and isinstance(value, float):
                assert given[name] == pytest.approx(value), f"{component}.{name}"


@pytest.mark.parametrize(
    ("component", "class_name", "renamed"),
    [
        ("plc", "PacketLossConcealer", {}),
        ("jitter_buffer", "JitterBuffer", {}),
        ("dtmf", "DtmfDetector", {}),
        ("answering_machine", "AnsweringMachineDetector", {}),
        ("call_progress", "CallProgressDetector", {}),
        ("barge_in", "BargeInGate", {}),
        ("delay_estimator", "DelayEstimator", {}),
        ("echo_canceller", "EchoCanceller", {}),
        ("noise_suppressor", "NoiseSuppressor", {}),
        ("level", "LevelNormalizer", {}),
        ("mixer", "AmbienceMixer", {}),
        ("comfort_noise", "ComfortNoise", {}),
        ("vad", "VoiceActivityDetector", {}),
    ],
)
def test_class_and_stub_have_the_headers_defaults(component: str, class_name: str, renamed: dict[str, str]) -> None:
    header, stub = header_defaults(component), stub_defaults(class_name)
    made = getattr(tp, class_name)()
    pickled = made.__reduce__()[1]
    for name, value in header.items():
        argument = renamed.get(name, name.removesuffix("_hz") if name == "sample_rate_hz" else name)
        if isinstance(value, float) and argument in stub:
            assert stub[argument] == pytest.approx(value), f"the stub of {class_name} has another {argument}"
            assert any(isinstance(p, int | float) and p == pytest.approx(value) for p in pickled), (
                f"{class_name}() has another {argument}"
            )


def test_configuration_begins_with_the_cores_defaults() -> None:
    config, core = tp.CallConfig(), _call_defaults()
    made = _core_config(config, core["seed"])
    turn, core_turn = made.pop("turn"), core.pop("turn")
    for name, value in core.items():
        assert made[name] == pytest.approx(value), name
    core_turn["wait_for_user_timeout_ms"] = 0  # the agent speaks first
    assert {name: pytest.approx(float(value)) for name, value in turn.items()} == core_turn
    assert config.wait_for_user_timeout_s == pytest.approx(_turn_presets()["medium"]["wait_for_user_timeout_ms"] / 1000)


@pytest.mark.parametrize("name", sorted(_turn_presets()))
def test_presets_are_the_cores(name: str) -> None:
    core = _turn_presets()[name]
    for field in PRESETS[name].__dataclass_fields__:
        assert getattr(PRESETS[name], field) == pytest.approx(core[field]), field


def test_presets_are_the_platforms() -> None:
    """DESIGN's table, and what Plivo's SDK sends."""
    expected = {
        "high": (150, 1400, 700, 300, 750),
        "medium": (250, 1800, 900, 500, 1000),
        "low": (500, 2500, 1000, 600, 1200),
    }
    for name, values in expected.items():
        core = _turn_presets()[name]
        assert values == tuple(
            core[f"{n}_ms"] for n in ("completed_turn_delay", "incomplete_turn_delay", "uncertain_turn_delay",
                                      "min_interruption_duration", "false_interruption_timeout")
        )  # fmt: skip


@pytest.mark.parametrize(
    "path", sorted(p for p in CSRC.rglob("*.c") if "fuzz" not in p.parts), ids=lambda p: p.relative_to(CSRC).as_posix()
)
def test_configurations_are_never_positional(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for match in re.finditer(r"(?:tp_\w+_config (?:\w+) = |\(tp_\w+_config\))\{\s*([^}]*)\}", text):
        first = match[1].strip()
        assert first == "" or first.startswith(".") or first in {"0"}, f"{path.name}: {match[0]!r}"


def test_signatures_say_no_other_numbers() -> None:
    """The public dataclass shows the defaults that `inspect` gives a user."""
    shown = {name: p.default for name, p in inspect.signature(tp.CallConfig).parameters.items()}
    assert shown["noise_cancellation_level"] == 85
    assert shown["cng_divisor"] == 2800
    assert shown["duck_db"] == 6.0
    assert shown["greeting_interrupt_duration"] == 0.5
    assert shown["seed"] is None
