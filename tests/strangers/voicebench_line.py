"""Voicebench's WebSocket adapter on a line of the Vonage dialect: it sends raw L16 already; only the words differ.

voicebench run SCENARIO.yaml -a voicebench_line:VonageLine --url ws://HOST:8080/vonage
"""

import json
from typing import Any

from voicebench.adapters.base import AgentClear
from voicebench.adapters.websocket import WebSocketAdapter


class VonageLine(WebSocketAdapter):
    """Says that it is connected, and drops what has not played when the server clears."""

    name = "vonage-line"

    def __init__(self, **options: Any) -> None:
        hello = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}
        super().__init__(**{"start_message": hello, **options})

    def handle_text(self, message: str, now: float) -> None:
        """Clear, as Vonage's servers say it."""
        if json.loads(message).get("action") == "clear":
            self.emit(AgentClear(now))
