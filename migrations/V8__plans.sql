-- What a relation was published from, secrets hidden: a plan shows by it what was modified since.
alter table elt.relations add column definition text;
-- What a run was asked to do, so that it can be asked again.
alter table elt.runs add column request jsonb;
