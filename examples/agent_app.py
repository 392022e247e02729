"""An agent of the platform: made over REST, served over its event socket. What a customer of `talkpath agents` writes.

TALKPATH_PROVIDERS=local PLIVO_AUTH_ID=MADEMO PLIVO_AUTH_TOKEN=secret talkpath agents     # the platform, no key and no network
PLIVO_AUTH_ID=MADEMO PLIVO_AUTH_TOKEN=secret python examples/agent_app.py                # this
talkpath dial ws://127.0.0.1:8080/plivo/AGENT_UUID --provider plivo                       # a call; its uuid is printed
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import httpx
from websockets.asyncio.server import ServerConnection, serve

Event = dict[str, Any]
Handler = Callable[["Session", Event], None]

ORDERS = {
    "ORD-100": {"status": "shipped", "eta": "February 15", "tracking": "1Z999AA10123456784"},
    "ORD-200": {"status": "processing", "eta": "February 20", "tracking": None},
}
HUMAN = "+18005551234"
REASON = {"type": "object", "properties": {"reason": {"type": "string", "description": "Why"}}, "required": ["reason"]}
TOOLS = [
    {
        "name": "lookup_order",
        "description": "Look up an order by its ID (e.g. ORD-100)",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string", "description": "The order ID"}},
            "required": ["order_id"],
        },
    },
    {"name": "transfer_to_human", "description": "Transfer the call to a human agent", "parameters": REASON},
    {"name": "escalate", "description": "Escalate to a specialist for complex issues", "parameters": REASON},
    {"name": "end_call", "description": "End the call", "parameters": {"type": "object", "properties": {}}},
]


# --- a small SDK --------------------------------------------------------------------------------------------------------------


class Session:
    """One call, as the app sees it: what it does is sent in order."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[Event] = asyncio.Queue()

    def send(self, kind: str, **fields: Any) -> None:
        """Any message."""
        self.outbox.put_nowait({"type": kind, **fields})

    def speak(self, text: str) -> None:
        """Say this, after what is being said."""
        self.send("agent_session.speak", text=text)

    def transfer(self, *numbers: str) -> None:
        """Hand the caller to the first of these who answers, when all has been said."""
        self.send("agent_session.transfer", destination=list(numbers), dial_mode="parallel", timeout=30)

    def hang_up(self) -> None:
        """When all has been said."""
        self.send("agent_session.hangup")

    def tool_result(self, call: Event, result: Any) -> None:
        """What a tool gave."""
        self.send("tool.result", id=call["id"], result=result)


class App:
    """Handlers by the type of their event. The platform connects once a call."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self.seen: Callable[[Event], None] = lambda event: None  # of every event

    def on(self, kind: str) -> Callable[[Handler], Handler]:
        """Decorates a handler."""

        def keep(handler: Handler) -> Handler:
            self._handlers[kind] = handler
            return handler

        return keep

    async def call(self, socket: ServerConnection) -> None:
        """One connection, until `session.ended`."""
        session = Session()

        async def write() -> None:
            while True:
                await socket.send(json.dumps(await session.outbox.get()))

        writer = asyncio.create_task(write())
        try:
            async for data in socket:
                event = json.loads(data)
                self.seen(event)
                if handler := self._handlers.get(event.get("type") or event.get("event")):
                    handler(session, event)
                if event.get("type") == "session.ended":
                    return
        finally:
            writer.cancel()

    async def serve(self, port: int, ready: Callable[[int], Any] = lambda port: None) -> None:
        """Until it is cancelled; `ready` gets the port."""
        async with serve(self.call, "127.0.0.1", port) as server:
            ready(server.sockets[0].getsockname()[1])
            await server.serve_forever()


async def create_agent(url: str, auth: tuple[str, str], agent: Event) -> str:
    """Its uuid."""
    async with httpx.AsyncClient(auth=auth, timeout=30) as client:
        reply = await client.post(f"{url}/v1/Account/{auth[0]}/Agent", json=agent)
        reply.raise_for_status()
        return str(reply.json()["agent_uuid"])


# --- the agent ----------------------------------------------------------------------------------------------------------------


def support_agent(websocket_url: str, callback_url: str = "") -> Event:
    """What REST is told. Every provider is the embedded default where the platform has TALKPATH_PROVIDERS=local."""
    agent: Event = {
        "agent_name": "Acme Support Agent",
        "stt": {"provider": "deepgram", "model": "nova-3", "language": "en",
                "keywords": ["order one hundred", "order two hundred", "where is my order"]},
        "llm": {
            "provider": "openai",
            "model": "gpt-4o",
            "system_prompt": "You are a friendly support agent of Acme. Be brief. Look orders up with lookup_order.",
            "tools": TOOLS,
        },
        "tts": {"provider": "elevenlabs", "output_format": "pcm_16000"},
        "semantic_vad": {"completed_turn_delay_ms": 250, "incomplete_turn_delay_ms": 1400, "uncertain_turn_delay_ms": 700,
                         "min_interruption_duration_ms": 300, "false_interruption_timeout_ms": 750},
        "welcome_greeting": "Hi there! Thanks for calling Acme. How can I help you today?",
        "websocket_url": websocket_url,
        "agent_tools": [{"type": "collect_email", "config": {"on_enter_message": "Ask for the email address."}}],
        "events": {"metrics_events": True},
    }  # fmt: skip
    if callback_url:
        agent["callbacks"] = {
            kind: {"url": f"{callback_url}/{kind}", "method": "POST"} for kind in ("hangup", "recording")
        }
    return agent


app = App()


@app.on("tool.called")
def on_tool(session: Session, call: Event) -> None:
    """The model wants something done."""
    match call["name"]:
        case "lookup_order":
            order_id = call["arguments"].get("order_id", "")
            session.tool_result(call, ORDERS.get(order_id, {"error": f"Order {order_id} not found"}))
        case "transfer_to_human":
            session.speak("Let me transfer you to a specialist. One moment please.")
            session.transfer(HUMAN)
        case "escalate":
            session.speak("I am sorry about that.")
            session.tool_result(call, {"status": "escalated"})
        case "end_call":
            session.speak("Thanks for calling Acme. Goodbye!")
            session.tool_result(call, {"status": "ending"})
            session.hang_up()
        case name:
            session.send("tool.error", id=call["id"], error=f"Unknown tool: {name}")


@app.on("user.dtmf")
def on_key(session: Session, event: Event) -> None:
    """The caller pressed a key."""
    if event["digit"] == "0":
        session.speak("Transferring you to a person.")
        session.transfer(HUMAN)
    else:
        session.speak(f"You pressed {event['digit']}. For a person, press zero.")


async def main() -> None:
    """Make the agent, and serve it on port 9000."""
    auth = (os.environ["PLIVO_AUTH_ID"], os.environ["PLIVO_AUTH_TOKEN"])
    url = os.environ.get("PLIVO_API_URL", "http://127.0.0.1:8000").rstrip("/")
    print("agent", await create_agent(url, auth, support_agent("ws://127.0.0.1:9000/ws")))
    app.seen = lambda event: print(json.dumps(event))
    await app.serve(9000)


if __name__ == "__main__":
    asyncio.run(main())
