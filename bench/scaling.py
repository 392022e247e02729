"""How many calls a core of audio takes: a simulation with the measured cost of a frame. Chance of a late frame against load, and where the knee is.

    python bench/scaling.py                         # prints; the cost is that of bench/speed.json
    python bench/scaling.py --engine-us 94          # for a machine where a frame of the engine costs so much on average
    python bench/scaling.py --write                 # and writes bench/scaling.json and the tables of docs/scaling.md

The model: one process of audio is one queue. Every call brings a frame each 20 ms, at a phase of its own; a frame takes the engine's time,
drawn anew for each stretch of a few seconds and each frame from a distribution with the measured median, mean and p99, and a constant for
the rest (Python, the kernel, the socket). A frame is late by the time from its deadline to its end. Frames are taken one after the other, while
the server takes all that are due at once; a machine that stands still by itself is `--stall-ms` and `--stalls-per-s`.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULT, PAGE = HERE / "scaling.json", HERE.parent / "docs" / "scaling.md"
FRAME_US, LATE_US = 20_000.0, 5_000.0
SCENE = "… and a background"  # echo, and a background: what the server's own figures were taken with
CALLS = (25, 50, 75, 100, 115, 130, 145, 160, 180, 200, 240)
KNEE_SHARE = 0.001  # late frames that nobody hears
# Measured in the server at 100 calls (docs/measured.md, Server): a frame's time beside the engine's, and in the handlers' process.
REST_US, HANDLERS_US = 61.0, 18.0
TARGET_LOAD = 0.6
MB_A_CALL, MB_A_PROCESS = 0.45, 45
KBIT_A_CALL = 160  # each way: µ-law in base64 and JSON, 50 messages a second, with the heads of TCP and IP
AUDIO_CORES = 8  # of one server: its handlers, which are one process, have a core or two besides


@dataclass(frozen=True)
class Cost:
    """Of a frame in the engine: what was measured."""

    median_us: float
    mean_us: float
    p99_us: float

    def scaled(self, mean_us: float) -> "Cost":
        """The same distribution on a slower or faster machine."""
        by = mean_us / self.mean_us
        return Cost(self.median_us * by, mean_us, self.p99_us * by)

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """A log-normal with the measured p99 over median, and the measured mean. Half of its spread is a call's state, which lasts."""
        sigma = np.log(self.p99_us / self.median_us) / 2.326
        frames, calls = shape
        stretch = 150  # frames: 3 s of talk or of silence
        state = rng.standard_normal((frames // stretch + 1, calls)).repeat(stretch, axis=0)[:frames]
        spread = (state + rng.standard_normal(shape)) / np.sqrt(2)
        return np.exp(sigma * spread - sigma**2 / 2) * self.mean_us


def measured(figures: dict[str, Any], scene: str = SCENE) -> Cost:
    """A scene's cost in bench/speed.json."""
    row = next(row for row in figures["call"]["scenes"] if row["name"] == scene)
    return Cost(row["median_us"], row["mean_us"], row["p99_us"])


def lateness_us(arrivals: np.ndarray, services: np.ndarray) -> np.ndarray:
    """From each arrival to the end of its service, in a queue of one server, first come, first served."""
    done = np.cumsum(services)
    begin = np.maximum.accumulate(arrivals - (done - services))
    return begin + done - arrivals


def simulate(
    cost: Cost, calls: int, *, seconds: float = 60, rest_us: float = REST_US, stall_ms: float = 0.0, stalls_per_s: float = 0.0, seed: int = 1
) -> dict[str, float]:  # fmt: skip
    """One process of audio with so many calls."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * 50)
    phases = np.sort(rng.uniform(0, FRAME_US, calls))
    arrivals = (np.arange(frames)[:, None] * FRAME_US + phases).ravel()
    services = (cost.draw((frames, calls), rng) + rest_us).ravel()
    load = services.sum() / (frames * FRAME_US)
    if stalls_per_s > 0:  # the frame that is being worked on then takes so much longer
        hit = rng.choice(len(services), rng.poisson(stalls_per_s * seconds), replace=False)
        services[hit] += rng.exponential(1000 * stall_ms, len(hit))
    late = lateness_us(arrivals, services)
    return {
        "calls": calls,
        "load": round(float(load), 3),
        "late_share": round(float((late > LATE_US).mean()), 5),
        "p99_ms": round(float(np.percentile(late, 99)) / 1000, 2),
        "latest_ms": round(float(late.max()) / 1000, 1),
    }


def knee(cost: Cost, **options: Any) -> int:
    """The most calls with which no more than `KNEE_SHARE` of the frames are late."""
    low, high = 1, int(2 * FRAME_US / (cost.mean_us + options.get("rest_us", REST_US))) + 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high)
            if simulate(cost, middle, seconds=30, **options)["late_share"] <= KNEE_SHARE
            else (low, middle)
        )
    return low


def per_core(frame_us: float) -> int:
    """Calls that load a core of audio to `TARGET_LOAD`."""
    return int(TARGET_LOAD * FRAME_US / frame_us)


def sizes(frame_us: float) -> list[dict[str, float]]:
    """What 10 to a million calls need."""
    core, handlers = per_core(frame_us), per_core(HANDLERS_US)
    server = min(AUDIO_CORES * core, handlers)  # calls of one server
    rows = []
    for calls in (10, 100, 1_000, 10_000, 100_000, 1_000_000):
        servers = -(-calls // server)
        audio = max(servers, -(-calls // core))
        processes = audio + servers
        rows.append({
            "calls": calls, "audio_cores": audio, "servers": servers, "cores": audio + 2 * servers if servers > 1 or audio > 1 else 2,
            "memory_gb": round((calls * MB_A_CALL + processes * MB_A_PROCESS) / 1024, 1), "gbit": round(calls * KBIT_A_CALL / 1e6, 3),
            "lost_share": round(1 / servers, 5),
        })  # fmt: skip
    return rows


def tables(result: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/scaling.md."""
    lines = [
        "| calls | load | frames > 5 ms late | p99 | latest | with stalls: > 5 ms late |",
        "|---|---|---|---|---|---|",
    ]
    for row, stalled in zip(result["sweep"], result["sweep_with_stalls"], strict=True):
        lines.append(f"| {row['calls']} | {row['load']:.2f} | {100 * row['late_share']:.2f} % | {row['p99_ms']:.1f} ms | {row['latest_ms']:.1f} ms | "
                     f"{100 * stalled['late_share']:.2f} % |")  # fmt: skip
    size = [
        "| calls | cores of audio | servers | cores in all | memory | network, each way | calls lost with one server |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["sizes"]:
        size.append(f"| {row['calls']:,} | {row['audio_cores']:,} | {row['servers']:,} | {row['cores']:,} | {row['memory_gb']:,.1f} GB | "
                    f"{row['gbit']:g} Gbit/s | {100 * row['lost_share']:g} % |")  # fmt: skip
    return {"late": "\n".join(lines), "sizes": "\n".join(size)}


def written(text: str, result: dict[str, Any]) -> str:
    """A page with its tables: `<!-- scaling:NAME -->` to `<!-- /scaling -->`."""
    made = tables(result)
    return re.sub(
        r"<!-- scaling:(\w+) -->\n.*?<!-- /scaling -->",
        lambda m: f"<!-- scaling:{m[1]} -->\n{made[m[1]]}\n<!-- /scaling -->",
        text,
        flags=re.S,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine-us", type=float, help="the engine's mean for a frame; default: bench/speed.json's")
    parser.add_argument("--rest-us", type=float, default=REST_US, help="a frame's time beside the engine's")
    parser.add_argument("--stall-ms", type=float, default=8.0, help="how long the machine stands still, on average")
    parser.add_argument("--stalls-per-s", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cost = measured(json.loads((HERE / "speed.json").read_text(encoding="utf-8")))
    cost = cost.scaled(args.engine_us) if args.engine_us else cost
    options = {"rest_us": args.rest_us}
    stalls = {"stall_ms": args.stall_ms, "stalls_per_s": args.stalls_per_s}
    result = {
        "cost": asdict(cost), "rest_us": args.rest_us, "stalls": stalls, "knee_calls": knee(cost, **options),
        "sweep": [simulate(cost, n, seconds=args.seconds, **options) for n in CALLS],
        "sweep_with_stalls": [simulate(cost, n, seconds=args.seconds, **options, **stalls) for n in CALLS],
        "sizes": sizes(cost.mean_us + args.rest_us),
    }  # fmt: skip
    for table in tables(result).values():
        print(table, end="\n\n")
    print(
        f"a frame: {cost.mean_us:.0f} µs in the engine, {args.rest_us:.0f} beside it; the knee ({100 * KNEE_SHARE:g} % late) is at {result['knee_calls']} calls a core"
    )
    if args.write:
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
