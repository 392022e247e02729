"""Calls made and ended, one after the other: does memory stay where it was?

    python bench/calls_made.py --calls 100000 --sessions 5000

A call speaks, hears five frames, is interrupted and ends; some are left without an end, and some are pickled. A session of the server has a call by
each protocol in turn, a pacer, and ends as the other end hangs up. Printed: resident memory along the way, and its slope after the first fifth. Exits
with 1 when that is more than 1 MB per 100,000 calls, or per 10,000 sessions.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import talkpath as tp
from talkpath import streams
from talkpath.server import Session
from talkpath.server.pacer import Pacer
from talkpath.streams import Start, Wire

SPEECH = (3000 * np.sin(np.arange(1600) * 0.2)).astype(np.int16)
ULAW = Wire("mulaw", 8000)
STARTS = {
    "plivo": Start(call_id="c1", stream_id="s1", wire=ULAW, wire_out=ULAW),
    "twilio": Start(call_id="CA1", stream_id="MZ1", wire=ULAW, wire_out=ULAW),
    "telnyx": Start(call_id="v1", stream_id="t1", wire=ULAW, wire_out=ULAW),
    "asterisk": Start(call_id="k1", stream_id="ch1", wire=ULAW, wire_out=ULAW),
}
FIELDS: tuple[dict[str, object], ...] = (
    {},
    {"noise_cancellation": True},
    {"detection_method": "audio"},
    {"background_audio": {"sound": "office"}},
)


def resident_kb() -> int:
    """Memory of this process that is its own or shared."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def one_call(k: int) -> None:
    """Begins, talks, ends."""
    call = tp.CallPipeline(seed=k, **FIELDS[k % len(FIELDS)])
    call.speak(SPEECH, 8000, "a", final=k % 2 == 0)
    call.checkpoint("c")
    frame = call.encode(SPEECH[:160])
    for i in range(5):
        call.transmit()
        if i == 3:
            call.conceal()
        else:
            call.receive(frame)
    call.interrupt()
    if k % 50 == 0:
        pickle.loads(pickle.dumps(call))
    if k % 10:
        call.hangup()


class Sessions:
    """One pacer, and a session after the other."""

    def __init__(self) -> None:
        self.pacer = Pacer()
        self.now = 0.0

    def one(self, k: int) -> None:
        """Begins, talks, ends."""
        dialect = list(STARTS)[k % len(STARTS)]
        provider, start = streams.DIALECTS[dialect]("provider"), STARTS[dialect]
        session = Session(tp.CallConfig(seed=k), streams.DIALECTS[dialect](), now=self.now)
        for message in provider.open(start):
            session.receive(message, self.now)
        self.pacer.add(session)
        assert session.call is not None
        session.call.speak(SPEECH, 8000, "a", final=True)
        session.call.checkpoint("c")
        for _ in range(10):
            self.now += 0.02
            session.receive(provider.media(b"\xff" * 160), self.now)
            self.pacer.touch(session)
            self.pacer.tick(self.now)
            session.data_to_send()
            session.events()
        if k % 2:
            session.hangup(self.now)
        session.closed(self.now)
        session.data_to_send()
        session.events()
        self.pacer.remove(session)


def flat(what: str, calls: int, make: Callable[[int], None], kb_each: float) -> bool:
    """Make so many; whether memory stayed."""
    rows = []
    for k in range(calls):
        make(k)
        if k % max(1, calls // 50) == 0:
            rows.append((k, resident_kb()))
            if k % max(1, calls // 5) == 0:
                print(f"{what}: {k:7,} made, {rows[-1][1] / 1024:.2f} MB", flush=True)
    settled = np.array(rows[len(rows) // 5 :], float)
    slope = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0])
    print(
        f"{what}: {calls:7,} made, {resident_kb() / 1024:.2f} MB; {slope * 1024:+.2f} bytes each after the first fifth"
    )
    return slope <= kb_each


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=5_000)
    options = parser.parse_args()
    calls = flat("calls", options.calls, one_call, 1024 / 100_000)
    sessions = flat("sessions", options.sessions, Sessions().one, 1024 / 10_000)
    return int(not (calls and sessions))


if __name__ == "__main__":
    sys.exit(main())
