"""The page of a report: one file of HTML that needs no network. The same report and sound give the same bytes."""

from __future__ import annotations

import base64
import zlib
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from talkpath.errors import ConfigError
from talkpath.report.material import Material
from talkpath.report.model import CallReport
from talkpath.report.opus import encode_opus
from talkpath.report.redact import without_words
from talkpath.report.sound import peaks, spectrogram

PEAK_MS, MOST_PEAKS = 2.0, 30_000  # the finer, the shorter the call: five minutes are 10 ms a column
SPECTRUM_MS, MOST_SPECTRA = 10.0, 7_500
BANDS = 32
QUIET_MS = 20.0  # steps of the waveform where the sound is left out: no word is in them
EVIDENCE_MS = 50.0
SCRIPT = ("events.js", "draw.js", "call.js")  # one function: what there is, how it is drawn, cursor, sound and hands


def render(
    report: CallReport, material: Material, *, audio: bool = True, text: bool | None = None, title: str = ""
) -> str:
    """The page as text.

    Parameters
    ----------
    report, material : CallReport, Material
        Of the same call.
    audio : bool
        False: without the sound, and without the spectra, of which speech could be made again. Waveforms stay, in steps of 20 ms.
    text : bool, optional
        False: without words, digits and telephone numbers; see `without_words`. Default: as `audio`.
    title : str
        Default: the name of the file.

    Raises
    ------
    ConfigError
        The extra `report` is not installed.
    """
    has_text = audio if text is None else text
    if not has_text:
        report = without_words(report)
    return filled(
        "call.html.j2",
        title=title or report.name,
        report=report,
        findings=[row for row in report.health if row.verdict in ("red", "amber")],
        data=_data(report, material, audio),
        css=asset("call.css"),
        script="".join(asset(part) for part in SCRIPT),
        heard_is_known=material.heard_is_known,
        has_audio=audio,
        has_text=has_text,
        unheard=unheard,
    )


def filled(template: str, **values: Any) -> str:
    """A template with its values.

    Raises
    ------
    ConfigError
        The extra `report` is not installed.
    """
    try:
        import jinja2
    except ImportError as problem:
        raise ConfigError("a report's page needs the [report] extra: pip install 'talkpath[report]'") from problem
    using = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    using.filters |= {"clock": clock, "ms": _ms, "number": _number}
    return using.from_string(asset(template)).render(**values)


def asset(name: str) -> str:
    """A template, the script or the style."""
    return resources.files("talkpath.report").joinpath("template", name).read_text(encoding="utf-8")


def clock(seconds: float | None) -> str:
    """1:23.45."""
    if seconds is None:
        return "–"
    hundredths = round(seconds * 100)
    return f"{hundredths // 6000}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}"


def _ms(seconds: float | None, since_s: float | None = 0.0) -> str:
    """From one time to another, in ms."""
    return "–" if seconds is None or since_s is None else f"{(seconds - since_s) * 1000:.0f} ms"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def unheard(text: str | None, heard: str | None) -> str:
    """What follows the words that were heard."""
    if not text or heard is None:
        return ""
    return text[len(heard) :].strip() if text.startswith(heard) else text


def _packed(values: npt.NDArray[Any]) -> str:
    """Bytes in zlib's format, in base64: what a browser's DecompressionStream("deflate") reads."""
    return base64.b64encode(zlib.compress(values.tobytes(), 9)).decode()


def _data(report: CallReport, material: Material, audio: bool) -> dict[str, Any]:
    """What the script draws and plays."""
    rate_hz, n = material.sample_rate_hz, len(material.caller)
    ms = 1000 * n / rate_hz
    columns = max(1, min(MOST_PEAKS, round(ms / (PEAK_MS if audio else QUIET_MS)), n))
    spectra = max(1, min(MOST_SPECTRA, round(ms / SPECTRUM_MS)))
    sides: dict[str, Any] = {}
    for name, pcm, known in (("caller", material.caller, True), ("heard", material.heard, material.heard_is_known)):
        if known:
            sides[name] = {"peaks": _packed(peaks(pcm, columns))}
            if audio:  # a spectrum is enough to make speech of it again
                levels = spectrogram(pcm, rate_hz, spectra, BANDS)
                sides[name]["spectra"] = _packed(levels[:, ::2] << 4 | levels[:, 1::2])
    sound = ""
    if audio:
        ogg = encode_opus(material.caller, material.heard if material.heard_is_known else None, rate_hz)
        sound = base64.b64encode(ogg).decode()
    return {
        "report": report.to_dict(),
        "sides": sides,
        "columns": columns,
        "spectra": spectra,
        "bands": BANDS,
        "evidence": _packed(_evidence(material)),
        "evidence_ms": EVIDENCE_MS,
        "audio": sound,
    }


def _evidence(material: Material) -> npt.NDArray[np.uint8]:
    """The gate's evidence, the most in each 50 ms, in hundredths up to 2.5."""
    found = np.zeros(int(material.duration_s * 1000 / EVIDENCE_MS) + 1, np.uint8)
    track = material.track
    at = np.minimum((track.at_s * 1000 / EVIDENCE_MS).astype(np.int64), len(found) - 1)
    np.maximum.at(found, at, np.clip(np.nan_to_num(track.evidence) * 100, 0, 250).astype(np.uint8))
    return found
