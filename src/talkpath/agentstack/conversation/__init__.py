"""Hear, answer, speak: one call's talk."""
