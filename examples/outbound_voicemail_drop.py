"""An outbound call: a machine answers, its beep is awaited, the message is left, the call ends.

python examples/outbound_voicemail_drop.py
"""

import numpy as np
from simulated_line import RATE, SimulatedLine, agent_says, caller_says

import talkpath as tp


def main() -> None:
    call = tp.CallPipeline(detection_method="audio", speaks_first="user", wait_for_user_timeout_s=0)
    line = SimulatedLine(call)
    beep = (6000 * np.sin(2 * np.pi * 1000 * np.arange(RATE // 2) / RATE)).astype(np.int16)
    line.hear(np.concatenate([np.zeros(RATE // 2, np.int16), caller_says(5), np.zeros(RATE // 4, np.int16), beep]))
    while True:
        events = {event.type: event for event in line.run(0.1)}
        detected = events.get("voicemail.detected")
        if detected is not None and detected.result == "human":
            call.speak(agent_says(2), RATE, utterance="hello, this is Acme", final=True)
        if "voicemail.beep" in events:
            call.clear_audio()  # a short greeting may have been taken for a person's: nobody heard that
            call.speak(agent_says(3), RATE, utterance="message", final=True)
            call.checkpoint("message left")
        if "mark.played" in events or line.now_s > 30:
            break
    print(f"hang up after {line.now_s:.1f} s", [event.type for event in call.hangup()])


if __name__ == "__main__":
    main()
