-- Models may ask the database while they render. Where what they asked is not of the relations that they read by ref
-- and source, nothing tells whether it would be answered the same: why.
alter table elt.relations add column asked text;
