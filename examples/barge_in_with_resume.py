"""The caller speaks while the agent does. Two words are asked for: a cough only pauses the agent, a question stops it.

python examples/barge_in_with_resume.py
"""

from simulated_line import SimulatedLine, agent_says, caller_says

import talkpath as tp


def main() -> None:
    call = tp.CallPipeline(semantic_vad={"eagerness": "high", "min_interruption_words": 2})
    line = SimulatedLine(call)
    call.speak(agent_says(12), 8000, utterance="long answer", final=True)

    print("-- the caller says something short: pause, no words, resume")
    line.run(2)
    line.hear(caller_says(0.8))
    line.run(3)

    print("-- the caller asks a question: the STT delivers words, the agent stops")
    line.hear(caller_says(2))
    line.run(1)
    call.transcript("excuse me")
    line.run(3)


if __name__ == "__main__":
    main()
