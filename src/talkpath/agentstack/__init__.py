"""A voice-agent platform on one's own machine: agents by REST, events to the customer's program, speech in and out. Extra `agentstack`."""
