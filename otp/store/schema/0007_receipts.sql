-- What became of a message: the gateway's last word of it, when it is asked about next, how often it
-- was, how often the gateway knew nothing of it, and how often it was queued anew for that.
-- is_lost is copied from the state machine, so that SQL needs none of its words.
ALTER TABLE challenge ADD COLUMN word TEXT;
ALTER TABLE challenge ADD COLUMN ask_at INTEGER;
ALTER TABLE challenge ADD COLUMN asks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE challenge ADD COLUMN misses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE challenge ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE challenge ADD COLUMN is_lost INTEGER NOT NULL DEFAULT 0;

-- Both hold only what is still awaited: what never left, and what is over, leaves them.
-- The questions to each route, and which message a receipt means by the gateway's own id.
CREATE INDEX challenge_asks ON challenge (route, is_lost, ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX challenge_awaited ON challenge (provider_id)
    WHERE ask_at IS NOT NULL AND provider_id IS NOT NULL;
