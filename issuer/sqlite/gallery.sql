-- Version 4: serials and marks by themselves. With a gallery cache a start reads
-- only them, not the pages of templates between them.
CREATE INDEX templates_marks ON templates (serial, modality, mark);

-- The sealed key of the gallery cache. It goes with whatever template goes first.
CREATE TABLE gallery_cache (
    set_id INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;
