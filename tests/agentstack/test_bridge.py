"""Two people talk after a transfer: nothing of the agent is left, keys pass, either hang-up ends both; in one process and in two."""

import asyncio

import numpy as np
import pytest
from leg_world import Line, now, run, settle

from talkpath import dtmf
from talkpath.agentstack.bridge import BURST_MS, KEEP_MS, bridge
from talkpath.call.events import MarkPlayed, UserDtmf
from talkpath.phone import voice

FRAMES = list(voice(4.0, 8000, 1)[:32000].reshape(-1, 160))
SILENCE = np.zeros(160, np.int16)


def spoken(line: Line) -> list[np.ndarray]:
    """What was said on a line, without the cushion."""
    return [pcm for pcm, _, name, _ in line.of("speak")[1:] if name == "bridge"]


async def begin() -> tuple[Line, Line, asyncio.Task]:
    first, second = Line("/plivo/a"), Line("/plivo/leg/u")
    task = asyncio.ensure_future(bridge(first.call, second.call))
    await settle()
    return first, second, task


def test_the_agent_is_silent_before_anybody_speaks() -> None:
    async def main() -> None:
        first, second, task = await begin()
        for line in (first, second):
            names = [name for name, _, _ in line.asked]
            assert names[:3] == ["update", "clear_audio", "stop_background"]
            assert line.asked[0][2] == {"allow_interruptions": False, "idle_timeout": None, "echo_control": False}
            assert names.index("speak") > 2
        task.cancel()
        await settle()
        assert (first.call.ended, second.call.ended) == ("hangup", "hangup")

    run(main())


def test_both_are_heard() -> None:
    async def main() -> None:
        first, second, task = await begin()
        for i in range(100):
            first.hears(FRAMES[i])
            second.hears(FRAMES[100 + i])
            await asyncio.sleep(0.02)
        assert np.array_equal(np.concatenate(spoken(second)), np.concatenate(FRAMES[:100]))
        assert np.array_equal(np.concatenate(spoken(first)), np.concatenate(FRAMES[100:200]))
        task.cancel()

    run(main())


@pytest.mark.parametrize("who", [0, 1])
def test_either_hangs_up(who: int) -> None:
    async def main() -> None:
        *lines, task = await begin()
        await asyncio.sleep(5)
        assert not task.done()
        lines[who].ends("stop")
        await task
        assert [line.call.ended for line in lines] == (["stop", "hangup"] if who == 0 else ["hangup", "stop"])

    run(main())


def test_one_has_gone_before() -> None:
    async def main() -> None:
        first, second = Line(), Line()
        second.ends("stop")
        await bridge(first.call, second.call)
        assert first.call.ended == "hangup"

    run(main())


def test_what_waited_is_not_said_late() -> None:
    """Frames from before the bridge, or of a stall of this loop."""

    async def main() -> None:
        first, second, task = await begin()
        first.hears(*FRAMES[:100])
        await settle()
        await asyncio.sleep(0.02)
        assert 20 * len(spoken(second)) <= BURST_MS + 40
        task.cancel()

    run(main())


def test_a_queue_that_has_grown_is_cut_back() -> None:
    """Marks tell how long speech waits; quiet frames are left out first."""

    async def main() -> None:
        first, second, task = await begin()
        waits_s, given, marks = 0.16, 0, 0
        for i in range(400):  # one in two frames is quiet
            first.hears(FRAMES[i % 200] if i % 2 else SILENCE)
            given += 1
            await asyncio.sleep(0.02)
            for (name,) in second.of("checkpoint")[marks:]:
                marks += 1
                asyncio.get_running_loop().call_later(waits_s, second.happens, MarkPlayed("transmit", 0.0, name))
            if marks == 4:
                waits_s = KEEP_MS / 1000 - 0.01
        said = spoken(second)
        left_out = given - len(said)
        assert left_out == round((160 - KEEP_MS) / 20) or left_out == round((160 - KEEP_MS) / 20) * 2
        assert sum(bool(pcm.any()) for pcm in said) == 200  # all that was loud is there
        task.cancel()

    run(main())


def test_keys_pass_once() -> None:
    async def main() -> None:
        first, second, task = await begin()
        first.happens(UserDtmf("receive", 0.0, "7"))
        await settle()
        assert second.of("send_dtmf") == [("7",)]
        assert first.of("send_dtmf") == []
        for frame in dtmf.generate("8", sample_rate=8000)[:1600].reshape(-1, 160):
            second.hears(frame)
            await asyncio.sleep(0.02)
        second.happens(UserDtmf("receive", 0.0, "8"))  # it was heard
        second.happens(UserDtmf("receive", 0.0, "9"))
        await settle()
        assert first.of("send_dtmf") == [("9",)]
        assert now() > 1000
        task.cancel()

    run(main())


@pytest.mark.realtime
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_real_calls(workers: int) -> None:
    """Dialled: they talk at once, and each hears the other whole; keys too; then one hangs up. bench/bridge_delay.py measures how soon."""
    pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
    from talkpath import CallConfig
    from talkpath.phone import CallPlan, Dialer, HangUp, Press, Say, Script, Wait, align
    from talkpath.server import MediaServer, PhoneCall

    waiting: list[PhoneCall] = []

    async def answer(call: PhoneCall) -> None:
        if waiting:
            await bridge(waiting.pop(), call)
        else:
            waiting.append(call)
            await call.say(voice(20.0, 8000, 7), 8000)
            await call.wait_ended()

    def caller(*steps: object) -> CallPlan:
        return CallPlan(provider="plivo", caller=Script(steps), record=True)  # type: ignore[arg-type]

    async def main() -> list:
        config = CallConfig(idle_timeout=None, audio_format="pcm_8k", comfort_noise_enabled=False)
        async with MediaServer(answer, config=config, port=0, workers=workers) as server:
            url = f"ws://127.0.0.1:{server.port}/plivo"
            plans = (
                caller(Wait(2.5), Say(seconds=1.5, voice=1), Wait(4.5), Press("5"), Wait(1.0), HangUp()),
                caller(Wait(2.5), Say(seconds=1.5, voice=2), Wait(20.0)),
            )
            dialers = [Dialer(url, plan, seed=seed) for seed, plan in enumerate(plans, 1)]
            first = asyncio.create_task(dialers[0].run())
            while not waiting:
                await asyncio.sleep(0.05)
            await asyncio.gather(first, dialers[1].run())
            return [dialer.calls[0] for dialer in dialers]

    first, second = asyncio.run(main())
    assert first.ended == "the caller hung up"
    assert second.ended.startswith("the server closed")
    for source, target in ((first, second), (second, first)):
        loud = np.flatnonzero(np.abs(source.sent) > 300)
        said = source.sent[loud[0] : loud[0] + 8000]
        found = align(said, target.heard, 8000)
        assert found.missing_samples <= len(said) // 4, found  # a machine that stands still may cost a frame or two
    from talkpath import DtmfDetector

    keys = [press.digit for press in DtmfDetector(8000).process(second.heard)]
    assert keys == ["5"]
