//! Where raw rows come from, as a stream that COPY takes.
