"""Tables of what bench/speed.py measured, for README and docs/benchmarks."""

from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]
NOT_YET = "(not measured yet: `make bench`)"

KERNELS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("`g711`", "µ-law and A-law, bit-exact with ITU-T G.191: encode, decode", ("G.711 encode 20ms", "G.711 decode 20ms")),
    ("`l16`", "L16, big-endian: encode, decode", ("L16 encode 20 ms at 16 kHz", "L16 decode 20 ms at 16 kHz")),
    ("`Resampler`", "any two of nine rates from 8 to 48 kHz, 2.5 ms, exact counts: 24 → 8, 8 → 16 kHz", ("resample 20 ms, 24000 → 8000 Hz", "resample 20 ms, 8000 → 16000 Hz")),
    ("`PacketLossConcealer`", "lost frames, without delay: a lost one", ("PLC lost frame 8000 Hz",)),
    ("`JitterBuffer`", "order, adaptive delay, clock drift: put and get", ("jitter buffer: put + get, 20 ms at 8 kHz",)),
    ("`ComfortNoise`", "what is heard when nobody speaks; RFC 3389", ("comfort noise 20 ms at 8 kHz",)),
    ("`DtmfDetector`", "keys", ("DTMF 20 ms, 8000 Hz, keys",)),
    ("`BeepDetector`", "a machine's beep", ("beep 20 ms, 8000 Hz, speech-like",)),
    ("`AnsweringMachineDetector`", "a person or a machine", ("answering machine 20 ms, 8000 Hz",)),
    ("`CallProgressDetector`", "ringback, busy, reorder, dial, SIT, fax", ("call progress 20 ms, 8000 Hz, speech-like",)),
    ("`VoiceActivityDetector`", "is that speech?", ("VAD 20 ms, 8000 Hz",)),
    ("`NoiseSuppressor`", "the caller without the surroundings", ("noise suppression 20 ms, 8000 Hz",)),
    ("`EchoCanceller`", "what comes back of the agent, while it speaks", ("echo canceller 20 ms, 8000 Hz, agent speaks",)),
    ("`BargeInGate`", "all of echo control, while the agent speaks, and while it is silent", ("barge-in gate 20 ms, 8000 Hz, agent speaks", "barge-in gate 20 ms, 8000 Hz, agent silent")),
    ("`PlayoutQueue`", "what is said, in order; pauses and clears without a click, exact positions", ("playout queue, 20 ms at 8000 Hz",)),
    ("`AmbienceMixer`", "backgrounds, ducked, never clipped", ("ambience mix, 20 ms at 8000 Hz",)),
    ("`LevelNormalizer`", "speech at −19 dBov", ("level, 20 ms at 8000 Hz",)),
)  # fmt: skip


def us(value: float) -> str:
    return f"{value:.2f}" if value < 3 else f"{value:.1f}" if value < 30 else f"{value:,.0f}"


def times(value: float) -> str:
    return f"{value:.2f}" if value < 2 else f"{value:.1f}" if value < 20 else f"{value:,.0f}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


# --- tables ---------------------------------------------------------------------------------------------------------------------------


def cost(found: dict[str, Any]) -> str:
    """The call, scene by scene, beside the usual parts."""
    if "speed" not in found:
        return NOT_YET
    speed = found["speed"]
    call = speed["call"]
    rows = [
        (row["name"], *(f"{us(row[name])} µs" for name in ("median_us", "mean_us", "p99_us")), times(row["ratio"]))
        for row in [*call["scenes"], *call["peers"]]
    ]
    text = table(("20 ms in and out", "median", "mean", "p99", "mean, of ours with echo and a background"), rows)
    memory = ", ".join(f"{row['kb']} KB" for row in speed["memory"][:1])
    return "\n".join([text, "", f"{speed['machine']}; one core, {memory} a call.", *call["missing"]])


def group(found: dict[str, Any]) -> str:
    """A call among many."""
    if "speed" not in found:
        return NOT_YET
    rows = [
        (f"{row['calls']:,}", f"{us(row['single']['mean_us'])} µs", f"{us(row['group']['mean_us'])} µs",
         times(row["group"]["mean_us"] / row["single"]["mean_us"]), f"{row['group']['resident_kb']:,} KB" if row["calls"] >= 100 else "")
        for row in found["speed"]["group"]
    ]  # fmt: skip
    return table(("calls", "one by one", "`CallGroup.exchange`, one thread", "of it", "RAM a call"), rows)


def memory(found: dict[str, Any]) -> str:
    if "speed" not in found:
        return NOT_YET
    rows = [(row["name"], f"{row['kb']} KB") for row in found["speed"]["memory"]]
    taken = found["speed"]["import"]
    return "\n".join(
        [
            table(("a call's state", ""), rows),
            "",
            f"`import talkpath`: {taken['talkpath_ms']} ms beyond NumPy's {taken['numpy_ms']} ms (medians, new processes).",
        ]
    )


def ours_of(rows: Rows) -> Rows:
    return [row for row in rows if row["peer"].startswith("talkpath")]


def peers_of(rows: Rows) -> Rows:
    return [row for row in rows if not row["peer"].startswith("talkpath")]


def kernels(found: dict[str, Any]) -> str:
    """README's: a kernel a row, the benchmarks that stand for it."""
    if "speed" not in found:
        return NOT_YET
    groups, rows = found["speed"]["kernels"], []
    for name, what, chosen in KERNELS:
        lists = [groups[group] for group in chosen if group in groups]
        ours = [next(row for row in rows_ if row["peer"] == "talkpath") for rows_ in lists]
        peers: dict[str, list[str]] = {}
        for rows_, own in zip(lists, ours, strict=True):
            for row in peers_of(rows_):
                peers.setdefault(row["peer"], []).append(times(row["mean_us"] / own["mean_us"]))
        told = "; ".join(f"{peer} × {' / '.join(ratios)}" for peer, ratios in peers.items())
        rows.append((name, what, f"{' / '.join(us(row['mean_us']) for row in ours)} µs", told))
    return table(("", "what", "20 ms", "peers in the same run, times as long"), rows)


def every_kernel(found: dict[str, Any]) -> str:
    rows = []
    for name, group_rows in found["speed"]["kernels"].items():
        first, *others = ours_of(group_rows)
        told = [f"{row['peer'].removeprefix('talkpath').strip()} {us(row['mean_us'])} µs" for row in others]
        peers = [f"{row['peer']} × {times(row['mean_us'] / first['mean_us'])}" for row in peers_of(group_rows)]
        values = (f"{us(first[key])}" for key in ("median_us", "mean_us", "p99_us"))
        rows.append((name, *values, "; ".join(told), "; ".join(peers)))
    return table(("", "median µs", "mean µs", "p99 µs", "other ways of ours, mean", "peers, mean, times as long"), rows)


def peers(found: dict[str, Any]) -> str:
    return table(("peer", "here"), list(found["speed"]["peers"].items()))


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "cost": cost,
    "group": group,
    "memory": memory,
    "kernels": kernels,
}

PAGE = """# Benchmarks

`make bench` measured this and wrote this page. Change nothing here by hand: a test compares the page with `bench/speed.json`.

**{machine}**

Times are of single calls through the Python API on changing input. Means leave out the slowest half per cent.
On another machine compare the ratios: all peers of a row ran in the same run as talkpath.

## A call

The agent speaks half of the time, the caller answers in between, and neither interrupts. A scene that is not what its name says ends the bench.

{cost}

The usual parts are audioop, soxr streams, WebRTC's AEC3 and noise suppression, a VAD and a NumPy mix, on the line with echo and a background.
Their medians are low because resamplers hold back. They do not conceal losses, find keys, beeps or machines, or decide turns.

![What a call costs, scene by scene and among many](calls.svg)

## Many calls

The line with echo. Every call is in its second and third second, each at another place of the line, and no agent is interrupted.
µs a call and frame. *One by one*: `transmit` and `receive` of the same calls on the same frames.

{group}

## Memory and import

{memory}

## Kernels

20 ms of audio unless the row says otherwise.

{kernels}

![Peers, times as long as talkpath](kernels.svg)

Instructions are the same on a busy machine and on a quiet one: [those of a call](../../bench/call_instructions.json), [those of each kernel](../../bench/kernel_instructions.json).
CI counts them again, and fails where one has grown by more than 5 % without a new table ([how](../comparison.md#repeat-it)).

## Peers

{peers}
"""


def page(found: dict[str, Any]) -> str:
    """docs/benchmarks/README.md."""
    if "speed" not in found:
        return f"# Benchmarks\n\n{NOT_YET}\n"
    return PAGE.format(machine=found["speed"]["machine"], cost=cost(found), group=group(found), memory=memory(found), kernels=every_kernel(found),
                       peers=peers(found))  # fmt: skip
