//! Which layer a dbt model goes to. dbt has no layers, so the graph decides: raw is what is loaded; what
//! reads raw, is called staging or intermediate, or is referred to by such, is stage; all else is prod.

use std::collections::{HashMap, HashSet};

use crate::project::Layer;

/// A model as far as its layer goes.
pub struct Candidate<'a> {
    pub name: &'a str,
    pub folders: Vec<&'a str>,
    pub refs: Vec<String>,
    /// It reads a source, or a seed that becomes a raw load.
    pub reads_raw: bool,
    /// A stage model of another package reads it.
    pub read_by_stage: bool,
}

/// Folder names that mean: not for others to read.
const INNER_FOLDERS: &[&str] = &[
    "staging",
    "stage",
    "stg",
    "base",
    "intermediate",
    "int",
    "prep",
    "prepare",
    "raw",
    "landing",
    "snapshots",
];
const INNER_PREFIXES: &[&str] = &["stg_", "base_", "int_", "snap_"];

impl Candidate<'_> {
    fn is_inner(&self) -> bool {
        self.folders.iter().any(|folder| INNER_FOLDERS.contains(&folder.to_lowercase().as_str()))
            || INNER_PREFIXES.iter().any(|prefix| self.name.starts_with(prefix))
    }

    /// Whether the names say that it should be published.
    pub fn is_meant_for_prod(&self) -> bool {
        !self.is_inner()
    }
}

/// The layer of each candidate, in their order.
pub fn decide(candidates: &[Candidate<'_>]) -> Vec<Layer> {
    let index: HashMap<&str, usize> =
        candidates.iter().enumerate().map(|(index, candidate)| (candidate.name, index)).collect();
    let mut waiting: Vec<usize> = (0..candidates.len())
        .filter(|index| {
            let candidate = &candidates[*index];
            candidate.reads_raw || candidate.read_by_stage || candidate.is_inner()
        })
        .collect();
    let mut stage: HashSet<usize> = waiting.iter().copied().collect();
    // Stage cannot refer to prod: what a stage model reads is stage, too.
    while let Some(next) = waiting.pop() {
        for parent in candidates[next].refs.iter().filter_map(|name| index.get(name.as_str())) {
            if stage.insert(*parent) {
                waiting.push(*parent);
            }
        }
    }
    (0..candidates.len())
        .map(|index| if stage.contains(&index) { Layer::Stage } else { Layer::Prod })
        .collect()
}

/// The folders that say nothing more once the layer is chosen: `staging/shop` is `shop`.
pub fn domain(folders: &[&str], project: &str) -> String {
    const LAYER_WORDS: &[&str] =
        &["staging", "stage", "stg", "raw", "prod", "marts", "mart", "intermediate", "int", "base"];
    let mut rest = folders;
    while let Some((first, others)) = rest.split_first() {
        if !LAYER_WORDS.contains(&first.to_lowercase().as_str()) {
            break;
        }
        rest = others;
    }
    if rest.is_empty() { project.to_owned() } else { rest.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate<'a>(name: &'a str, folder: &'a str, refs: &[&str], reads_raw: bool) -> Candidate<'a> {
        let refs = refs.iter().map(|name| (*name).to_owned()).collect();
        Candidate { name, folders: vec![folder], refs, reads_raw, read_by_stage: false }
    }

    #[test]
    fn what_stage_reads_is_stage_and_the_rest_is_prod() {
        let layers = decide(&[
            candidate("stg_orders", "staging", &[], true),
            candidate("calendar", "marts", &[], false),
            candidate("int_days", "intermediate", &["calendar"], false),
            candidate("orders", "marts", &["stg_orders", "int_days"], false),
            candidate("report", "marts", &["orders"], false),
            candidate("hasty", "marts", &["orders"], true),
        ]);
        use Layer::{Prod, Stage};
        // `hasty` reads a source, so it is stage, and so are the `orders` it reads.
        assert_eq!(layers, [Stage, Stage, Stage, Stage, Prod, Stage]);
    }

    #[test]
    fn a_domain_does_not_repeat_the_layer() {
        assert_eq!(domain(&["staging", "stripe"], "shop"), "stripe");
        assert_eq!(domain(&["marts"], "shop"), "shop");
    }
}
