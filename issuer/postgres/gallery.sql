-- Version 3: the sealed key of the gallery cache. It goes with whatever template
-- goes first.
CREATE TABLE gallery_cache (
	set_id BIGINT NOT NULL PRIMARY KEY,
	sealed BYTEA  NOT NULL
);
