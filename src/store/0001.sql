-- `hrns`: tells these files from other SQLite databases.
PRAGMA application_id = 1752329843;

-- A run: what was planned, where, and how far it got. `plan` and the facts around it are written once;
-- state, trials, parallel, started and ended follow from events; heartbeat says that a writer lives.
CREATE TABLE runs (
    id        TEXT PRIMARY KEY,
    campaign  TEXT NOT NULL,
    plan      TEXT NOT NULL,
    sources   TEXT NOT NULL,
    version   TEXT NOT NULL,
    host      TEXT NOT NULL,
    created   TEXT NOT NULL,
    heartbeat TEXT NOT NULL,
    state     TEXT NOT NULL DEFAULT 'created',
    trials    INTEGER NOT NULL DEFAULT 0,
    parallel  INTEGER NOT NULL DEFAULT 0,
    started   TEXT,
    ended     TEXT
) STRICT;

-- The truth. Everything below it can be made from it.
CREATE TABLE events (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    run   TEXT NOT NULL REFERENCES runs (id),
    trial TEXT,
    at_us INTEGER NOT NULL,
    wall  TEXT NOT NULL,
    type  TEXT NOT NULL,
    body  TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_trial ON events (trial, seq);
CREATE INDEX events_of_run ON events (run, seq);
CREATE TRIGGER events_keep BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;

CREATE TABLE trials (
    id        TEXT PRIMARY KEY,
    run       TEXT NOT NULL REFERENCES runs (id),
    number    INTEGER NOT NULL,
    scenario  TEXT NOT NULL,
    variant   TEXT NOT NULL,
    repeat    INTEGER NOT NULL,
    seed      TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    started   TEXT NOT NULL,
    phase     TEXT,
    ended     TEXT,
    took_us   INTEGER,
    status    TEXT,
    outcome   TEXT,
    session   TEXT,
    reason    TEXT,
    leaked    INTEGER
) STRICT;
CREATE INDEX trials_of_run ON trials (run, number);

CREATE TABLE phases (
    seq       INTEGER PRIMARY KEY,
    trial     TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    phase     TEXT NOT NULL,
    start_us  INTEGER NOT NULL,
    end_us    INTEGER,
    timed_out INTEGER
) STRICT;
CREATE INDEX phases_of_trial ON phases (trial);

CREATE TABLE faults (
    trial       TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    fault       INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    targets     TEXT NOT NULL,
    detail      TEXT NOT NULL,
    undo        TEXT,
    injected_us INTEGER,
    landed      INTEGER,
    evidence    TEXT,
    gone_us     INTEGER,
    healed_us   INTEGER,
    heal_proven INTEGER,
    PRIMARY KEY (trial, fault)
) STRICT;

CREATE TABLE tickets (
    trial     TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    ticket    INTEGER NOT NULL,
    invariant TEXT NOT NULL,
    summary   TEXT NOT NULL,
    opened_us INTEGER NOT NULL,
    folded    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trial, ticket)
) STRICT;

CREATE TABLE sessions (
    seq        INTEGER PRIMARY KEY,
    trial      TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    ticket     INTEGER NOT NULL,
    operator   TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us   INTEGER,
    session    TEXT,
    summary    TEXT,
    working_us INTEGER
) STRICT;
CREATE INDEX sessions_of_trial ON sessions (trial);

CREATE TABLE commands (
    seq        INTEGER PRIMARY KEY,
    trial      TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    command    INTEGER NOT NULL,
    line       TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us   INTEGER,
    ended_seq  INTEGER,
    exit       INTEGER,
    timed_out  INTEGER,
    took_us    INTEGER,
    cut_bytes  INTEGER
) STRICT;
CREATE INDEX commands_of_trial ON commands (trial, command);

-- The transcript: which events belong to it. Their text is in `events`, once.
CREATE TABLE log_entries (
    seq   INTEGER PRIMARY KEY REFERENCES events (seq),
    trial TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    kind  TEXT NOT NULL
) STRICT;
CREATE INDEX log_entries_of_trial ON log_entries (trial, seq);

CREATE TABLE probe_samples (
    seq       INTEGER PRIMARY KEY,
    trial     TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    at_us     INTEGER NOT NULL,
    invariant TEXT NOT NULL,
    ok        INTEGER,
    value     REAL
) STRICT;
CREATE INDEX probe_samples_of_trial ON probe_samples (trial, seq);

CREATE TABLE load_samples (
    seq           INTEGER NOT NULL,
    trial         TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    at_us         INTEGER NOT NULL,
    slice_us      INTEGER NOT NULL,
    op            TEXT NOT NULL,
    ok            INTEGER NOT NULL,
    failed        INTEGER NOT NULL,
    indeterminate INTEGER NOT NULL,
    p50_us        INTEGER NOT NULL,
    p99_us        INTEGER NOT NULL,
    max_us        INTEGER NOT NULL,
    PRIMARY KEY (seq, op)
) STRICT;
CREATE INDEX load_samples_of_trial ON load_samples (trial, seq);

-- What the scorer said last, as JSON; `harness report` computes it anew from events.
CREATE TABLE scores (
    trial TEXT PRIMARY KEY REFERENCES trials (id) ON DELETE CASCADE,
    score TEXT NOT NULL
) STRICT;
