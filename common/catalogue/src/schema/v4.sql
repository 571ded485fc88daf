-- Schema 4.

-- What of the source is taken, when, and in which order.
ALTER TABLE study ADD COLUMN status TEXT;               -- Study Status ID (0032,000A), where the source tells it
ALTER TABLE study ADD COLUMN excluded TEXT;             -- why it is left out as a whole; NULL: it is not
ALTER TABLE study ADD COLUMN images_listed_at INTEGER;  -- when its instances were listed last
ALTER TABLE study ADD COLUMN waits_until INTEGER;       -- not fetched before it was looked at again, and that not before this
ALTER TABLE study ADD COLUMN waits_for TEXT;            -- why
CREATE INDEX study_excluded ON study (excluded) WHERE excluded IS NOT NULL;
CREATE INDEX study_waiting ON study (waits_until) WHERE waits_until IS NOT NULL;
ALTER TABLE relisted ADD COLUMN status TEXT;
-- The patients whose studies go first, in this order.
CREATE TABLE first_patient (patient_id TEXT PRIMARY KEY, rank INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- What a cartridge had taken when its drive told that its end is near, without compression, and what it is sold as.
ALTER TABLE volume ADD COLUMN held_bytes INTEGER;
ALTER TABLE volume ADD COLUMN cartridge TEXT;
ALTER TABLE volume ADD COLUMN native_bytes INTEGER;

-- What was found about the source before anything was taken from it (`p2t preflight`).
CREATE TABLE preflight (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    document TEXT NOT NULL               -- JSON
) STRICT;

-- A delta may list a part of the source alone.
ALTER TABLE delta ADD COLUMN scope INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delta ADD COLUMN volume_id INTEGER REFERENCES volume (id);  -- before it was sealed
ALTER TABLE delta ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;       -- studies that could not be asked for
-- 1: its instances were listed once more after the last of them was fetched.
ALTER TABLE study ADD COLUMN listed_again INTEGER NOT NULL DEFAULT 0;
