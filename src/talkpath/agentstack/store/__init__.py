"""What outlives a crash: agents, numbers, calls, sessions, callbacks that are owed. SQLite."""
