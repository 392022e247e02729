"""Lines: echo where and as loud as it should be, loss and jitter as asked for, the same for the same seed."""

import numpy as np
import pytest

from talkpath.errors import ConfigError
from talkpath.phone import LINES, Line, parse_line, voice
from talkpath.phone.near_end import NearEnd, through_line
from talkpath.phone.network import Network
from talkpath.streams import Wire

L16 = Wire("l16", 8000, "little")


def echo_of(line: Line, played: np.ndarray, wire: Wire = L16, seed: int = 1) -> tuple[np.ndarray, NearEnd]:
    n = wire.sample_rate_hz // 50
    near, out = NearEnd(line, wire, n, seed), []
    for at in range(0, len(played) - n + 1, n):
        near.played(played[at : at + n])
        out.append(near.frame(None))
    return np.frombuffer(b"".join(out), np.int16).astype(float), near


@pytest.mark.parametrize("delay_ms", [0.0, 7.5, 20.0, 85.0, 190.125, 300.0])
def test_echo_is_late_to_the_sample(delay_ms: float) -> None:
    """Noise against its echo: the first and strongest way lies at the delay."""
    played = (np.random.default_rng(3).standard_normal(24000) * 3000).astype(np.int16)
    heard, near = echo_of(Line(echo_db=-12, echo_delay_ms=delay_ms, echo_tail_ms=10), played)
    assert near.echo_delay_samples == round(delay_ms * 8)
    both = np.fft.irfft(np.fft.rfft(heard, 65536) * np.conj(np.fft.rfft(played, 65536)))
    assert int(np.argmax(both)) == near.echo_delay_samples


@pytest.mark.parametrize("db", [-6.0, -14.0, -30.0])
def test_echo_is_as_loud_as_asked_for(db: float) -> None:
    played = (np.random.default_rng(3).standard_normal(80000) * 3000).astype(np.int16)
    heard, _ = echo_of(Line(echo_db=db, echo_delay_ms=100, echo_tail_ms=16), played)
    measured = 20 * np.log10(heard[2000:].std() / played[:-2000].std())
    assert measured == pytest.approx(db, abs=1.0)


def test_echo_of_blocks_is_that_of_the_whole() -> None:
    """However the frames are gathered, the echo is the one convolution of all that was played."""
    played = voice(3.0, 8000, 4)
    heard, near = echo_of(Line(echo_db=-6, echo_delay_ms=95, echo_tail_ms=12), played)
    whole = np.convolve(np.concatenate([np.zeros(near.echo_delay_samples), played]), near._room)[: len(heard)]
    assert np.abs(heard - whole).max() <= 1.0


def test_echo_saturates() -> None:
    loud = np.where(np.arange(16000) // 20 % 2, 20000, -20000).astype(np.int16)
    straight, _ = echo_of(Line(echo_db=0, echo_delay_ms=100), loud)
    driven, _ = echo_of(Line(echo_db=0, echo_delay_ms=100, nonlinearity=1.0), loud)
    assert np.abs(driven).max() < 0.6 * np.abs(straight).max()


def test_spread_gives_each_call_its_delay() -> None:
    line = LINES["speakerphone"]
    delays = {NearEnd(line, L16, 160, seed).echo_delay_samples / 8 for seed in range(40)}
    assert len(delays) > 30
    assert 80 <= min(delays) < 120
    assert 260 < max(delays) <= 300


def test_background_level_and_band() -> None:
    line = Line(noise_dbov=-50, low_hz=300, high_hz=3000)
    heard, _ = echo_of(line, np.zeros(80000, np.int16))
    assert 20 * np.log10(heard.std() / 32768) == pytest.approx(-50, abs=0.5)
    power = np.abs(np.fft.rfft(heard)) ** 2
    hz = np.fft.rfftfreq(len(heard), 1 / 8000)
    assert power[(hz > 3600) | (hz < 100)].mean() < 0.02 * power[(hz > 500) & (hz < 2500)].mean()


def test_voice_and_echo_together_do_not_wrap() -> None:
    near = NearEnd(Line(echo_db=0, echo_delay_ms=0, echo_tail_ms=1), L16, 160, 1)
    loud = np.full(160, 30000, np.int16)
    near.played(loud)
    assert (np.frombuffer(near.frame(loud), np.int16) == 32767).all()


@pytest.mark.parametrize("codec", ["mulaw", "alaw"])
def test_quiet_line_is_silence(codec: str) -> None:
    near = NearEnd(Line(), Wire(codec, 8000), 160, 1)
    near.played(np.zeros(160, np.int16))
    assert near.frame(None) == {"mulaw": b"\xff", "alaw": b"\xd5"}[codec] * 160


def test_line_takes_out_what_it_does_not_carry() -> None:
    t = np.arange(8000) / 8000
    low, mid = (8000 * np.sin(2 * np.pi * hz * t) for hz in (80, 1000))
    line = Line(low_hz=300, high_hz=3400, gain_db=-6)
    assert through_line(low, line, 8000)[1000:-1000].std() < 0.02 * low.std()
    assert through_line(mid, line, 8000)[1000:-1000].std() == pytest.approx(mid.std() * 0.5, rel=0.05)


# --- the network ------------------------------------------------------------------------------------------------------------------


def send(line: Line, numbered: bool, n: int = 20000, seed: int = 1) -> tuple[list[tuple[float, int]], Network]:
    """Messages of 20 ms, and when each comes."""
    network, got = Network(line, seed, numbered), []
    for i in range(n + 500):
        now = i * 0.02
        if i < n:
            network.put(str(i), now)
        network.take(now, lambda data, now=now: got.append((now, int(data))))
    return got, network


@pytest.mark.parametrize(("percent", "burst"), [(1.0, 1.0), (5.0, 4.0), (20.0, 2.0)])
def test_loss(percent: float, burst: float) -> None:
    got, network = send(Line(loss_percent=percent, burst_frames=burst), numbered=True)
    numbers = [i for _, i in got]
    assert numbers == sorted(numbers)
    assert len(numbers) + network.lost == 20000
    assert network.lost / 200 == pytest.approx(percent, rel=0.2)
    lengths = np.diff(numbers) - 1
    assert lengths[lengths > 0].mean() == pytest.approx(burst, rel=0.2 if burst > 1 else 0.08)


def test_without_numbers_loss_comes_late_and_together() -> None:
    got, network = send(Line(loss_percent=2, retransmit_ms=200), numbered=False)
    assert [i for _, i in got] == list(range(20000))
    assert network.lost == 0
    assert network.lumps > 200
    late = np.array([t - i * 0.02 for t, i in got])
    assert late.max() == pytest.approx(0.2, abs=0.021)
    times = [t for t, _ in got]
    assert max(times.count(t) for t in set(times[:2000])) >= 10


def test_jitter_keeps_the_order() -> None:
    got, _ = send(Line(delay_ms=50, jitter_ms=60), numbered=True)
    assert [i for _, i in got] == list(range(20000))
    late = np.array([t - i * 0.02 for t, i in got])
    assert late.min() >= 0.05 - 1e-9
    assert late.max() <= 0.11 + 0.021
    assert late.std() > 0.01


def test_reorder() -> None:
    got, network = send(Line(reorder_percent=5), numbered=True)
    numbers = np.array([i for _, i in got])
    assert sorted(numbers) == list(range(20000))
    assert (np.diff(numbers) == -1).sum() == network.reordered
    assert 800 < network.reordered < 1200
    assert send(Line(reorder_percent=5), numbered=False)[1].reordered == 0


def test_same_seed_same_line() -> None:
    line = LINES["bad-wifi"]
    assert send(line, True, 2000)[0] == send(line, True, 2000)[0]
    assert send(line, True, 2000)[0] != send(line, True, 2000, seed=2)[0]


# --- names ------------------------------------------------------------------------------------------------------------------------


def test_parse() -> None:
    assert parse_line("mobile") is not None
    line = parse_line("mobile, jitter_ms=40,noise_dbov=none")
    assert (line.name, line.jitter_ms, line.noise_dbov) == ("mobile", 40.0, None)
    assert line.loss_percent == LINES["mobile"].loss_percent


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tin-can", "landline"),
        ("mobile,jitter", "NAME=VALUE"),
        ("mobile,name=3", "NAME=VALUE"),
        ("mobile,jitter_ms=fast", "a number"),
        ("mobile,jitter_ms=none", "a number"),
        ("mobile,loss_percent=100", "loss_percent"),
        ("mobile,loss_percent=nan", "loss_percent"),
        ("speakerphone,echo_delay_ms=20", "echo_spread_ms"),
        ("landline,low_hz=3000,high_hz=2000", "high_hz"),
    ],
)
def test_wrong_lines_are_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_line(text)
