-- Version 2: how many intakes were decided for a device or an operator in the
-- period that began last. One row for each, so the table does not grow with time.
CREATE TABLE rates (
	who     TEXT   NOT NULL,
	per     BIGINT NOT NULL,
	started BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (who, per)
);
