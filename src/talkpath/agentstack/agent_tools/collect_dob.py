"""`collect_dob`: a date of birth that exists and is not to come."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.collector import Collector, Form, Found, Unfit, strings, text_of
from talkpath.agentstack.providers.base import Tool

OLDEST_YEARS = 125
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class CollectDob(Collector):
    """An agent's `collect_dob`: `include_time` (False)."""

    def __init__(self, config: Mapping[str, Any], today: Callable[[], date] = date.today) -> None:
        timed = config.get("include_time", False)
        if not isinstance(timed, bool):
            raise AgentError("config.include_time", "must be true or false")
        self._timed, self._today = timed, today
        described = {"date_of_birth": "As YYYY-MM-DD."}
        if timed:
            described["time_of_birth"] = "As HH:MM, 24 hours."
        super().__init__(
            Form(
                "collect_dob",
                "Collect the user's date of birth.",
                "the caller's date of birth" + (" and the time of day" if timed else ""),
                'numbers may be words; "oh four oh five" may be April 5 or 4 May: ask where it is not clear. A year of two digits is one in the past.',
                Tool("submit", "Submit the date of birth that the caller gave.", strings(*described, **described)),
                self._read,
                "Ask the user for their date of birth.",
            ),
            config,
        )

    def _read(self, arguments: Mapping[str, Any]) -> Found:
        said = text_of(arguments, "date_of_birth")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", said):
            raise Unfit("date_of_birth must be given as YYYY-MM-DD")
        try:
            born = date.fromisoformat(said)
        except ValueError:
            raise Unfit("there is no such date") from None
        today = self._today()
        if born > today:
            raise Unfit("this date is in the future")
        if today.year - born.year > OLDEST_YEARS:
            raise Unfit(f"that is more than {OLDEST_YEARS} years ago")
        value = {"date_of_birth": born.isoformat()}
        read_back = f"{_MONTHS[born.month - 1]} {born.day}, {born.year}"
        if self._timed:
            time = text_of(arguments, "time_of_birth")
            if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", time):
                raise Unfit("time_of_birth must be given as HH:MM, 00:00 to 23:59")
            value["time_of_birth"] = time
            read_back += f", at {time}"
        return Found(value, read_back)
