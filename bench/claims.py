"""Measures what README claims of a call and writes it there; a test compares README and docs with what was measured.

    python bench/claims.py --kit FOLDER        # quality: `call/run_tones.py` and `call/echo_product.py` of the measuring kits there
    python bench/claims.py --cost              # times: bench/call_cost.py
    python bench/claims.py                     # only write the tables again, from bench/claims.json

Everything is measured through `CallPipeline`, frame by frame, as a server does it.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CLAIMS = HERE / "claims.json"
PAGES = ("README.md", "docs/measured.md")


# --- measuring ----------------------------------------------------------------------------------------------------------


def run(command: list[str], folder: Path) -> str:
    print("+", " ".join(command), file=sys.stderr)
    done = subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def quality(kit: Path) -> dict[str, Any]:
    """The kits write beside themselves: they run in a copy."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(kit, Path(scratch) / "eval", copy_function=shutil.copyfile)
        folder = Path(scratch) / "eval/call"
        for bench in ("amd", "beep", "dtmf"):
            run(["run_tones.py", f"bench_{bench}.py", "--only", "talkpath"], folder)
            found[bench] = json.loads((folder / f"results/{bench}_talkpath.json").read_text())["peers"]["talkpath"]
        for bulky in ("rows", "groups", "false_alarms"):
            found[bench].pop(bulky, None)
        for min_ms in (100, 300):
            lines = run(["echo_product.py", str(min_ms)], folder).splitlines()
            found[f"barge_in_{min_ms}"] = json.loads(lines[-1])
    return found


def cost(seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cost.json"
        print(run([str(HERE / "call_cost.py"), "--seconds", str(seconds), "--json", str(path)], HERE))
        found: dict[str, Any] = json.loads(path.read_text())
        return found


# --- writing ------------------------------------------------------------------------------------------------------------


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def quality_table(q: dict[str, Any]) -> str:
    amd, beep, dtmf = q["amd"], q["beep"], q["dtmf"]
    alarms = sum(group["alarms"] for group in beep["false_alarm_groups"].values())
    hours = sum(group["hours"] for group in beep["false_alarm_groups"].values())
    hits = sum(group["hits"] for group in dtmf["talkoff"].values())
    talk_hours = sum(group["hours"] for group in dtmf["talkoff"].values())
    rows = [
        ("who answered (`voicemail.detected`)",
         f"{percent(amd['balanced_robust'])} right: machines {percent(amd['machine']['accuracy'])}, people {percent(amd['human']['accuracy'])}, "
         f"people who say more than a second {percent(amd['human_long']['accuracy'])}; {amd['human']['dead_air_p50']:.2f} s after a person's hello"),
        ("the beep (`voicemail.beep`)",
         f"{percent(beep['generated']['recall'])} found, {1000 * beep['generated']['lat_end_p50']:.0f} ms after its end; {alarms} false in {hours:.1f} h of speech, music and tones"),
        ("keys (`user.dtmf`)",
         f"{dtmf['accept_tests_passed']} accept and {dtmf['reject_tests_passed']} reject tests passed; {hits} false in {talk_hours:.1f} h"),
    ]  # fmt: skip
    for min_ms in (100, 300):
        b = q[f"barge_in_{min_ms}"]
        echo, none = b["echo"], b["none"]
        rows.append((
            f"interruptions, {min_ms} ms of speech",
            f"{percent(echo['right'])} of calls right with echo, {percent(none['right'])} without; found in 500 ms {percent(echo['d500'])} and "
            f"{percent(none['d500'])}; {echo['false'] + none['false']} false in {echo['n'] + none['n']} calls",
        ))  # fmt: skip
    return "\n".join(["| of a call | measured |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def cost_table(c: dict[str, Any]) -> str:
    lines = [
        "| 20 ms in and out | median | mean | p99 | mean, of ours with noise suppression |",
        "|---|---|---|---|---|",
    ]
    full = next(row["mean_us"] for row in c["scenes"] if "noise suppression" in row["name"])
    for row in [*c["scenes"], *c["peers"]]:
        lines.append(
            f"| {row['name']} | {row['median_us']:.0f} µs | {row['mean_us']:.0f} µs | {row['p99_us']:.0f} µs | {row['mean_us'] / full:.2f} |"
        )
    return "\n".join([*lines, "", f"{c['machine']}, one core; {c['scenes'][0]['memory_kb']} KB a call."])


TABLES = {"quality": quality_table, "cost": cost_table}


def written(text: str, claims: dict[str, Any]) -> str:
    """A page with the tables that its markers ask for: `<!-- claims:NAME -->` to `<!-- /claims -->`."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        body = TABLES[name](claims[name]) if name in claims else "(not measured yet)"
        return f"<!-- claims:{name} -->\n{body}\n<!-- /claims -->"

    return re.sub(r"<!-- claims:(\w+) -->\n.*?<!-- /claims -->", table, text, flags=re.S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kit", type=Path, help="folder of the measuring kits (with call/, tones/, echo/, data/)")
    parser.add_argument("--cost", action="store_true", help="time the scenes")
    parser.add_argument("--seconds", type=int, default=63, help="of each scene")
    args = parser.parse_args()
    claims = json.loads(CLAIMS.read_text(encoding="utf-8")) if CLAIMS.exists() else {}
    if args.kit:
        claims["quality"] = quality(args.kit.resolve())
    if args.cost:
        claims["cost"] = cost(args.seconds)
    CLAIMS.write_text(json.dumps(claims, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for page in PAGES:
        path = ROOT / page
        path.write_text(written(path.read_text(encoding="utf-8"), claims), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
