"""Log lines: one JSON object a line, whatever is logged by whom."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """One JSON object a line.

    A message that is a JSON object itself, as the server's are, gives its fields to the line; any other is "message". What was raised is
    "exception", with the whole traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        text = record.getMessage()
        fields = _object(text)
        line |= {"message": text} if fields is None else fields
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def log_json_lines(level: int = logging.INFO) -> None:
    """All logs of this process go to stderr as `JsonLines`. In a process that was started anew it must be called again."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("websockets", "picows"):  # a line for every connection that breaks off is a flood's echo
        logging.getLogger(name).setLevel(logging.WARNING)
