"""Writes docs/benchmarks, docs/quality.md and README's tables from what was measured: bench/speed.json and bench/quality.json.

    python bench/figure_pages.py

`make bench` and `make quality` do it behind the measuring; a test compares the pages with the figures.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE)]
import speed_tables  # noqa: E402
from quality import tables as quality_tables  # noqa: E402

SPEED, QUALITY = HERE / "speed.json", HERE / "quality.json"
MARKED = ("README.md",)  # tables between marks
Table = Callable[[dict[str, Any]], str]
TABLES: dict[str, Table] = {**speed_tables.TABLES, **quality_tables.TABLES}
WHOLE: dict[str, Table] = {"docs/benchmarks/README.md": speed_tables.page, "docs/quality.md": quality_tables.page}


def measured() -> dict[str, Any]:
    """Both files' figures: {"speed": …, "quality": …}."""
    names = {"speed": SPEED, "quality": QUALITY}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in names.items() if path.exists()}


def marked(text: str, found: dict[str, Any]) -> str:
    """A page with the tables that its marks ask for: `<!-- figures:NAME -->` to `<!-- /figures -->`."""

    def table(match: re.Match[str]) -> str:
        return f"<!-- figures:{match[1]} -->\n{TABLES[match[1]](found)}\n<!-- /figures -->"

    return re.sub(r"<!-- figures:(\w+) -->\n.*?<!-- /figures -->", table, text, flags=re.S)


def write_pages() -> None:
    found = measured()
    for page in MARKED:
        path = ROOT / page
        path.write_text(marked(path.read_text(encoding="utf-8"), found), encoding="utf-8")
    for page, table in WHOLE.items():
        path = ROOT / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(table(found), encoding="utf-8")
    try:
        import plots
    except ImportError:
        print("matplotlib is not installed: the plots stay as they are", file=sys.stderr)
        return
    plots.write(found, ROOT / "docs/benchmarks")


if __name__ == "__main__":
    write_pages()
