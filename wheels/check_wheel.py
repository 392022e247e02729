"""Checks wheels: what is inside, how large, whether the tag tells the truth.

python wheels/check_wheel.py DIR|WHEEL …
"""

import sys
import zipfile
from pathlib import Path

MAX_KB = 1340  # the engine 550, the agent stack 220, streams, server and phone 165, example calls 94, report, scan and measures 90, the rest 185
NEEDED = ("talkpath/__init__.py", "talkpath/py.typed", "talkpath/_core.pyi", "talkpath/data/example_inbound.wav",
          "talkpath/data/local_telephone_bands.json", "talkpath/report/template/call.html.j2")  # fmt: skip
FORBIDDEN = (".c", ".h", ".pyx", ".pxi", ".pxd", ".o", ".a")


def problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel; empty when nothing is."""
    found = []
    names = zipfile.ZipFile(wheel).namelist()
    found += [f"lacks {name}" for name in NEEDED if name not in names]
    found += [f"holds {name}" for name in names if name.endswith(FORBIDDEN)]
    modules = [n for n in names if n.endswith((".so", ".pyd"))]
    tag = wheel.stem.split("-")[2:4]
    if len(modules) != 1:
        found.append(f"holds {len(modules)} compiled modules: {modules}")
    elif tag == ["cp311", "abi3"]:
        if not modules[0].endswith((".abi3.so", "_core.pyd")):
            found.append(f"is tagged abi3, but its module is {modules[0]}")
    elif not tag[0].endswith("t") and not tag[1].endswith("t"):
        found.append(f"is tagged {'-'.join(tag)}: neither abi3 nor free-threaded")
    size_kb = wheel.stat().st_size / 1024
    if size_kb > MAX_KB:
        found.append(f"has {size_kb:.0f} KB, {MAX_KB} are allowed")
    return found


def main() -> int:
    wheels = [w for a in map(Path, sys.argv[1:]) for w in (sorted(a.glob("talkpath-*.whl")) if a.is_dir() else [a])]
    if not wheels:
        print("no wheels to check")
        return 1
    bad = 0
    for wheel in wheels:
        found = problems(wheel)
        bad += bool(found)
        print(f"{wheel.name}: {wheel.stat().st_size / 1024:.0f} KB, {'; '.join(found) or 'contents fine'}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
