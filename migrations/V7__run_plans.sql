-- What a run is to do, in order: [{"node", "kind", "parents": [places in this list]}]. It is written when the run
-- begins, so that also who did not begin it can show what is still to come.
alter table elt.runs add column plan jsonb;
