-- Times are whole microseconds since 1970 UTC; spans of time are microseconds too.
-- Tables that grow with traffic are ordered by time, or are small because they are purged; their
-- further indexes are partial, so that a finished verification leaves them. Then a start costs the
-- same with ten rows as with ten million.

-- One claim to one phone number, from its start to its one ending.
-- row_key: 48 bits of milliseconds and 80 random bits; callers see a keyed permutation of it.
-- number_index finds a number again, number_sealed says which it is; both need the secret keys.
-- is_pending and changes_at are copied from the state machine, so that SQL needs none of its words.
CREATE TABLE verification (
    row_key       BLOB    PRIMARY KEY CHECK (length(row_key) = 16),
    client        TEXT    NOT NULL,
    number_index  BLOB    NOT NULL,
    number_sealed BLOB    NOT NULL,
    policy        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    support_code  TEXT    NOT NULL,
    purpose       TEXT,
    locale        TEXT,
    nonce         TEXT,
    reference     TEXT,
    status        TEXT    NOT NULL,
    attempts      INTEGER NOT NULL,
    ended_at      INTEGER,
    approved_by   TEXT,
    is_pending    INTEGER NOT NULL,
    changes_at    INTEGER
) STRICT, WITHOUT ROWID;

-- Which one a start resumes.
CREATE INDEX verification_pending ON verification (number_index, client) WHERE is_pending;
-- Which ones time will change, for the sweeper.
CREATE INDEX verification_changing ON verification (changes_at) WHERE changes_at IS NOT NULL;
-- A client's look-up by its own reference.
CREATE INDEX verification_reference ON verification (client, reference)
    WHERE reference IS NOT NULL;

-- One passcode sent once over one channel; digest is its keyed digest, never the code.
-- leased_until says how long the challenge belongs to the sender that holds claim.
CREATE TABLE challenge (
    verification BLOB    NOT NULL REFERENCES verification ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    channel      TEXT    NOT NULL,
    queued_at    INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    delivery     TEXT    NOT NULL,
    reason       TEXT,
    tries        INTEGER NOT NULL,
    claim        TEXT,
    handed_by    TEXT,
    digest       TEXT,
    route        TEXT,
    provider_id  TEXT,
    is_queued    INTEGER NOT NULL,
    leased_until INTEGER,
    PRIMARY KEY (verification, number)
) STRICT, WITHOUT ROWID;

-- The queue of the senders: those nobody holds by when they are due, and those held.
CREATE INDEX challenge_queue ON challenge (leased_until, due_at) WHERE is_queued;

-- Applications that may call, and their keys. A key is found by its public id; of its secret only
-- a digest is here.
CREATE TABLE client (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    policy     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key (
    id         TEXT    PRIMARY KEY,
    client     TEXT    NOT NULL REFERENCES client,
    rights     TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_client ON api_key (client);

-- Browser sessions, by the digest of their token.
CREATE TABLE session (
    digest       BLOB    PRIMARY KEY,
    client       TEXT    NOT NULL,
    verification BLOB    NOT NULL REFERENCES verification ON DELETE CASCADE,
    is_signed_in INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_verification ON session (verification);
CREATE INDEX session_expiry ON session (expires_at);

-- Requests that may come again, and the verification each of them made or changed.
CREATE TABLE replay (
    client       TEXT    NOT NULL,
    key          BLOB    NOT NULL,
    fingerprint  BLOB    NOT NULL,
    verification BLOB    NOT NULL REFERENCES verification ON DELETE CASCADE,
    outcome      TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX replay_verification ON replay (verification);
CREATE INDEX replay_expiry ON replay (expires_at);

-- The last accepted send under a bucket.
CREATE TABLE gap (
    bucket     TEXT    PRIMARY KEY,
    last_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX gap_expiry ON gap (expires_at);

-- How many were taken under a bucket in each sixtieth of a window; slot counts the sixtieths since
-- 1970, and span is the window's length, since one bucket may have several windows.
CREATE TABLE quota (
    bucket     TEXT    NOT NULL,
    span       INTEGER NOT NULL,
    slot       INTEGER NOT NULL,
    taken      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (bucket, span, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX quota_expiry ON quota (expires_at);

-- Proofs that were redeemed.
CREATE TABLE spent (
    jti        TEXT    PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_expiry ON spent (expires_at);

-- Words the operator set: pause, blocked numbers.
CREATE TABLE flag (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Metric counters, a set of rows for each process.
CREATE TABLE tally (
    process TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (process, name)
) STRICT, WITHOUT ROWID;

-- Keys that were drawn once and must outlive the operator's secret keys, sealed under them.
CREATE TABLE sealed_key (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The pages are a client like any other, without keys.
INSERT INTO client (id, name, policy, created_at)
VALUES ('sign-in', 'sign-in', '{}', CAST(strftime('%s', 'now') AS INTEGER) * 1000000);
