-- One schema holds one set. Times are unix seconds, or milliseconds where the
-- name says so. Hashes, commitments and ids are raw bytes. Nothing here gives out
-- a number or a time: the issuer does.

-- What this database is for, which process may write it, and how often it was
-- written.
CREATE TABLE binding (
	set_id   BIGINT NOT NULL PRIMARY KEY,
	origin   TEXT   NOT NULL,
	vkey     TEXT   NOT NULL,
	operator BYTEA  NOT NULL,
	writer   BIGINT NOT NULL,
	acts     BIGINT NOT NULL
);

-- Every decided intake, refused ones too. Nothing here leads to a template.
-- op: 1 an enrolment, 4 a recovery, 2 a deletion.
CREATE TABLE intakes (
	id         BYTEA  NOT NULL PRIMARY KEY,
	op         BIGINT NOT NULL,
	session    BYTEA  NOT NULL UNIQUE,
	commitment BYTEA  NOT NULL,
	received   BIGINT NOT NULL,
	state      TEXT   NOT NULL,
	code       TEXT   NOT NULL,
	receipt    BYTEA  NOT NULL,
	seq        BIGINT,
	idx        BIGINT,
	record     BIGINT
);

-- Changes that wait for an anchor, not before due (unix seconds).
CREATE TABLE pending (
	set_id     BIGINT NOT NULL,
	ticket     BYTEA  NOT NULL,
	op         BIGINT NOT NULL,
	idx        BIGINT,
	commitment BYTEA  NOT NULL,
	biometric  BYTEA  NOT NULL,
	link       BYTEA  NOT NULL,
	urgent     BIGINT NOT NULL,
	since      BIGINT NOT NULL,
	due        BIGINT NOT NULL,
	PRIMARY KEY (set_id, ticket)
);
CREATE UNIQUE INDEX pending_commitment ON pending (set_id, op, commitment);

CREATE TABLE members (
	set_id      BIGINT NOT NULL,
	idx         BIGINT NOT NULL,
	commitment  BYTEA  NOT NULL,
	added_seq   BIGINT NOT NULL,
	removed_seq BIGINT,
	link        BYTEA  NOT NULL,
	PRIMARY KEY (set_id, idx)
);
CREATE UNIQUE INDEX members_commitment ON members (set_id, commitment) WHERE removed_seq IS NULL;

-- The log's records, append-only; change_no is the record's number.
CREATE TABLE changes (
	set_id     BIGINT NOT NULL,
	change_no  BIGINT NOT NULL,
	root_seq   BIGINT NOT NULL,
	op         BIGINT NOT NULL,
	idx        BIGINT NOT NULL,
	commitment BYTEA  NOT NULL,
	entry      BYTEA  NOT NULL,
	PRIMARY KEY (set_id, change_no)
);

-- The log's stored hashes in the order of RFC 6962 tiles (tlog.StoredHashIndex).
CREATE TABLE hashes (
	set_id BIGINT NOT NULL,
	n      BIGINT NOT NULL,
	hash   BYTEA  NOT NULL,
	PRIMARY KEY (set_id, n)
);

-- PRIMARY KEY (set_id, seq) fences a second writer of the same set.
CREATE TABLE roots (
	set_id        BIGINT NOT NULL,
	seq           BIGINT NOT NULL,
	root          BYTEA  NOT NULL,
	size          BIGINT NOT NULL,
	live          BIGINT NOT NULL,
	depth         BIGINT NOT NULL,
	min_valid_seq BIGINT NOT NULL,
	log_size      BIGINT NOT NULL,
	created_ms    BIGINT NOT NULL,
	superseded_ms BIGINT,
	checkpoint    BYTEA  NOT NULL,
	PRIMARY KEY (set_id, seq)
);
CREATE INDEX roots_by_end ON roots (set_id, superseded_ms);

-- Templates sealed under the operator's key. There is no order of arrival in
-- any column; a heap keeps one on disk, which docs/issuer-storage.md speaks of.
CREATE TABLE templates (
	serial   BYTEA NOT NULL PRIMARY KEY,
	modality TEXT  NOT NULL,
	sealed   BYTEA NOT NULL,
	link     BYTEA NOT NULL,
	mark     BYTEA NOT NULL
);

CREATE TABLE devices (
	device   TEXT   NOT NULL PRIMARY KEY,
	counter  BIGINT NOT NULL,
	admitted BIGINT NOT NULL,
	refused  BIGINT NOT NULL
);

-- Recoveries. The way from the old leaf to the new one is forgotten when the
-- recovery ends: then old and link are empty.
CREATE TABLE recoveries (
	set_id     BIGINT NOT NULL,
	id         BYTEA  NOT NULL,
	commitment BYTEA  NOT NULL,
	biometric  BYTEA  NOT NULL,
	link       BYTEA  NOT NULL,
	old        BYTEA  NOT NULL,
	idx        BIGINT NOT NULL,
	state      TEXT   NOT NULL,
	announced  BIGINT NOT NULL,
	record     BIGINT,
	out_at     BIGINT NOT NULL,
	boundary   BIGINT NOT NULL,
	due        BIGINT NOT NULL,
	PRIMARY KEY (set_id, id)
);
CREATE UNIQUE INDEX recoveries_old ON recoveries (set_id, old) WHERE state IN ('waiting', 'announced', 'out');
CREATE UNIQUE INDEX recoveries_new ON recoveries (set_id, commitment) WHERE state IN ('waiting', 'announced', 'out');
CREATE UNIQUE INDEX recoveries_record ON recoveries (set_id, record) WHERE record IS NOT NULL;

CREATE TABLE deletions (
	set_id    BIGINT NOT NULL,
	id        BYTEA  NOT NULL,
	until     BIGINT NOT NULL,
	destroyed BIGINT NOT NULL,
	tombstone BYTEA  NOT NULL,
	PRIMARY KEY (set_id, id)
);

-- Opened links, append-only: the chain shows what is missing.
CREATE TABLE openings (
	set_id  BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	at      BIGINT NOT NULL,
	reason  TEXT   NOT NULL,
	subject BYTEA  NOT NULL,
	chain   BYTEA  NOT NULL,
	PRIMARY KEY (set_id, n)
);

CREATE TABLE imports (
	set_id BIGINT NOT NULL,
	name   BYTEA  NOT NULL,
	lines  BIGINT NOT NULL,
	prefix BYTEA  NOT NULL,
	PRIMARY KEY (set_id, name)
);
