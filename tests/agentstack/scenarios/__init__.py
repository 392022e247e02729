"""Dialled calls against `talkpath agents`, with stand-ins for the providers. Skipped where the extra is not installed."""

import pytest

for module in ("websockets", "httpx", "h11", "starlette", "uvicorn"):
    pytest.importorskip(module, reason="needs the extra: talkpath[agentstack]")
