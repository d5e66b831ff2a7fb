//! HTTP over the published layer; the only module that knows actix-web.
