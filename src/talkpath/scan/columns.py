"""The columns of both tables, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


class Column(NamedTuple):
    """One column."""

    name: str
    kind: str
    says: str


def _of_side(side: str) -> list[Column]:
    return [
        Column(f"{side}_talk_share", "double", f"share of the time that the {side} speaks"),
        Column(f"{side}_keys", "string", f"keys on the {side}'s side, in their order"),
        Column(f"{side}_level_dbov", "double", f"level of the {side}'s speech"),
        Column(f"{side}_peak_dbov", "double", "its loudest sample; 0.0 is full scale"),
        Column(
            f"{side}_noise_dbov",
            "double",
            "noise floor: the frames of 20 ms that are not digital silence, a tenth of them stay below",
        ),
        Column(f"{side}_clipping_share", "double", "share of the file's samples that are within 0.2 dB of full scale"),
    ]


CALLS = [
    Column("path", "string", "below the folder that was scanned, with /"),
    Column("bytes", "int64", "size of the file; null where it is not known"),
    Column("modified_ns", "int64", "when the file was changed; with `bytes` it says whether a row still holds"),
    Column("error", "string", "why the file was skipped; null: it was scanned"),
    Column("encoding", "string", "PCM 16 bit, µ-law, MPEG_LAYER_III, …"),
    Column("sample_rate_hz", "int32", "of the file; all is judged at 8 kHz"),
    Column("channels", "int32", "of the file"),
    Column("sides", "string", "one: the caller; equal: two equal channels, one caller; two: caller and agent"),
    Column("duration_s", "double", "of what could be read"),
    Column("answered_by", "string", "human, machine, unknown (nobody spoke for 10 s); null: it ended before that was certain"),
    Column("answered_ms", "double", "when the engine would have said so on the live call"),
    Column("answered_method", "string", "audio: by the greeting; beep"),
    Column("beeps", "int32", "voicemail beeps"),
    Column("beep_ms", "double", "end of the first: speak now"),
    Column("beep_hz", "double", "its frequency"),
    Column("tones", "string", "network tones, each once, with commas: ringback,busy"),
    *_of_side("caller"),
    *_of_side("agent"),
    Column("talk_over_share", "double", "share of the time that both speak"),
    Column("dead_air_s", "double", "in stretches over 2 s in which nobody speaks and nothing else sounds"),
    Column("longest_dead_air_s", "double", "the longest of them"),
    Column("one_way_audio", "bool", "in 5 s or more one side never speaks, and the other does; null: there is one side"),
    Column("silent_side", "string", "which: caller or agent"),
    Column("echo_delay_ms", "double", "after which the agent's voice comes back on the caller's side; null: it does not"),
    Column("echo_return_loss_db", "double", "how much quieter it comes back"),
]  # fmt: skip

EVENTS = [
    Column("path", "string", "as in the other table"),
    Column("start_ms", "double", "in the recording"),
    Column("end_ms", "double", "null: a moment, or an end that is not known"),
    Column("side", "string", "caller or agent; null: both"),
    Column("event", "string", "speech, key, tone, beep, answered, dead_air, talk_over"),
    Column("value", "string", "the key, the tone, who answered"),
    Column("detail", "string", "the tone's plan; how it was known who answered"),
    Column("level_dbov", "double", "of speech, keys and beeps"),
    Column("frequency_hz", "double", "of beeps"),
]


def schema(columns: list[Column]) -> pa.Schema:
    """For pyarrow."""
    import pyarrow as pa

    return pa.schema([pa.field(c.name, c.kind) for c in columns])


def empty(columns: list[Column]) -> Row:
    """A row that knows nothing yet."""
    return dict.fromkeys(c.name for c in columns)
