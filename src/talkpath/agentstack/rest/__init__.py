"""HTTP for the customer: agents, numbers, calls, sessions."""
