-- Schema 3.

-- What reading a volume back at p2t showed to be wrong, for as long as nothing is done about it.
ALTER TABLE volume ADD COLUMN unsound TEXT;                          -- with its label, index or trailer; NULL: nothing
ALTER TABLE placement ADD COLUMN harmed INTEGER NOT NULL DEFAULT 0;  -- 1: the segment is not as it was written

ALTER TABLE volume ADD COLUMN barcode TEXT;                          -- of its cartridge, where a library or the drive told it
