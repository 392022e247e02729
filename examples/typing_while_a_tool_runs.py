"""An office behind the agent all the time; typing while it looks something up, so that silence does not sound like a dead line.

python examples/typing_while_a_tool_runs.py
"""

import numpy as np
from simulated_line import SimulatedLine, agent_says, caller_says

import talkpath as tp


def level_dbov(pcm: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt((pcm.astype(float) ** 2).mean()) / 32768 + 1e-9)


def main() -> None:
    call = tp.CallPipeline(background_audio={"sound": "office", "volume": 0.2})
    line = SimulatedLine(call)
    line.hear(caller_says(1.5))  # "where is my order?"
    events = line.run(3)
    if any(event.type == "user.turn_completed" for event in events):
        call.mark("tool_called")
        call.speak(agent_says(1), 8000, utterance="let me check", final=True)
        line.run(1.2)
        call.play_background("typing", volume=0.5)
        line.run(3)  # the tool runs
        print(f"typing: {level_dbov(np.concatenate(line.sent[-100:])):.1f} dBov on the line")
        call.play_background("office", volume=0.2)
        call.speak(agent_says(2), 8000, utterance="it arrives tomorrow", final=True)
        line.run(2.5)


if __name__ == "__main__":
    main()
