"""talkpath in LiveKit Agents: a phone call as a session's audio, without a room. `pip install 'talkpath[livekit]'`; docs/livekit.md.

async def answer(call: PhoneCall) -> None:        # the handler of talkpath.server.MediaServer
    phone = TalkpathIO(call)
    session = AgentSession(**phone.session_options(), stt=…, llm=…, tts=…)
    phone.attach(session)
    await session.start(agent)
    await call.wait_ended()
    await session.aclose()

`VAD` and `NoiseCancellation` are for sessions that have a room.
"""

try:
    from talkpath.integrations.livekit.plug_points import check
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] != "livekit":
        raise
    raise ModuleNotFoundError(
        "talkpath.integrations.livekit needs livekit-agents: pip install 'talkpath[livekit]'", name=error.name
    ) from error

check()

from talkpath.integrations.livekit.amd import PhoneAMD  # noqa: E402
from talkpath.integrations.livekit.audio_input import PhoneAudioInput  # noqa: E402
from talkpath.integrations.livekit.audio_output import PhoneAudioOutput  # noqa: E402
from talkpath.integrations.livekit.call_vad import CallVAD  # noqa: E402
from talkpath.integrations.livekit.noise_cancellation import NoiseCancellation  # noqa: E402
from talkpath.integrations.livekit.phone import TalkpathIO  # noqa: E402
from talkpath.integrations.livekit.vad import VAD  # noqa: E402

__all__ = ["VAD", "CallVAD", "NoiseCancellation", "PhoneAMD", "PhoneAudioInput", "PhoneAudioOutput", "TalkpathIO"]
