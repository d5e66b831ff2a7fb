//! A private PostgreSQL cluster that elt starts itself.
