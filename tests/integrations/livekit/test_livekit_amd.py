"""LiveKit's answering machine detection is told what the call hears."""

import asyncio
from collections.abc import Awaitable, Callable

import livekit_line  # noqa: F401  (skips where LiveKit is not installed)
import pytest
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, AgentSession, llm
from livekit.agents.voice.amd import AMDCategory
from livekit_line import Line, TalkpathIO

from talkpath.call import events as e
from talkpath.integrations.livekit import PhoneAMD
from talkpath.server import Ended


class Reads(llm.LLM):
    """Takes every greeting for the same."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.verdict = label

    def chat(self, *, chat_ctx, tools=None, conn_options=None, **_) -> llm.LLMStream:
        return _Verdict(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options or DEFAULT_API_CONNECT_OPTIONS
        )


class _Verdict(llm.LLMStream):
    async def _run(self) -> None:
        arguments = f'{{"label": "{self._llm.verdict}"}}'
        call = llm.FunctionToolCall(name="save_prediction", arguments=arguments, call_id="1")
        self._event_ch.send_nowait(llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", tool_calls=[call])))


def detect(story: Callable[[TalkpathIO, PhoneAMD], Awaitable[None]], label: str = "machine-vm", **options: float):
    async def main():
        phone = TalkpathIO(Line().call)
        session = AgentSession(llm=Reads(label))
        how = {"interrupt_on_machine": False, "ivr_detection": False, "suppress_compatibility_warning": True}
        async with PhoneAMD(phone, session, **how, **options) as amd:
            await asyncio.sleep(0)
            verdict = asyncio.ensure_future(amd.execute())
            await story(phone, amd)
            return await asyncio.wait_for(verdict, 5)

    return asyncio.run(main())


async def turns(n: int = 30) -> None:
    for _ in range(n):
        await asyncio.sleep(0)


def machine(phone: TalkpathIO) -> None:
    phone._happened(e.VoicemailDetected("receive", 3000.0, "machine", "audio"))


def beep(phone: TalkpathIO) -> None:
    phone._happened(e.VoicemailBeep("receive", 6000.0, 1000.0, 400.0))


async def understood(amd: PhoneAMD) -> None:
    """A long greeting, read and found to be over, as LiveKit does it."""
    amd._on_user_speech_started()
    amd._on_transcript("You have reached the mailbox of somebody. Please leave a message.")
    await turns(200)
    amd._on_user_speech_ended(2.0)
    amd._classifier._on_silence_reached()
    amd._classifier.on_end_of_turn()
    await turns()


def test_a_word_or_two_are_a_person() -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        phone._happened(e.VoicemailDetected("receive", 900.0, "human", "audio"))

    found = detect(story)
    assert (found.category, found.reason) == (AMDCategory.HUMAN, "talkpath: short greeting")


def test_a_key_is_a_persons() -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        phone.emit("user.dtmf", e.UserDtmf("receive", 900.0, "1"))

    found = detect(story)
    assert (found.category, found.reason) == (AMDCategory.HUMAN, "talkpath: key 1")


def test_a_beep_is_a_mailbox_whatever_was_understood() -> None:
    """In the middle of what LiveKit takes for speech, and without a transcript."""

    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        amd._on_user_speech_started()
        machine(phone)
        await turns()
        assert amd.pending
        beep(phone)

    found = detect(story)
    assert (found.category, found.reason) == (AMDCategory.MACHINE_VM, "talkpath: beep")


def test_a_beep_overrules_what_was_read() -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        amd._on_user_speech_started()
        amd._on_transcript("If you would like to leave a message, press one.")
        await turns(200)
        assert amd._classifier._verdict_result.category == AMDCategory.MACHINE_IVR
        assert amd.pending
        beep(phone)

    found = detect(story, "machine-ivr")
    assert (found.category, found.reason) == (AMDCategory.MACHINE_VM, "talkpath: beep")


def test_a_mailbox_that_was_understood_is_not_spoken_to_before_its_beep() -> None:
    done: list[bool] = []

    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        machine(phone)
        await understood(amd)
        done.append(amd.pending)
        task = asyncio.ensure_future(amd.execute())
        await turns()
        done.append(task.done())
        beep(phone)
        await turns()
        done.append(task.done())

    found = detect(story)
    assert done == [False, False, True]
    assert (found.category, found.reason) == (AMDCategory.MACHINE_VM, "llm")


@pytest.mark.parametrize("label", ["machine-ivr", "machine-unavailable"])
def test_other_machines_have_no_beep_to_wait_for(label: str) -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        machine(phone)
        await understood(amd)

    assert detect(story, label).category == label


def test_a_mailbox_without_a_beep_is_spoken_to_in_the_end() -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        await understood(amd)

    assert detect(story, beep_timeout_s=0.0).category == AMDCategory.MACHINE_VM


def test_the_end_of_the_call_ends_the_wait() -> None:
    async def story(phone: TalkpathIO, amd: PhoneAMD) -> None:
        await understood(amd)
        phone._happened(Ended("stop", None))

    assert detect(story, beep_timeout_s=60.0).category == AMDCategory.MACHINE_VM
