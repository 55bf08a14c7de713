-- Version 2: what changes and ends a membership, and imports.

-- What was asked for in a session: 1 an enrolment, 4 a recovery, 2 a deletion.
ALTER TABLE intakes ADD COLUMN op INTEGER NOT NULL DEFAULT 1;

-- Unix seconds before which a change is not anchored.
ALTER TABLE pending ADD COLUMN due INTEGER NOT NULL DEFAULT 0;

-- Every template has a mark of the same length, sealed; the row order is that of
-- random serials, so that it says nothing about who came when.
CREATE TABLE templates2 (
    serial   BLOB PRIMARY KEY,
    modality TEXT NOT NULL,
    sealed   BLOB NOT NULL,
    link     BLOB NOT NULL,
    mark     BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO templates2 (serial, modality, sealed, link, mark) SELECT serial, modality, sealed, link, x'' FROM templates ORDER BY serial;
DROP TABLE templates;
ALTER TABLE templates2 RENAME TO templates;

-- Recoveries. The way from the old leaf to the new one is forgotten when the
-- recovery ends: then old and link are empty.
CREATE TABLE recoveries (
    set_id     INTEGER NOT NULL,
    id         BLOB NOT NULL,
    commitment BLOB NOT NULL,
    biometric  BLOB NOT NULL,
    link       BLOB NOT NULL,
    old        BLOB NOT NULL,
    idx        INTEGER NOT NULL,
    state      TEXT NOT NULL,
    announced  INTEGER NOT NULL,
    record     INTEGER,
    out_at     INTEGER NOT NULL,
    boundary   INTEGER NOT NULL,
    due        INTEGER NOT NULL,
    PRIMARY KEY (set_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX recoveries_old ON recoveries (set_id, old) WHERE state IN ('waiting', 'announced', 'out');
CREATE UNIQUE INDEX recoveries_new ON recoveries (set_id, commitment) WHERE state IN ('waiting', 'announced', 'out');
CREATE UNIQUE INDEX recoveries_record ON recoveries (set_id, record) WHERE record IS NOT NULL;

CREATE TABLE deletions (
    set_id     INTEGER NOT NULL,
    id         BLOB NOT NULL,
    until      INTEGER NOT NULL,
    destroyed  INTEGER NOT NULL,
    tombstone  BLOB NOT NULL,
    PRIMARY KEY (set_id, id)
) STRICT, WITHOUT ROWID;

-- Opened links, append-only: triggers refuse what is not an insert.
CREATE TABLE openings (
    set_id  INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    subject BLOB NOT NULL,
    chain   BLOB NOT NULL,
    PRIMARY KEY (set_id, n)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER openings_stay BEFORE DELETE ON openings BEGIN SELECT raise(ABORT, 'openings are append-only'); END;
CREATE TRIGGER openings_hold BEFORE UPDATE ON openings BEGIN SELECT raise(ABORT, 'openings are append-only'); END;

CREATE TABLE imports (
    set_id INTEGER NOT NULL,
    name   BLOB NOT NULL,
    lines  INTEGER NOT NULL,
    prefix BLOB NOT NULL,
    PRIMARY KEY (set_id, name)
) STRICT, WITHOUT ROWID;
