-- Schema 2.

-- What a volume without a sound index showed binds nobody: its bytes may be damaged, its files miscounted.
ALTER TABLE segment ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;   -- 0: as found on such a volume
ALTER TABLE placement ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;
-- Schema 1 put the file's digest where that of the tar was not known.
UPDATE segment SET indexed = 0 WHERE plain_blake3 = blake3;
UPDATE placement SET indexed = 0 WHERE segment_id IN (SELECT id FROM segment WHERE indexed = 0);
