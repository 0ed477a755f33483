-- Texts the operator stored in place of the settings' own: for a client, a purpose, a language; an
-- empty one is every one. registered is how the operator's portal shows the text.
CREATE TABLE message (
    client      TEXT NOT NULL,
    purpose     TEXT NOT NULL,
    locale      TEXT NOT NULL,
    text        TEXT NOT NULL,
    last_line   TEXT NOT NULL,
    app_hash    TEXT NOT NULL,
    template_id TEXT NOT NULL,
    registered  TEXT NOT NULL,
    PRIMARY KEY (client, purpose, locale)
) STRICT, WITHOUT ROWID;
