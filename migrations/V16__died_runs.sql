-- A run whose process died is told from one that was stopped.
alter table elt.runs drop constraint runs_status_check;
alter table elt.runs add constraint runs_status_check
    check (status in ('running', 'succeeded', 'failed', 'cancelled', 'died'));
