-- Schema 1 of a job's catalogue. Times (`at`, `*_at`) are milliseconds since 1970 UTC. Digests are BLAKE3, 32 bytes.
-- The numbers of the states are listed in src/states.rs and never change their meaning.

CREATE TABLE job (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE study (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    patient_id TEXT, patient_name TEXT,
    study_date TEXT, study_time TEXT, accession TEXT,
    modalities TEXT, description TEXT,
    claimed_instances INTEGER,           -- what the source says it holds; a claim, never used in the balance
    listing INTEGER NOT NULL DEFAULT 0,  -- 0 listed, 1 enumerated
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    position INTEGER NOT NULL            -- plan order
) STRICT;
CREATE INDEX study_in_plan_order ON study (position);
CREATE INDEX study_to_enumerate ON study (position) WHERE listing = 0;

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),
    uid TEXT NOT NULL,
    modality TEXT,
    UNIQUE (study_id, uid)
) STRICT;

CREATE TABLE intake (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- a name in the spool is never used twice
    state INTEGER NOT NULL DEFAULT 0      -- 0 open, 1 closed
) STRICT;

CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    file TEXT NOT NULL,
    bytes INTEGER NOT NULL, blake3 BLOB NOT NULL,
    plain_bytes INTEGER NOT NULL, plain_blake3 BLOB NOT NULL,
    objects INTEGER NOT NULL,
    frames TEXT NOT NULL,                 -- JSON
    sealed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX segment_by_state ON segment (state, number);

CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    study_id INTEGER NOT NULL REFERENCES study (id),   -- also in series; here for the tally and the queues
    series_id INTEGER NOT NULL REFERENCES series (id),
    sop_instance TEXT NOT NULL,
    sop_class TEXT,
    source_ref BLOB,                      -- a folder source's relative path as bytes
    version INTEGER NOT NULL DEFAULT 0,   -- 1… for further, different objects under the same UIDs and source_ref
    listed INTEGER NOT NULL DEFAULT 1,    -- 0: arrived though the source had not listed it
    state INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    transfer_syntax TEXT,
    bytes INTEGER,                        -- of the whole object; a hint until it is captured
    blake3 BLOB,
    dataset_offset INTEGER, dataset_blake3 BLOB,
    findings TEXT,
    intake_id INTEGER REFERENCES intake (id),
    spool_offset INTEGER,                 -- in the intake at p2t, in the loaded segment at t2p
    segment_id INTEGER REFERENCES segment (id),
    member TEXT,                          -- NULL: the canonical name STUDY/SERIES/SOP.dcm
    tar_offset INTEGER
) STRICT;
CREATE UNIQUE INDEX instance_identity ON instance (sop_instance, series_id, ifnull(source_ref, x''), version);
CREATE INDEX instance_queue ON instance (study_id, state);
CREATE INDEX instance_unpacked ON instance (intake_id) WHERE intake_id IS NOT NULL;
CREATE UNIQUE INDEX instance_in_segment ON instance (segment_id, tar_offset) WHERE segment_id IS NOT NULL;
CREATE INDEX instance_not_done ON instance (state, reason) WHERE state >= 8;

CREATE TABLE oddity (
    id INTEGER PRIMARY KEY,
    source_ref BLOB NOT NULL UNIQUE,
    bytes INTEGER,
    state INTEGER NOT NULL CHECK (state IN (8, 9)),
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE volume (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    sequence INTEGER NOT NULL,
    copy INTEGER NOT NULL,
    medium TEXT NOT NULL,
    state INTEGER NOT NULL,
    files TEXT NOT NULL DEFAULT '[]',     -- JSON: names of the committed files, in order
    index_blake3 BLOB,
    bytes INTEGER NOT NULL DEFAULT 0,
    last INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    sealed_at INTEGER,
    verified_at INTEGER, verified_how TEXT
) STRICT;

CREATE TABLE placement (
    volume_id INTEGER NOT NULL REFERENCES volume (id),
    file_number INTEGER NOT NULL,
    segment_id INTEGER NOT NULL REFERENCES segment (id),
    written_at INTEGER,                   -- NULL at t2p: known from the medium
    PRIMARY KEY (volume_id, file_number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX placement_of_segment ON placement (segment_id, volume_id);

CREATE TABLE destination (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    node TEXT NOT NULL
) STRICT;

CREATE TABLE delivery (
    instance_id INTEGER NOT NULL REFERENCES instance (id),
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    state INTEGER NOT NULL,
    status_code INTEGER,
    comment TEXT,
    attempts INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (instance_id, destination_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_failed ON delivery (destination_id, comment) WHERE state = 3;

CREATE TABLE verdict (
    destination_id INTEGER NOT NULL REFERENCES destination (id),
    study_uid TEXT NOT NULL,
    sop_instance TEXT NOT NULL,
    verdict INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (destination_id, study_uid, sop_instance)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    level INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, detail TEXT
) STRICT;
CREATE TABLE sample (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    stage TEXT NOT NULL, instances INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE pace_change (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    side TEXT NOT NULL, signal TEXT NOT NULL,
    value REAL, baseline REAL, old REAL, new REAL
) STRICT;
CREATE TABLE query (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    level TEXT NOT NULL, keys TEXT NOT NULL, rows INTEGER NOT NULL, status INTEGER NOT NULL
) STRICT;

-- Running counts, kept by triggers in the transaction that changes an instance: a balance over 10^8 instances
-- reads one row a study and state.
CREATE TABLE tally (
    study_id INTEGER NOT NULL, state INTEGER NOT NULL,
    instances INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (study_id, state)
) STRICT, WITHOUT ROWID;
CREATE TABLE delivery_tally (
    destination_id INTEGER NOT NULL, study_id INTEGER NOT NULL,
    instance_state INTEGER NOT NULL, state INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    PRIMARY KEY (destination_id, study_id, instance_state, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER instance_listed AFTER INSERT ON instance BEGIN
    INSERT INTO tally VALUES (NEW.study_id, NEW.state, 1, ifnull(NEW.bytes, 0))
    ON CONFLICT DO UPDATE SET instances = instances + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER instance_moved AFTER UPDATE OF state, bytes ON instance BEGIN
    UPDATE tally SET instances = instances - 1, bytes = bytes - ifnull(OLD.bytes, 0)
    WHERE study_id = OLD.study_id AND state = OLD.state;
    INSERT INTO tally VALUES (NEW.study_id, NEW.state, 1, ifnull(NEW.bytes, 0))
    ON CONFLICT DO UPDATE SET instances = instances + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER instance_moved_after_delivery AFTER UPDATE OF state ON instance
WHEN EXISTS (SELECT 1 FROM delivery WHERE instance_id = NEW.id) BEGIN
    UPDATE delivery_tally SET instances = instances - 1
    WHERE study_id = OLD.study_id AND instance_state = OLD.state
      AND (destination_id, state) IN (SELECT destination_id, state FROM delivery WHERE instance_id = OLD.id);
    INSERT INTO delivery_tally
    SELECT destination_id, NEW.study_id, NEW.state, state, 1 FROM delivery WHERE instance_id = NEW.id
    ON CONFLICT DO UPDATE SET instances = instances + 1;
END;
CREATE TRIGGER delivery_begun AFTER INSERT ON delivery BEGIN
    INSERT INTO delivery_tally
    SELECT NEW.destination_id, study_id, state, NEW.state, 1 FROM instance WHERE id = NEW.instance_id
    ON CONFLICT DO UPDATE SET instances = instances + 1;
END;
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state BEGIN
    UPDATE delivery_tally SET instances = instances - 1
    WHERE destination_id = OLD.destination_id AND state = OLD.state
      AND (study_id, instance_state) IN (SELECT study_id, state FROM instance WHERE id = OLD.instance_id);
    INSERT INTO delivery_tally
    SELECT NEW.destination_id, study_id, state, NEW.state, 1 FROM instance WHERE id = NEW.instance_id
    ON CONFLICT DO UPDATE SET instances = instances + 1;
END;
