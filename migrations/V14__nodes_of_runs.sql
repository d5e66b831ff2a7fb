-- A run writes a row for each of its nodes. That the run is there need not be asked a thousand times; where a run
-- is deleted, its nodes still go with it.
alter table elt.run_nodes drop constraint run_nodes_run_id_fkey;

create function elt.nodes_go_with_their_runs() returns trigger language plpgsql as $$
begin
    delete from elt.run_nodes n using gone g where n.run_id = g.id;
    return null;
end $$;

create trigger nodes_go_with_their_runs after delete on elt.runs
    referencing old table as gone for each statement execute function elt.nodes_go_with_their_runs();
