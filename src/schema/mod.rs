//! JSON Schemas of the YAML files of a project, for editors. Written by hand beside the types that read the
//! files; a test holds each against what elt accepts.

/// Names, as `elt schema NAME` takes them, and texts.
pub const ALL: [(&str, &str); 4] = [
    ("properties", include_str!("properties.json")),
    ("profiles", include_str!("profiles.json")),
    ("selectors", include_str!("selectors.json")),
    ("packages", include_str!("packages.json")),
];
