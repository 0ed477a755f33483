-- Numbers that a client's live keys may play at for a while, as JSON: of each a keyed index, its
-- masked form, the keyed digest of its code, and its last day.
ALTER TABLE client ADD COLUMN test_numbers TEXT NOT NULL DEFAULT '[]';
