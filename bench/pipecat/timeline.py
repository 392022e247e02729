"""What the call and the serializer do, whatever the machine does: speakerphones and voicemails on one timeline, without sockets.

PYTHONPATH=src python bench/pipecat/timeline.py [echo] [voicemail] [--calls 50]          # where Pipecat is; scipy

`talkpath.phone`'s calls, the adapter, and what stands in for Pipecat: chunks of 40 ms, two ahead; an answer 0.3 s after each turn. What
Pipecat's loop adds is measured by dialled.py and voicemails.py.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / part) for part in ("tests/integrations/pipecat", "tests", "bench", "bench/pipecat")]

from dialled import LATE_MS, missed, tell_failure  # noqa: E402
from loguru import logger  # noqa: E402
from pipecat_phone import PipecatPhone  # noqa: E402

from talkpath import CallConfig  # noqa: E402
from talkpath.phone import CallPlan, load_script, parse_line  # noqa: E402
from talkpath.phone.script import SCRIPTS  # noqa: E402
from talkpath.phone.voice import voice  # noqa: E402

VOICES = [voice(7.0, 24000, seed=seed) for seed in range(3, 8)]


def measure_echo(calls: int) -> None:
    """Speakerphones of -10 to -20 dB, five agents' voices, eight callers' voices."""
    for kind, caller, seconds in (
        ("listens", SCRIPTS["silent"], 10.0),
        ("interrupts", load_script(ROOT / "examples/callers/interrupts.yaml"), 40.0),
    ):
        own = lost = tried = 0
        silent: list[float] = []
        for n, echo_db in enumerate(np.linspace(-10.0, -20.0, calls)):
            line = parse_line(f"speakerphone,echo_db={echo_db}")
            plan = CallPlan(provider="plivo", caller=caller, line=line, duration_s=seconds)
            call = PipecatPhone(
                plan, VOICES[n % 5], CallConfig(), seed=n + 1, phase=(0.618 * n) % 1.0, answers=kind == "interrupts"
            )
            result = call.run().phone.result()
            tell_failure(result, echo_db)
            own += result.unprompted_clears > 0
            lost += len(missed(result))
            tried += len(result.barge_ins)
            silent += [b.silence_ms for b in result.barge_ins if b.silence_ms is not None and b.silence_ms <= LATE_MS]
        text = f"{calls} calls, the caller {kind}: the agent interrupts itself in {own}"
        if tried:
            p50, p95 = np.percentile(silent, [50, 95])
            text += f"; barge-ins {tried}, caught {len(silent)} ({100 * len(silent) / tried:.1f} %), missed {lost}, silent after p50 {p50:.0f}, p95 {p95:.0f} ms"
        print(text, flush=True)


def measure_voicemail(calls: int) -> None:
    """Twice as many: the message begins when the adapter tells of the beep."""
    from voicemails import RATE, begins_after_s, voicemail

    from talkpath.call.events import VoicemailBeep
    from talkpath.phone.script import HangUp, Say, Script, Wait
    from talkpath.wav import write_wav

    class Machine(PipecatPhone):
        """Silent until the beep."""

        async def happened(self, event: object) -> None:
            if isinstance(event, VoicemailBeep):
                self.speak(0.0)

    delays = []
    config = CallConfig(detection_method="audio", speaks_first="user", idle_timeout=None)
    with tempfile.TemporaryDirectory() as folder:
        for n in range(2 * calls):
            mail, path = voicemail(1, n), Path(folder) / f"{n}.wav"
            write_wav(path, mail.pcm, RATE)
            caller = Script((Wait(0.5), Say((path,)), Wait(1.0), HangUp()))
            plan = CallPlan(provider="plivo", caller=caller, line=parse_line("landline"), record=True)
            call = Machine(plan, VOICES[0], config, seed=n + 1)
            call.be_silent()
            call.run()
            after_s = begins_after_s(mail, call.phone.sent, call.phone.heard)
            delays.append(np.inf if after_s is None else after_s)
            if not 0 <= delays[-1] <= 0.3:
                print(f"    {n}: {delays[-1]:+.3f} s; {mail.described}")
    good = sum(0 <= delay <= 0.3 for delay in delays)
    p50, p95 = np.percentile(delays, [50, 95])
    print(
        f"{len(delays)} voicemails: within 0.3 s of the beep's end {good}, before it {sum(d < 0 for d in delays)}; p50 {p50:.3f}, p95 {p95:.3f} s"
    )


def main() -> None:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = {"echo": measure_echo, "voicemail": measure_voicemail}
    parser.add_argument("what", nargs="*", default=list(kinds), help=", ".join(kinds))
    parser.add_argument("--calls", type=int, default=50)
    options = parser.parse_args()
    for what in options.what:
        kinds[what](options.calls)


if __name__ == "__main__":
    logger.remove()
    main()
