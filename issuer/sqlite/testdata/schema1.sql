-- One database holds one set. Times are unix seconds, or milliseconds where
-- the name says so. Hashes, commitments and ids are raw bytes.

-- What this database is for, and which process may write it.
CREATE TABLE binding (
    set_id   INTEGER PRIMARY KEY,
    origin   TEXT NOT NULL,
    vkey     TEXT NOT NULL,
    operator BLOB NOT NULL,
    writer   INTEGER NOT NULL
) STRICT;

-- Every decided intake, refused ones too. Nothing here leads to a template.
CREATE TABLE intakes (
    id         BLOB PRIMARY KEY,
    session    BLOB NOT NULL UNIQUE,
    commitment BLOB NOT NULL,
    received   INTEGER NOT NULL,
    state      TEXT NOT NULL,
    code       TEXT NOT NULL,
    receipt    BLOB NOT NULL,
    seq        INTEGER,
    idx        INTEGER,
    record     INTEGER
) STRICT, WITHOUT ROWID;

-- Changes that wait for the next anchor.
CREATE TABLE pending (
    set_id     INTEGER NOT NULL,
    ticket     BLOB NOT NULL,
    op         INTEGER NOT NULL,
    idx        INTEGER,
    commitment BLOB NOT NULL,
    biometric  BLOB NOT NULL,
    link       BLOB NOT NULL,
    urgent     INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (set_id, ticket)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pending_commitment ON pending (set_id, op, commitment);

CREATE TABLE members (
    set_id      INTEGER NOT NULL,
    idx         INTEGER NOT NULL,
    commitment  BLOB NOT NULL,
    added_seq   INTEGER NOT NULL,
    removed_seq INTEGER,
    link        BLOB NOT NULL,
    PRIMARY KEY (set_id, idx)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX members_commitment ON members (set_id, commitment) WHERE removed_seq IS NULL;

-- The log's records, append-only; change_no is the record's number.
CREATE TABLE changes (
    set_id     INTEGER NOT NULL,
    change_no  INTEGER NOT NULL,
    root_seq   INTEGER NOT NULL,
    op         INTEGER NOT NULL,
    idx        INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    entry      BLOB NOT NULL,
    PRIMARY KEY (set_id, change_no)
) STRICT, WITHOUT ROWID;

-- The log's stored hashes in the order of RFC 6962 tiles (tlog.StoredHashIndex).
CREATE TABLE hashes (
    set_id INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    PRIMARY KEY (set_id, n)
) STRICT, WITHOUT ROWID;

-- PRIMARY KEY (set_id, seq) fences a second writer of the same set.
CREATE TABLE roots (
    set_id        INTEGER NOT NULL,
    seq           INTEGER NOT NULL,
    root          BLOB NOT NULL,
    size          INTEGER NOT NULL,
    live          INTEGER NOT NULL,
    depth         INTEGER NOT NULL,
    min_valid_seq INTEGER NOT NULL,
    log_size      INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    superseded_ms INTEGER,
    checkpoint    BLOB NOT NULL,
    PRIMARY KEY (set_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX roots_by_root ON roots (set_id, root);
CREATE INDEX roots_by_end ON roots (set_id, superseded_ms);

-- Templates sealed under the operator's key, in the order of random serials.
CREATE TABLE templates (
    serial   BLOB PRIMARY KEY,
    modality TEXT NOT NULL,
    sealed   BLOB NOT NULL,
    link     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    device   TEXT PRIMARY KEY,
    counter  INTEGER NOT NULL,
    admitted INTEGER NOT NULL,
    refused  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
