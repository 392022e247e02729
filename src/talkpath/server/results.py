"""What a session reports besides the engine's events, what it counts, and what it allows."""

from __future__ import annotations

from dataclasses import dataclass, field

from talkpath.errors import ConfigError
from talkpath.streams import Start


@dataclass(frozen=True, slots=True)
class Began:
    """The stream has begun, and there is a call: its frames, and the rate of what the caller says to the handler."""

    start: Start
    frame_ms: int = 20
    sample_rate_hz: int = 16000


@dataclass(frozen=True, slots=True)
class MarkHeard:
    """What was queued before `checkpoint(name)` was heard at the other end.

    `by`: "mark", the provider said so; "clock", by our own clock of what it plays, for it has no marks or did not answer.
    """

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class MarkCleared:
    """The checkpoint was thrown away: what it followed was not heard, or not to its end."""

    name: str


@dataclass(frozen=True, slots=True)
class PlayoutCleared:
    """What had been sent and was not played yet is thrown away, by the provider as it was told, or with the line: so much, by our own clock.

    `utterance`: what `agent.speech_interrupted` has named just before, and `heard_ms`: how much of it was heard in the end. Empty and
    None where nothing was being said. A provider that cannot throw anything away (AudioSocket) plays what has left: there is no such event.
    """

    unheard_ms: float
    utterance: str = ""
    heard_ms: float | None = None


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The provider reports an error. The call goes on."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Taped:
    """A piece of a recording: both directions, as long as each other, as bytes of the call's wire `stream`."""

    stream: str
    caller: bytes
    agent: bytes


@dataclass(frozen=True, slots=True)
class ConfigWanted:
    """The stream has begun; the session waits for `configure`. Only where it was told to ask."""

    start: Start


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: why the call is over, and what happened on the line."""

    reason: str
    counters: Counters | None = field(default=None, compare=False)


SessionEvent = Began | ConfigWanted | MarkHeard | MarkCleared | PlayoutCleared | StreamFailed | Taped | Ended


@dataclass(slots=True)
class Counters:
    """What happened on a session. Frames are the call's.

    Attributes
    ----------
    messages, malformed : int
        That came; of these, that were refused. The stream goes on.
    received, sent : int
        Frames of the caller that came; frames that went out.
    lost : int
        Messages that are missing, by their sequence numbers, and were concealed.
    late : int
        Messages that came when they had been given up, and frames that came when their time had been concealed. The messages are
        dropped; the frames are still heard.
    reordered, duplicate : int
        Messages that came before their turn, and that came twice.
    starved : int
        Frames that were concealed because nothing came.
    dropped : int
        Frames of the caller that were thrown away because too many waited.
    skipped : int
        Frames that were not sent in their time, because this side stood still, and not made up for; or left out later, because more
        waited at the provider than is needed. What was to be said was said a frame later: nothing of it is lost.
    held : int
        Frames that were not sent because the provider's queue was full, or the client did not read.
    keys_paired : int
        Keys that came as a sound and as a message.
    """

    messages: int = 0
    malformed: int = 0
    received: int = 0
    sent: int = 0
    lost: int = 0
    late: int = 0
    reordered: int = 0
    duplicate: int = 0
    starved: int = 0
    dropped: int = 0
    skipped: int = 0
    held: int = 0
    keys_paired: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session allows.

    Attributes
    ----------
    max_message_bytes : int
        A longer message ends the call.
    start_timeout_s : float
        So long the start is waited for.
    idle_timeout_s : float
        So long without any message, and the call is over.
    reorder_s : float
        So long a missing sequence number is waited for.
    wait_s : float
        So long the caller's frames may be late, in all, before silence is concealed; what comes in that time is heard as it was said.
    catch_up_s : float
        So much of what was missed is sent at once after this side stood still.
    max_waiting_s : float
        So much of the caller's audio may wait.
    max_unsent_s : float
        So much of the agent's audio may wait because the client does not read; from then on nothing is sent, and speech waits.
    unread_timeout_s : float
        So long that state may last; then the client is hung up.

    Raises
    ------
    ConfigError
        One of them is not above 0 (`reorder_s`, `wait_s` and `catch_up_s` may be 0).
    """

    max_message_bytes: int = 256 * 1024
    start_timeout_s: float = 10.0
    idle_timeout_s: float = 30.0
    reorder_s: float = 0.06
    wait_s: float = 1.0
    catch_up_s: float = 0.06
    max_waiting_s: float = 2.0
    max_unsent_s: float = 0.4
    unread_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        for name in (
            "max_message_bytes",
            "start_timeout_s",
            "idle_timeout_s",
            "max_waiting_s",
            "max_unsent_s",
            "unread_timeout_s",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0 (got {getattr(self, name)!r})")
        for name in ("reorder_s", "wait_s", "catch_up_s"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be below 0 (got {getattr(self, name)!r})")
