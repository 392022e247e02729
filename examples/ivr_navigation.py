"""The agent dials into a menu: it waits until the announcement is over, sends keys, and hears the answer's own keys.

python examples/ivr_navigation.py
"""

import numpy as np
from simulated_line import RATE, SimulatedLine, caller_says

import talkpath as tp


def main() -> None:
    call = tp.CallPipeline(semantic_vad="low")
    line = SimulatedLine(call)
    line.hear(caller_says(4))  # "for sales, press one …"
    events = line.run(6)
    if any(event.type == "user.turn_completed" for event in events):
        call.send_dtmf("1")
        call.silence(500)
        call.send_dtmf("4711#")
    line.run(2.5)
    sent = np.concatenate(line.sent)
    print("the menu hears:", "".join(press.digit for press in tp.DtmfDetector().process(sent)))
    line.hear(tp.dtmf.generate("9", RATE))  # some menus answer with keys
    line.run(0.5)


if __name__ == "__main__":
    main()
