-- What was asked of a source, as a hash: an incremental load goes on only from one that asked the same. NULL of
-- loads by an elt that did not write it down.
alter table elt.loads add column asked text;
