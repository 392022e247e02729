"""Whoever places calls."""
