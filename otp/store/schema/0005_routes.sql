-- The circuit breakers of the routes, as all processes see them. One that is closed has no row.
CREATE TABLE route (
    name        TEXT    PRIMARY KEY,
    failures    INTEGER NOT NULL,
    trips       INTEGER NOT NULL,
    reason      TEXT,
    refused     INTEGER NOT NULL,
    open_until  INTEGER,
    tried_until INTEGER
) STRICT, WITHOUT ROWID;
