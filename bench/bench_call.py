"""A call's way out alone; bench/call_cost.py measures whole calls scene by scene, bench/group_cost.py many of them at once."""

from call_cost import sides_of

import talkpath as tp


def test_transmit_only(benchmark):
    benchmark.group = "call: transmit of 20 ms, ambience on"
    agent, _ = sides_of("… and a background", 63)
    call = tp.CallPipeline(background_audio={"sound": "office"}, max_queued_ms=600_000)
    for at in range(0, len(agent), 160):
        call.speak(agent[at : at + 160], 8000, "a")
    benchmark.pedantic(call.transmit, rounds=2500)
