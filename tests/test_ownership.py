"""One owner at a time: who enters a call or a kernel while somebody is inside gets a StateError, and nothing else happens."""

import copy
import numbers
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time

import numpy as np
import pytest

import talkpath as tp
from talkpath._core import _exchange

FRAME = tp.g711.ulaw_encode((3000 * np.sin(np.arange(160) / 3)).astype(np.int16))
SPEECH = (3000 * np.sin(np.arange(480) / 5)).astype(np.int16)
STATELESS = {"config", "seed", "encode", "decode", "from_agent", "state_bytes"}

COMMANDS = {
    "receive": lambda c: c.receive(FRAME),
    "conceal": lambda c: c.conceal(),
    "transmit": lambda c: c.transmit(),
    "speak": lambda c: c.speak(SPEECH, 24000, "a"),
    "play": lambda c: c.play(WAV),
    "send_dtmf": lambda c: c.send_dtmf("1"),
    "silence": lambda c: c.silence(10),
    "checkpoint": lambda c: c.checkpoint("m"),
    "play_background": lambda c: c.play_background("office"),
    "stop_background": lambda c: c.stop_background(),
    "pause": lambda c: c.pause(),
    "resume": lambda c: c.resume(),
    "interrupt": lambda c: c.interrupt(),
    "clear_audio": lambda c: c.clear_audio(),
    "transcript": lambda c: c.transcript("yes", True),
    "turn_probability": lambda c: c.turn_probability(0.5),
    "extend_wait": lambda c: c.extend_wait(),
    "mark": lambda c: c.mark("x"),
    "listen_for_beep": lambda c: c.listen_for_beep(False),
    "update": lambda c: c.update(cng_divisor=3000),
    "hangup": lambda c: c.hangup(),
    "state": lambda c: c.state,
    "metrics": lambda c: c.metrics,
    "queued_ms": lambda c: c.queued_ms,
    "delay_ms": lambda c: c.delay_ms,
    "reset": lambda c: c.reset(),
    "record": lambda c: c.record("/dev/null"),
}


def wav_file():
    import io
    import wave

    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(SPEECH.tobytes())
    return file.getvalue()


WAV = wav_file()


def owning(call, inside):
    """Runs `inside()` while the call is in an exchange."""
    return _exchange([call._core], [None], lambda work: inside())


def test_nothing_public_is_left_out():
    public = {name for name in dir(tp.CallPipeline) if not name.startswith("_")}
    assert public - STATELESS == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_method_refuses_a_second_owner(name):
    call = tp.CallPipeline(detection_method="audio")
    call.speak(SPEECH, 24000, "u")
    before = call.metrics

    def inside():
        with pytest.raises(tp.StateError, match="in use"):
            COMMANDS[name](call)
        assert repr(call).endswith("in use)")
        found = []
        thread = threading.Thread(target=lambda: found.append(raised(COMMANDS[name], call)))
        thread.start()
        thread.join()
        assert found == [tp.StateError]

    owning(call, inside)
    assert call.metrics == before
    if name != "record":
        COMMANDS[name](call)  # free again


def raised(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("name", [n for n in COMMANDS if n != "record"])
def test_a_callback_of_the_same_thread_is_refused(name):
    """A signal's handler may come between any two steps of a method: here, a profiler does."""
    call, found = tp.CallPipeline(detection_method="audio"), []
    call.speak(SPEECH, 24000, "u")

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_name == "interrupt" and not found:
            sys.setprofile(None)
            found.append(raised(COMMANDS[name], call))

    sys.setprofile(profile)
    try:
        call.interrupt()
    finally:
        sys.setprofile(None)
    assert found == [tp.StateError]
    COMMANDS[name](call)


def test_an_error_inside_leaves_the_call_free():
    call = tp.CallPipeline()
    for wrong in (
        lambda: call.receive(b"short"),
        lambda: call.receive(None),
        lambda: call.receive(FRAME, timestamp_ms="soon"),
        lambda: call.receive(FRAME, out=np.zeros(3, np.int16)),
        lambda: call.speak(np.zeros(4, np.float32), 8000),
        lambda: call.play("no such file.wav"),
        lambda: call.update(cng_divisor=0),
        lambda: call.update(stream="audio/x-alaw;rate=8000"),
        lambda: call.turn_probability(2.0),
        call.receive,
        lambda: call.receive(FRAME, colour=1),
        lambda: call.mark(None),
    ):
        assert raised(wrong) is not None
        assert call.queued_ms == 0
    assert call.metrics.received_frames == 0
    call.receive(FRAME, 20.0)
    call.hangup()
    assert raised(call.transmit) is tp.StateError


def test_what_was_never_initialised_says_so():
    assert raised(tp.CallPipeline.__new__(tp.CallPipeline).transmit) in (AttributeError, tp.StateError)


def hammer(seconds, calls, threads=2):
    """Threads that use the same calls at once, each in its own way; returns what was raised."""
    raising: dict[type, int] = {}
    end = time.monotonic() + seconds
    group = tp.CallGroup(2)

    def loop(seed):
        choose = random.Random(seed)
        names = [n for n in COMMANDS if n not in ("hangup", "reset", "record")]
        while time.monotonic() < end:
            kind = choose.random()
            try:
                if kind < 0.3:
                    for received, _ in group.exchange((c, FRAME) for c in calls):
                        if isinstance(received, Exception):
                            raise received
                elif kind < 0.32:
                    choose.choice(calls).reset()
                else:
                    COMMANDS[choose.choice(names)](choose.choice(calls))
            except Exception as error:
                raising[type(error)] = raising.get(type(error), 0) + 1

    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        running = [threading.Thread(target=loop, args=(k,)) for k in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(old)
        group.close()
    for call in calls:  # whole, and free
        call.reset()
        assert len(call.receive(FRAME).pcm) == 320
        assert len(call.transmit().payload) == 160
    return raising


@pytest.mark.parametrize("count", [1, 6])
def test_two_threads_on_the_same_calls(count):
    raising = hammer(0.8, [tp.CallPipeline(background_audio={"sound": "office"}) for _ in range(count)])
    assert set(raising) <= {tp.StateError}


@pytest.mark.slow
def test_two_threads_on_one_call_for_a_minute():
    """`python wheels/sanitize.py [--thread] tests/test_ownership.py -k minute` runs it under the sanitizers."""
    raising = hammer(60, [tp.CallPipeline(background_audio={"sound": "office"}, detection_method="audio")])
    assert set(raising) <= {tp.StateError}


@pytest.mark.slow
def test_four_threads_on_some_calls_for_ten_seconds():
    raising = hammer(10, [tp.CallPipeline(noise_cancellation=bool(k % 2)) for k in range(5)], threads=4)
    assert set(raising) <= {tp.StateError}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that interrupt here")
def test_a_keyboard_interrupt_leaves_nobody_inside():
    """It may come anywhere: in a method, between two, in an exchange, while others work for it."""
    calls = [tp.CallPipeline() for _ in range(8)]
    group, choose = tp.CallGroup(2), random.Random(5)
    armed, came = [], 0

    def interrupt(*_):
        if armed:
            armed.clear()
            raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                armed.append(True)
                signal.setitimer(signal.ITIMER_REAL, choose.uniform(1e-5, 2e-3))
                while armed:  # one may be swallowed, in a callback of the garbage collector
                    group.exchange((c, FRAME) for c in calls)
                    calls[0].speak(SPEECH, 24000, "a")
                    calls[1].receive(FRAME)
                    calls[2].transmit()
            except KeyboardInterrupt:
                came += 1
            for call in calls:
                call.state, call.metrics, call.transmit()
                call.interrupt()
    finally:
        signal.signal(signal.SIGALRM, old)
    assert came > 50


# --- kernels ------------------------------------------------------------------------------------------------------------


class Sly(float):
    """A number that does something when it is looked at."""

    def __new__(cls, value, act):
        made = super().__new__(cls, value)
        made.act = act
        return made

    def __floor__(self):
        self.act()
        return int(float(self))

    def __eq__(self, other):
        self.act()
        return float(self) == other

    __hash__ = float.__hash__


def test_a_kernel_refuses_to_be_entered_from_within():
    suppressor, found = tp.NoiseSuppressor(), []
    pcm = np.zeros(80, np.int16)
    suppressor.level = Sly(90.0, lambda: found.append(raised(suppressor.process, pcm)))
    assert tp.StateError in found
    assert set(found) == {tp.StateError}
    assert suppressor.level == 90
    assert len(suppressor.process(pcm)) == 80


def test_a_vad_backend_cannot_enter_its_detector():
    found = []

    def backend(frame):
        for use in (lambda: vad.process(frame), vad.reset, lambda: vad.probability):
            found.append(raised(use))
        return 0.5

    vad = tp.VoiceActivityDetector(backend=backend)
    assert vad.process(np.zeros(160, np.int16)) == 0.5
    assert found == [tp.StateError] * 6
    assert vad.probability == 0.5

    def failing(frame):
        raise KeyboardInterrupt

    vad = tp.VoiceActivityDetector(backend=failing)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            vad.process(np.zeros(160, np.int16))
    vad.reset()


def test_threads_on_one_kernel():
    """They take turns, for each call is one piece; where there is no GIL, some are refused."""
    kernels = [tp.Resampler(8000, 16000), tp.PlayoutQueue(), tp.EchoCanceller(), tp.JitterBuffer()]
    pcm, raising = np.zeros(160, np.int16), set()
    uses = [lambda k: k.process(pcm), lambda k: k.read(), lambda k: k.process(pcm, pcm), lambda k: k.get()]

    def loop():
        for _ in range(300):
            for kernel, use in zip(kernels, uses, strict=True):
                error = raised(use, kernel)
                raising.add(error)

    running = [threading.Thread(target=loop) for _ in range(3)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert raising <= {None, tp.StateError}


KERNELS = [
    tp.Resampler(8000, 16000), tp.ComfortNoise(), tp.PacketLossConcealer(), tp.JitterBuffer(), tp.AnsweringMachineDetector(),
    tp.BeepDetector(), tp.CallProgressDetector(), tp.DtmfDetector(), tp.VoiceActivityDetector(), tp.NoiseSuppressor(),
    tp.DelayEstimator(), tp.EchoCanceller(), tp.BargeInGate(), tp.AmbienceMixer(), tp.LevelNormalizer(), tp.PlayoutQueue(), tp.CallPipeline(),
]  # fmt: skip


@pytest.mark.parametrize("made", KERNELS, ids=lambda k: type(k).__name__)
def test_a_copy_is_refused_and_a_pickle_is_the_configuration(made):
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(tp.StateError, match="copied"):
            duplicate(made)
        with pytest.raises(tp.StateError, match="copied"):
            duplicate({"kept": [made]}["kept"][0])
    with pytest.raises(tp.StateError, match="copied"):
        copy.deepcopy([made])
    assert repr(pickle.loads(pickle.dumps(made))) == repr(made)


def test_numbers_that_pretend_are_numbers():
    """What a kernel is made with may be of any kind of number."""
    assert isinstance(np.int64(3), numbers.Integral)
    for eight in (8000, 8000.0, np.int64(8000), np.int32(8000), np.uint16(8000), np.float32(8000), np.float64(8000)):
        assert tp.Resampler(eight, 16000).rate_in == 8000
        assert tp.PlayoutQueue(eight).read().shape == (160,)
        assert len(tp.dtmf.generate("1", eight)) == 1600
    for wrong in (True, np.bool_(True), 8000.5, np.float32(np.nan), np.inf, "8000", None, 10**400, 1j, [8000]):
        for make in (lambda w: tp.Resampler(w, 16000), tp.NoiseSuppressor, tp.JitterBuffer, tp.EchoCanceller):
            with pytest.raises(tp.ConfigError):
                make(wrong)


FIXED = {"__cinit__", "delay_ms", "coefficients", "queue"}  # what they read never changes


def methods_of_states():
    """(file, method, body) of every class with a state in the wrappers."""
    from conftest import ROOT

    for file in sorted((ROOT / "src/talkpath").rglob("*.pxi")):
        for cls in re.split(r"\n(?=cdef class )", file.read_text(encoding="utf-8")):
            if not re.match(r"cdef class \w+\(_State\)", cls):
                continue
            methods = re.split(r"\n(?=    (?:c?def|@))", re.split(r"\n(?=[\w@#])", cls)[0])[1:]
            for method in methods:
                if name := re.match(r"    def (\w+)\(", method):
                    yield file.name, name[1], method


def test_every_method_of_a_kernel_enters_its_state():
    seen = list(methods_of_states())
    assert len({file for file, *_ in seen}) >= 17
    touching = [
        (f, n, b)
        for f, n, b in seen
        if re.search(r"\btp_\w+\((?:&?self\._|.*self\._[a-z]\b)", b) or "self._sounds" in b
    ]
    assert len(touching) > 60
    outside = [(f, n) for f, n, b in touching if "_enter(self)" not in b and n not in FIXED]
    assert outside == []
    for file, name, body in touching:
        if "_enter(self)" in body:
            assert body.count("_leave(self)") == 1, (file, name)
            assert re.search(r"finally:\n(?:.*\n)?\s+_leave\(self\)\s*$", body.rstrip() + "\n"), (file, name)


STRESS = r"""
#define Py_GIL_DISABLED 1
#include "_owner.h"
#include <pthread.h>
#include <stdio.h>

static char flag, taken[64];
static long inside, refused, work = TP_WORK_CLOSED, pieces[64], open_now;

static void *run(void *unused)
{
    for (int k = 0; k < 200000; k++) {
        if (tp_owner_take(&flag)) {
            inside++; /* a plain variable: a race, unless the flag orders it */
            tp_owner_give(&flag);
        } else {
            TP_ADD(&refused, 1L);
        }
        if (tp_work_enter(&work)) {
            if (open_now != 1)
                puts("entered what is closed");
            if (tp_once(&taken[k % 64]))
                pieces[k % 64]++;
            tp_work_leave(&work);
        }
    }
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, run, NULL);
    for (int k = 0; k < 300; k++) {
        open_now = 1;
        tp_work_open(&work);
        tp_wait();
        tp_work_close(&work);
        while (!tp_work_is_done(&work))
            tp_wait();
        open_now = 0;
        for (int i = 0; i < 64; i++) {
            if (pieces[i] > 1)
                puts("a piece was done twice");
            pieces[i] = taken[i] = 0;
        }
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%ld inside, %ld refused\n", inside, refused);
    return inside + refused != 600000;
}
"""


@pytest.mark.parametrize("sanitize", [[], ["-fsanitize=thread", "-g"]], ids=["plain", "ThreadSanitizer"])
def test_the_flags_hold_where_there_is_no_gil(sanitize, tmp_path):
    """Natively: what the flags guard is a plain variable."""
    from conftest import ROOT

    (tmp_path / "stress.c").write_text(STRESS)
    build = ["cc", "-O2", "-std=gnu11", *sanitize, f"-I{ROOT / 'src/talkpath'}", f"-I{sysconfig.get_path('include')}", "stress.c", "-pthread",
             "-o", "stress"]  # fmt: skip
    try:
        subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"does not compile here: {error}")
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    run = [*(["setarch", "-R"] if sanitize and shutil.which("setarch") else []), tmp_path / "stress"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert "inside" in done.stdout.splitlines()[0], done.stdout
