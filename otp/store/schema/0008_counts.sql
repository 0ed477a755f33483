-- Counts and gaps change with every start, under names that lie anywhere: each further page that one
-- touches is written twice. So they have no index by expiry any more (a purge reads them through),
-- and a gap is a row beside the counts of its number: span and slot are 0, taken is the time of the
-- last accepted send.
DROP INDEX quota_expiry;
INSERT INTO quota (bucket, span, slot, taken, expires_at)
SELECT substr(bucket, 7) || ':last', 0, 0, last_at, expires_at FROM gap WHERE bucket LIKE 'phone:%';
DROP TABLE gap;
