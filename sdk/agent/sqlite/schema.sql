CREATE TABLE grants (
	id         BLOB PRIMARY KEY CHECK (length(id) = 32),
	human      BLOB NOT NULL CHECK (length(human) = 32),
	body       BLOB NOT NULL,
	revocation BLOB NOT NULL CHECK (length(revocation) = 32),
	accepted   INTEGER NOT NULL,
	revoked    INTEGER,
	used       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_of_human ON grants (human);
CREATE INDEX grants_by_revocation ON grants (revocation);

-- What the agents of one human did in one period, all together.
CREATE TABLE counts (
	human  BLOB NOT NULL CHECK (length(human) = 32),
	action TEXT NOT NULL,
	period INTEGER NOT NULL,
	start  INTEGER NOT NULL,
	used   INTEGER NOT NULL,
	PRIMARY KEY (human, action, period, start)
) STRICT, WITHOUT ROWID;

CREATE TABLE nonces (
	grant_id BLOB NOT NULL,
	nonce    TEXT NOT NULL,
	until    INTEGER NOT NULL,
	PRIMARY KEY (grant_id, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_end ON nonces (until);

PRAGMA user_version = 1;
