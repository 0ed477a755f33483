-- When each wrong code was submitted (microseconds, separated by spaces): a success forgives those
-- of its own verification and no others.
ALTER TABLE verification ADD COLUMN wrong_at TEXT NOT NULL DEFAULT '';

-- One that is never sent: it was started with a test key, or for a number kept for a review.
ALTER TABLE verification ADD COLUMN is_test INTEGER NOT NULL DEFAULT 0;

-- The keyed name under which the network was counted that asked for the message.
ALTER TABLE challenge ADD COLUMN source TEXT;
