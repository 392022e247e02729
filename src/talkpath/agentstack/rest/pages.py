"""Lists: what the query asks for, in both spellings of the SDKs, and what the answer says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from talkpath.agentstack.rest.replies import RestError
from talkpath.agentstack.store.queries import Filter, Page
from talkpath.agentstack.times import canonical

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Listing:
    """A page that was asked for; `page_number` where it was by `page` and `per_page`, as older SDKs do."""

    page: Page
    page_number: int | None = None

    def answer(self, request: Request, objects: Sequence[Mapping[str, Any]], total: int) -> dict[str, Any]:
        """The list and its `meta`, in the spelling of the question."""
        limit, offset = self.page.limit, self.page.offset
        if self.page_number is not None:
            meta: dict[str, Any] = {
                "page": self.page_number,
                "per_page": limit,
                "total": total,
                "total_pages": -(-total // limit),
            }
            return {"data": list(objects), "meta": meta}
        others = [
            (name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "offset")
        ]

        def at(there: int) -> str:
            return f"{request.url.path}?{urlencode([*others, ('limit', limit), ('offset', there)])}"

        meta = {
            "limit": limit,
            "offset": offset,
            "total_count": total,
            "previous": at(max(0, offset - limit)) if offset > 0 else None,
            "next": at(offset + limit) if offset + limit < total else None,
        }
        return {"objects": list(objects), "meta": meta}


def listing_of(request: Request, orders: Sequence[str]) -> Listing:
    """`limit, offset, sort_by, sort_order`, or `page, per_page`. Raises `RestError`."""
    query = request.query_params
    sort_by = query.get("sort_by") or "created_at"
    if sort_by not in orders:
        raise RestError(400, f"sort_by must be one of {', '.join(orders)} (got {sort_by[:60]!r})")
    sort_order = (query.get("sort_order") or "desc").lower()
    if sort_order not in ("asc", "desc"):
        raise RestError(400, f"sort_order must be asc or desc (got {sort_order[:60]!r})")
    is_descending = sort_order == "desc"
    if "page" in query or "per_page" in query:
        number = whole(query, "page", 1, 1, 10_000_000)
        per_page = whole(query, "per_page", DEFAULT_LIMIT, 1, MAX_LIMIT)
        return Listing(Page(per_page, (number - 1) * per_page, sort_by, is_descending), number)
    limit = whole(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    return Listing(Page(limit, whole(query, "offset", 0, 0, _MOST), sort_by, is_descending))


def whole(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises `RestError`."""
    text = query.get(name, "")
    if text == "":
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise RestError(400, f"{name} must be a whole number, {low} to {high} (got {text[:60]!r})")
    return int(text)


def filter_of(
    request: Request,
    equal: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[str, Callable[[Mapping[str, str], str], Any]]] | None = None,
) -> Filter:
    """What the query wants rows to be.

    Parameters
    ----------
    request : Request
    equal : mapping
        Name in the query to column.
    bounds : mapping
        Name without `__gte` and `__lte` to column and parser.
    """
    query = request.query_params
    same = {column: query[name] for name, column in (equal or {}).items() if query.get(name)}
    edges: dict[str, dict[str, Any]] = {"__gte": {}, "__lte": {}}
    for name, (column, parse) in (bounds or {}).items():
        for suffix, found in edges.items():
            if query.get(name + suffix):
                found[column] = parse(query, name + suffix)
    phone_number = query.get("phone_number") if bounds else None
    if phone_number and phone_number.startswith(" "):
        phone_number = "+" + phone_number[1:]  # an unescaped plus
    return Filter(same, edges["__gte"], edges["__lte"], phone_number or None)


def time_of(query: Mapping[str, str], name: str) -> str:
    """An ISO 8601 time. Raises `RestError`."""
    text = query[name]
    try:
        return canonical(text.replace(" ", "+") if "T" in text else text)  # an unescaped plus before the zone
    except ValueError:
        raise RestError(400, f"{name} must be an ISO 8601 time (got {text[:60]!r})") from None


def seconds_of(query: Mapping[str, str], name: str) -> int:
    """Whole seconds. Raises `RestError`."""
    return whole(query, name, 0, 0, _MOST)
