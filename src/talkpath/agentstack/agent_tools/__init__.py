"""Sub-agents that collect one thing."""
