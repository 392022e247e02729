"""Recognisers, models and voices, by their own wire formats."""
