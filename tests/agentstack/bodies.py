"""Bodies of agents, as the SDK sends them."""

from typing import Any

TOOL = {"name": "lookup_order", "description": "Look up an order.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}}  # fmt: skip
MINIMAL: dict[str, Any] = {
    "agent_name": "a",
    "websocket_url": "ws://localhost:9000/ws",
    "stt": {},
    "llm": {},
    "tts": {},
}
# What the example script sends, as it was seen on the wire (prompt and tools shortened).
SEED: dict[str, Any] = {
    "agent_name": "Acme Support Agent",
    "stt": {"provider": "deepgram", "model": "nova-3", "language": "en", "api_key": "dg-0123456789abcdef"},
    "llm": {
        "provider": "openai", "model": "gpt-4o", "temperature": 0.2, "api_key": "", "system_prompt": "You help.",
        "tools": [
            TOOL,
            {"name": "play_hold_music", "description": "Play it.", "parameters": {"type": "object", "properties": {}}},
            {"name": "end_call", "description": "End it.", "parameters": {
                "type": "object", "properties": {"reason": {"type": "string", "description": "Why."}}, "required": []}},
        ],
    },
    "tts": {
        "provider": "elevenlabs", "voice": "EXAVITQu4vr4xnSDxMaL", "model": "eleven_flash_v2_5", "api_key": "",
        "output_format": "pcm_16000", "stability": 0.5, "similarity_boost": 0.75,
    },
    "agent_tools": [{"type": "collect_email", "config": {
        "tool_name": "collect_email", "tool_description": "Collect an email address from the user.", "require_confirmation": True,
        "on_enter_message": "Ask the user to provide their email address.", "timeout_s": 60.0}}],
    "semantic_vad": {
        "completed_turn_delay_ms": 150, "incomplete_turn_delay_ms": 1400, "uncertain_turn_delay_ms": 700,
        "min_interruption_duration_ms": 300, "false_interruption_timeout_ms": 750},
    "welcome_greeting": "Hi there! Thanks for calling Acme Corp. How can I help you today?",
    "websocket_url": "ws://localhost:9000/ws",
    "speaks_first": "agent",
    "idle_timeout": {
        "no_response_timeout_ms": 15000, "extended_wait_time_ms": 30000, "max_retries": 3,
        "hangup_message": "I haven't heard from you, so I'll end the call. Goodbye."},
    "allow_interruptions": True,
    "greeting_interruptible": True,
    "greeting_interrupt_duration": 0.5,
    "callbacks": {
        "hangup": {"url": "http://localhost:9001/callbacks/hangup", "method": "POST"},
        "recording": {"url": "http://localhost:9001/callbacks/recording", "method": "POST"}},
}  # fmt: skip


def body(**changes: Any) -> dict[str, Any]:
    """The smallest agent there is, with some fields changed; a path with dots for one of an object. None: the field is gone."""
    found = {name: dict(value) if isinstance(value, dict) else value for name, value in MINIMAL.items()}
    for path, value in changes.items():
        *above, name = path.split("__")
        at = found
        for step in above:
            at = at.setdefault(step, {})
        if value is None:
            at.pop(name, None)
        else:
            at[name] = value
    return found
