"""Hold music that the caller cannot interrupt, and the agent's return when it is over.

python examples/hold_music.py [music.wav]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from simulated_line import SimulatedLine, agent_says, caller_says

import talkpath as tp
from talkpath.wav import write_wav


def melody(path: Path) -> Path:
    """Four seconds of a tune, for want of a better one."""
    t = np.arange(4000) / 8000
    notes = [np.sin(2 * np.pi * hz * t) * np.exp(-3 * t) for hz in (523, 659, 784, 659, 698, 587, 523, 392)]
    write_wav(path, (6000 * np.concatenate(notes)).astype(np.int16), 8000)
    return path


def main() -> None:
    call = tp.CallPipeline()
    line = SimulatedLine(call)
    with tempfile.TemporaryDirectory() as folder:
        music = sys.argv[1] if len(sys.argv) > 1 else melody(Path(folder) / "melody.wav")
        call.play(music, allow_interruption=False, name="hold music")
        line.run(1)
        line.hear(caller_says(1.5))  # "hello? is anybody there?"
        events = line.run(4)
    if any(event.type == "play.completed" for event in events):
        call.speak(agent_says(1.5), 8000, utterance="I am back", final=True)
        line.run(2)


if __name__ == "__main__":
    main()
