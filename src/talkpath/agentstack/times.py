"""Times as they are written: ISO 8601 in UTC, with milliseconds, so that they sort as text."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(at: datetime) -> str:
    """ "2026-01-31T12:00:00.000Z"; a time without a zone is taken for UTC."""
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def now_iso() -> str:
    """The time now."""
    return iso(datetime.now(UTC))


def canonical(text: str) -> str:
    """The same time in our spelling.

    Raises
    ------
    ValueError
        It is no ISO 8601 time.
    """
    try:
        return iso(datetime.fromisoformat(text))
    except OverflowError as problem:  # the years 1 and 9999, moved to UTC
        raise ValueError(str(problem)) from None


def seconds_between(begin: str, end: str) -> int:
    """Whole seconds from one time to another, not below 0."""
    return max(
        0, round((datetime.fromisoformat(canonical(end)) - datetime.fromisoformat(canonical(begin))).total_seconds())
    )
