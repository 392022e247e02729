"""Adapters for frameworks of voice agents; each needs its extra."""
