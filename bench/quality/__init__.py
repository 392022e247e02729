"""`make quality`: the figures of docs/quality.md, from installed packages and generated lines, through the call; peers beside it."""
