-- Schema 2.

-- What a volume without a sound index showed binds nobody: its bytes may be damaged, its files miscounted.
ALTER TABLE segment ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;   -- 0: as found on such a volume
ALTER TABLE placement ADD COLUMN indexed INTEGER NOT NULL DEFAULT 1;
-- Schema 1 put the file's digest where that of the tar was not known.
UPDATE segment SET indexed = 0 WHERE plain_blake3 = blake3;
UPDATE placement SET indexed = 0 WHERE segment_id IN (SELECT id FROM segment WHERE indexed = 0);

-- Pace: what the archive took to answer small requests. `hour` is the hour of the week, 0 from Monday 00:00 on the
-- wall clock of the pace's time zone; the newest 64 of each are kept.
CREATE TABLE idle_answer (               -- while it was left alone
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    side TEXT NOT NULL, probe TEXT NOT NULL, hour INTEGER NOT NULL,
    milliseconds REAL NOT NULL
) STRICT;
CREATE INDEX idle_answer_by_hour ON idle_answer (side, probe, hour);
CREATE TABLE canary (                    -- while work went on
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    side TEXT NOT NULL, probe TEXT NOT NULL,
    milliseconds REAL NOT NULL,
    baseline REAL,                       -- what it was held against
    load REAL NOT NULL                   -- associations at work that were allowed, on average
) STRICT;
