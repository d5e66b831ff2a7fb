//! The project's own sample data: seeded, in flat memory.
