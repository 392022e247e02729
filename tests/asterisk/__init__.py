"""Calls from a real telephone system, Asterisk, to `MediaServer`."""
