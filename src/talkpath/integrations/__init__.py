"""Adapters for the frameworks that phone agents are written in. They hold no sound and no protocol; each needs its extra."""
