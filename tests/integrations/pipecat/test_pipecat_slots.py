"""Pipecat's other slots: VAD, turn strategies, processors, the parts alone; and what is said where Pipecat has moved one."""

import asyncio

import numpy as np
import pytest
from echo_scene import to_int16, voice

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")

from pipecat.audio.vad.vad_analyzer import VADParams, VADState
from pipecat.frames.frames import (
    FilterEnableFrame,
    InputDTMFFrame,
    InterimTranscriptionFrame,
    MixerEnableFrame,
    MixerUpdateSettingsFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
)
from pipecat.tests.utils import run_test
from pipecat_line import PipecatLine

from talkpath import CallConfig, g711
from talkpath.call.events import (
    AgentSpeechInterrupted,
    AgentStateChanged,
    LineTone,
    UserDtmf,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTurnCompleted,
    VoicemailBeep,
    VoicemailDetected,
)
from talkpath.integrations.pipecat import (
    AgentHeard,
    AgentHeardFrame,
    AnsweredByFrame,
    BeepFrame,
    CallAudioFrame,
    CallEvents,
    CallTurnStartStrategy,
    CallTurnStopStrategy,
    EchoFilters,
    LineToneFrame,
    NoiseFilter,
    SpeakAfterBeep,
    TalkpathMixer,
    TalkpathResampler,
    TalkpathVADAnalyzer,
    plug_points,
)

STARTED = UserSpeechStarted("receive", 1000.0, 880.0)
STOPPED = UserSpeechStopped("receive", 2000.0, 900.0, 880.0)
COMPLETED = UserTurnCompleted("receive", 2500.0, "silence", 900.0, "silence", None)
CUT = AgentSpeechInterrupted("transmit", 900.0, "pipecat-1", 0.8)


def agent(old: str, new: str) -> AgentStateChanged:
    return AgentStateChanged("transmit", 0.0, old, new)


def audio(*events: object) -> CallAudioFrame:
    return CallAudioFrame(bytes(640), 16000, 1, list(events))


def words(text: str) -> TranscriptionFrame:
    return TranscriptionFrame(text, "caller", "")


class Serializer:
    """With a call that notes what it is told."""

    def __init__(self) -> None:
        self.told: list = []
        self.call = self

    def transcript(self, text: str, final: bool) -> None:
        self.told.append((text, final))


def outcomes(strategy, event: str, frames: list) -> list[bool]:
    """For each frame, whether the strategy fired."""
    fired: list = []

    async def scene() -> list[bool]:
        found = []

        @strategy.event_handler(event)
        async def fire(*_: object) -> None:
            fired.append(True)
            if event == "on_user_turn_stopped":
                await strategy.handle_user_turn_stopped()

        for frame in frames:
            fired.clear()
            await strategy.process_frame(frame)
            found.append(bool(fired))
        return found

    return asyncio.run(scene())


# --- turns ----------------------------------------------------------------------------------------------------------------------


def test_speech_starts_a_turn_while_the_agent_is_silent() -> None:
    frames = [audio(), audio(STARTED), audio(STOPPED), audio()]
    assert outcomes(CallTurnStartStrategy(Serializer()), "on_user_turn_started", frames) == [False, True, False, False]


def test_over_the_agent_only_an_interruption_starts_one() -> None:
    frames = [audio(agent("listening", "speaking")), audio(STARTED), audio(STOPPED), audio(STARTED), audio(CUT)]
    found = outcomes(CallTurnStartStrategy(Serializer()), "on_user_turn_started", frames)
    assert found == [False, False, False, False, True]


def test_who_goes_on_when_the_agent_has_ended_starts_one() -> None:
    frames = [audio(agent("listening", "speaking"), STARTED), audio(agent("speaking", "listening"))]
    assert outcomes(CallTurnStartStrategy(Serializer()), "on_user_turn_started", frames) == [False, True]


def test_an_early_answer_is_a_turn() -> None:
    frames = [
        audio(agent("listening", "speaking"), STARTED),
        audio(STOPPED),
        audio(agent("speaking", "listening")),
        audio(COMPLETED),
    ]
    assert outcomes(CallTurnStartStrategy(Serializer()), "on_user_turn_started", frames) == [False, False, False, True]


def test_the_call_is_told_the_words() -> None:
    serializer = Serializer()
    frames = [InterimTranscriptionFrame("no", "caller", ""), words("No, wait.")]
    outcomes(CallTurnStartStrategy(serializer), "on_user_turn_started", frames)
    assert serializer.told == [("no", False), ("No, wait.", True)]


@pytest.mark.parametrize(
    ("frames", "at"),
    [
        ([audio(STARTED), words("yes"), audio(STOPPED), audio(COMPLETED)], 3),  # the words were first
        ([audio(STARTED), audio(STOPPED), audio(COMPLETED), words("yes")], 3),  # the words are late
        ([audio(STARTED), words("a"), audio(STARTED), audio(COMPLETED), *[audio()] * 49, audio()], 53),  # owed, for a second
        ([audio(STARTED), audio(COMPLETED), audio(STARTED), words("a"), audio(COMPLETED)], 4),  # he went on
        ([audio(STARTED), audio(STOPPED), audio(COMPLETED), *[audio()] * 100], None),  # nothing to answer
    ],
)  # fmt: skip
def test_a_turn_ends_when_the_call_says_so_and_the_words_are_here(frames: list, at: int | None) -> None:
    found = outcomes(CallTurnStopStrategy(), "on_user_turn_stopped", frames)
    assert [i for i, fired in enumerate(found) if fired] == ([] if at is None else [at])


def test_the_end_of_a_turn_is_told_once() -> None:
    """Also where whoever is told does not reset the strategy at once."""
    told: list = []

    async def scene() -> None:
        strategy = CallTurnStopStrategy()
        strategy.add_event_handler("on_user_turn_stopped", lambda *_: told.append(True))
        for frame in (audio(STARTED), words("yes"), audio(STOPPED), audio(COMPLETED), *[audio()] * 60):
            await strategy.process_frame(frame)
        await asyncio.sleep(0)

    asyncio.run(scene())
    assert told == [True]


# --- VAD ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000])
def test_the_detector_alone(rate_hz: int) -> None:
    said = to_int16(np.concatenate([np.zeros(rate_hz), voice(1.5, rate_hz, seed=2), np.zeros(rate_hz)]))
    analyzer = TalkpathVADAnalyzer(params=VADParams(confidence=0.5, start_secs=0.1, stop_secs=0.3))
    analyzer.set_sample_rate(rate_hz)

    async def scene() -> list[VADState]:
        n = rate_hz // 50
        return [await analyzer.analyze_audio(said[i : i + n].tobytes()) for i in range(0, len(said) - n, n)]

    states = asyncio.run(scene())
    first = states.index(VADState.SPEAKING)
    assert 1.0 < first * 0.02 < 1.5
    assert states[-1] is VADState.QUIET
    assert not analyzer._executor._threads  # nothing was sent to one


def test_the_analyzer_follows_the_call() -> None:
    said = to_int16(voice(1.5, seed=2))
    line = PipecatLine(
        config=CallConfig(idle_timeout=None),
        caller=lambda i: g711.ulaw_encode(said[(i - 50) * 160 :][:160] if 50 <= i < 125 else np.zeros(160, np.int16)),
    )
    analyzer = TalkpathVADAnalyzer(line.serializer)
    states: list = []
    deliver = line.deliver

    async def analyzed(data: str | bytes) -> None:
        await deliver(data)
        states.append((line.now, await analyzer.analyze_audio(b"")))

    line.deliver = analyzed  # type: ignore[method-assign]
    line.run(4.0)
    speaking = [t for t, state in states if state is VADState.SPEAKING]
    assert 1.05 < speaking[0] < 1.6
    assert 2.5 < speaking[-1] < 3.2


# --- processors -----------------------------------------------------------------------------------------------------------------


def test_events_become_frames() -> None:
    events = (
        UserDtmf("receive", 1.0, "5"),
        UserDtmf("receive", 1.0, "A"),  # Pipecat has no such key
        VoicemailDetected("receive", 1.0, "machine", "audio"),
        VoicemailBeep("receive", 1.0, 1000.0, 400.0),
        LineTone("receive", 1.0, "busy", "ITU"),
        AgentHeard("pipecat-1", 1.25),
        STARTED,
    )
    kinds = [InputDTMFFrame, AnsweredByFrame, BeepFrame, LineToneFrame, AgentHeardFrame, CallAudioFrame]
    down, _ = asyncio.run(run_test(CallEvents(), frames_to_send=[audio(*events)], expected_down_frames=kinds))
    assert down[0].button.value == "5"
    assert (down[1].result, down[2].frequency_hz, down[3].tone, down[4].heard_s) == ("machine", 1000.0, "busy", 1.25)


def test_a_message_after_the_beep_and_only_once() -> None:
    async def scene() -> list:
        down, _ = await run_test(
            SpeakAfterBeep("Your order has arrived."),
            frames_to_send=[AnsweredByFrame("machine", "audio"), BeepFrame(1000.0, 400.0), BeepFrame(1000.0, 400.0)],
        )
        return down

    down = asyncio.run(scene())
    said = [i for i, frame in enumerate(down) if isinstance(frame, TTSSpeakFrame)]
    beeps = [i for i, frame in enumerate(down) if isinstance(frame, BeepFrame)]
    assert len(said) == 1
    assert len(beeps) == 2
    assert said[0] > beeps[0]
    assert down[said[0]].text == "Your order has arrived."


# --- the parts ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate_in", "rate_out"), [(8000, 16000), (24000, 8000), (44100, 8000), (16000, 16000)])
def test_the_resampler_gives_what_came_and_its_rest(rate_in: int, rate_out: int) -> None:
    async def scene() -> list[int]:
        resampler, n = TalkpathResampler(), rate_in // 50
        sizes = [len(await resampler.resample(bytes(2 * n), rate_in, rate_out)) for _ in range(50)]
        return [*sizes, len(await resampler.flush())]

    *sizes, rest = asyncio.run(scene())
    assert max(abs(size - 2 * rate_out // 50) for size in sizes[1:]) <= 2
    assert rest <= 2 * 0.006 * rate_out
    assert abs(sum(sizes) + rest - 2 * rate_out) <= 2 * 0.006 * rate_out


def test_the_echo_filters_take_the_agent_out() -> None:
    far = to_int16(voice(6.0, 16000, seed=4, level_db=-20))
    filters = EchoFilters()

    async def scene() -> np.ndarray:
        await filters.input.start(16000)
        await filters.output.start(24000)
        far24 = np.interp(np.arange(len(far) * 3 // 2) / 1.5, np.arange(len(far)), far).astype(np.int16)
        out = []
        for i in range(299):
            await filters.output.filter(far24[i * 480 : (i + 1) * 480].tobytes())
            begin = i * 320 - 3200  # 200 ms later, 12 dB less
            near = far[begin : begin + 320] // 4 if begin >= 0 else np.zeros(320, np.int16)
            out.append(np.frombuffer(await filters.input.filter(near.tobytes()), np.int16))
        return np.concatenate(out).astype(float)

    left = asyncio.run(scene())
    level = lambda x: 10 * np.log10((x[3 * 16000 :] ** 2).mean() + 1e-9)  # noqa: E731
    assert level(left) < level(far[:-3200] / 4.0) - 20


def test_the_noise_filter_can_be_switched_off() -> None:
    noise = np.random.default_rng(1).normal(0, 300, 320 * 150).astype(np.int16)
    quiet = NoiseFilter()

    async def scene() -> tuple[np.ndarray, bytes]:
        await quiet.start(16000)
        out = [await quiet.filter(noise[i : i + 320].tobytes()) for i in range(0, len(noise), 320)]
        await quiet.process_frame(FilterEnableFrame(False))
        return np.frombuffer(b"".join(out), np.int16), await quiet.filter(b"\1\0" * 320)

    out, off = asyncio.run(scene())
    assert len(out) == len(noise)
    assert np.std(out[-16000:].astype(float)) < 0.5 * np.std(noise[-16000:].astype(float))
    assert off == b"\1\0" * 320


def test_the_mixers_background_goes_down_under_the_voice() -> None:
    sound = (3000 * np.sin(2 * np.pi * 1000 * np.arange(24000) / 24000)).astype(np.int16)
    mixer = TalkpathMixer(sound, volume=1.0, duck_db=12.0)

    async def piece(pcm: np.ndarray, frames: int = 50) -> np.ndarray:
        out = [await mixer.mix(pcm[i * 480 :][:480].tobytes()) for i in range(frames)]
        return np.frombuffer(b"".join(out), np.int16)[-9600:].astype(float)

    async def scene() -> list[float]:
        await mixer.start(24000)
        said = (8000 * np.sin(2 * np.pi * 300 * np.arange(24000) / 24000)).astype(np.int16)
        found = []
        for pcm in (np.zeros(24000, np.int16), said):
            x = await piece(pcm)
            found.append(2 * abs(np.mean(x * np.exp(-2j * np.pi * 1000 * np.arange(len(x)) / 24000))))
        await mixer.process_frame(MixerUpdateSettingsFrame({"volume": 0.5}))
        await mixer.process_frame(MixerEnableFrame(False))
        await piece(np.zeros(24000, np.int16))
        found.append(float(np.abs(await piece(np.zeros(24000, np.int16))).max()))
        return found

    alone, under, off = asyncio.run(scene())
    assert 9 < 20 * np.log10(alone / under) < 15
    assert off == 0


# --- versions -------------------------------------------------------------------------------------------------------------------


def test_this_version_has_all_plug_points() -> None:
    assert plug_points.problems() == []


def test_a_version_that_moved_one_fails_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = (
        ("serializers.base_serializer:FrameSerializer", "serialise", ()),
        ("audio.mixers.base_audio_mixer:BaseAudioMixer", "mix", ("pcm",)),
        ("audio.gone:Thing", "run", ()),
    )
    monkeypatch.setattr(plug_points, "PLUG_POINTS", moved)
    with pytest.raises(ImportError) as error:
        plug_points.check()
    text = str(error.value)
    assert text.startswith("pipecat-ai 1.")
    for part in (
        "FrameSerializer.serialise is not there",
        "BaseAudioMixer.mix has no parameter 'pcm'",
        "Thing.run is not there",
    ):
        assert part in text
