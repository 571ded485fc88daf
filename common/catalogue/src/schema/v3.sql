-- Schema 3.

-- A listing: one enumeration of the source by one selection, and the queries at STUDY level that it rests on.
CREATE TABLE listing (
    id INTEGER PRIMARY KEY,
    begun_at INTEGER NOT NULL,
    selection TEXT NOT NULL,             -- another selection is another listing
    finished_at INTEGER,                 -- NULL: to be gone on with
    proof TEXT                           -- JSON, once it is finished
) STRICT;
ALTER TABLE query ADD COLUMN listing_id INTEGER REFERENCES listing (id);
ALTER TABLE query ADD COLUMN part TEXT;  -- the keys in full: patient data
ALTER TABLE query ADD COLUMN broken_off INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query ADD COLUMN studies BLOB;  -- row ids of the studies answered, 8 bytes each, until the listing is finished
ALTER TABLE query ADD COLUMN verdict TEXT;  -- what was concluded of the answer
ALTER TABLE query ADD COLUMN open INTEGER NOT NULL DEFAULT 0;  -- 1: cut short, and cannot be divided
CREATE UNIQUE INDEX query_of_listing ON query (listing_id, part) WHERE listing_id IS NOT NULL;
CREATE INDEX query_open ON query (listing_id) WHERE open;

-- What was listed, held against lists that others keep.
CREATE TABLE comparison (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    told TEXT NOT NULL                   -- JSON
) STRICT;
CREATE INDEX study_by_accession ON study (accession) WHERE accession IS NOT NULL;

-- What reading a volume back at p2t showed to be wrong, for as long as nothing is done about it.
ALTER TABLE volume ADD COLUMN unsound TEXT;                          -- with its label, index or trailer; NULL: nothing
ALTER TABLE placement ADD COLUMN harmed INTEGER NOT NULL DEFAULT 0;  -- 1: the segment is not as it was written

ALTER TABLE volume ADD COLUMN barcode TEXT;                          -- of its cartridge, where a library or the drive told it

-- Deltas: runs of `p2t plan --delta`, each a second listing of the source held against the plan.
CREATE TABLE delta (
    id INTEGER PRIMARY KEY,
    since INTEGER,                       -- when the listing before it began; NULL: not on record
    begun_at INTEGER NOT NULL,
    listed_at INTEGER,                   -- when the studies were listed
    ended_at INTEGER,                    -- NULL: cut off; the next run goes on with it
    unchanged INTEGER NOT NULL DEFAULT 0 -- studies
) STRICT;
-- What they found. At t2p, what indexes of volumes tell of it.
CREATE TABLE change (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- the number under which it travels
    delta_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    class INTEGER NOT NULL,
    study_uid TEXT NOT NULL,
    sop_instance TEXT,                    -- NULL: the study as a whole
    instances INTEGER NOT NULL DEFAULT 0, -- how many it concerns
    old TEXT, new TEXT                    -- JSON: the keys of the study that differ
) STRICT;
CREATE INDEX change_of_study ON change (study_uid, sop_instance, id);
CREATE INDEX change_of_delta ON change (delta_id, class);
-- The listing that is being held against the plan; empty between two runs.
CREATE TABLE relisted (
    uid TEXT PRIMARY KEY,
    patient_id TEXT, issuer TEXT, patient_name TEXT,
    study_date TEXT, study_time TEXT, accession TEXT,
    modalities TEXT, description TEXT,
    claimed_series INTEGER, claimed_instances INTEGER
) STRICT, WITHOUT ROWID;
ALTER TABLE study ADD COLUMN issuer TEXT;
ALTER TABLE study ADD COLUMN claimed_series INTEGER;
-- What the source claimed when its instances were listed last, where that was as many as it listed.
ALTER TABLE study ADD COLUMN agreed_series INTEGER;
ALTER TABLE study ADD COLUMN agreed_instances INTEGER;
ALTER TABLE study ADD COLUMN gone INTEGER;      -- the delta that found it deleted at the source
ALTER TABLE instance ADD COLUMN gone INTEGER;   -- likewise
-- Its index tells the changes behind the first of these numbers, up to the second.
ALTER TABLE volume ADD COLUMN changes_after INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volume ADD COLUMN last_change INTEGER NOT NULL DEFAULT 0;

-- How archives answered the same small workload (`p2t baseline`, `t2p baseline`).
CREATE TABLE baseline (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    side TEXT NOT NULL, document TEXT NOT NULL,      -- JSON
    UNIQUE (side, at)
) STRICT;
