"""The tables, and how an older file becomes a newer one. A step that has been released is never changed: add another."""

MIGRATIONS = (
    """
    CREATE TABLE agents (
        agent_uuid TEXT PRIMARY KEY,
        agent_name TEXT NOT NULL,
        agent_mode TEXT NOT NULL,
        participant_mode TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    );
    CREATE INDEX agents_created ON agents (created_at);
    CREATE TABLE numbers (
        digits TEXT PRIMARY KEY,
        number TEXT NOT NULL,
        agent_uuid TEXT NOT NULL REFERENCES agents ON DELETE CASCADE,
        created_at TEXT NOT NULL
    );
    CREATE INDEX numbers_agent ON numbers (agent_uuid);
    CREATE TABLE calls (
        call_uuid TEXT PRIMARY KEY,
        direction TEXT NOT NULL,
        from_number TEXT NOT NULL,
        to_number TEXT NOT NULL,
        agent_uuid TEXT,
        created_at TEXT NOT NULL,
        callbacks TEXT NOT NULL,
        answered_at TEXT,
        ended_at TEXT,
        duration_s INTEGER,
        cause TEXT
    );
    CREATE INDEX calls_live ON calls (created_at) WHERE ended_at IS NULL;
    CREATE TABLE sessions (
        agent_session_id TEXT PRIMARY KEY,
        agent_uuid TEXT NOT NULL,
        agent_name TEXT NOT NULL,
        call_uuid TEXT NOT NULL,
        from_number TEXT NOT NULL,
        to_number TEXT NOT NULL,
        agent_mode TEXT NOT NULL,
        participant_mode TEXT NOT NULL,
        state TEXT NOT NULL,
        created_at TEXT NOT NULL,
        ended_at TEXT,
        duration_seconds INTEGER NOT NULL DEFAULT 0,
        turn_count INTEGER NOT NULL DEFAULT 0,
        reason TEXT,
        error TEXT,
        transcript TEXT,
        record_url TEXT,
        usage TEXT NOT NULL DEFAULT '[]'
    );
    CREATE INDEX sessions_created ON sessions (created_at);
    CREATE INDEX sessions_agent ON sessions (agent_uuid, created_at);
    CREATE INDEX sessions_call ON sessions (call_uuid);
    CREATE TABLE session_events (
        id INTEGER PRIMARY KEY,
        agent_session_id TEXT NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL
    );
    CREATE INDEX session_events_session ON session_events (agent_session_id, id);
    CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        call_uuid TEXT NOT NULL,
        kind TEXT NOT NULL,
        url TEXT NOT NULL,
        method TEXT NOT NULL,
        body TEXT NOT NULL,
        tries INTEGER NOT NULL,
        created_at TEXT NOT NULL
    );
    """,
)
