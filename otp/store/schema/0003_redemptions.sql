-- That a proof was redeemed is a fact about its verification, and changes alone with that row.
-- Nothing ever wrote to the table that was meant for it.
ALTER TABLE verification ADD COLUMN redeemed_at INTEGER;
DROP TABLE spent;
