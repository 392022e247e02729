"""One phone call, and many: configuration, both paths, events, logs."""
