//! dbt's selectors: names and patterns, `tag:` `path:` `layer:` and the like, `+` before and after, a comma
//! for "and", a space for "or".

use std::collections::{BTreeSet, VecDeque};

use globset::{Glob, GlobMatcher};

use super::{Manifest, NodeId};
use crate::diagnostic::did_you_mean;

/// What was asked for that cannot be understood or found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectError {
    pub message: String,
    pub hint: Option<String>,
}

/// The nodes that `select` names (all, where it is empty), less those that `exclude` names.
pub fn select(
    manifest: &Manifest,
    select: &[String],
    exclude: &[String],
) -> Result<BTreeSet<NodeId>, SelectError> {
    let mut chosen = if select.is_empty() { manifest.ids().collect() } else { union(manifest, select)? };
    for id in union(manifest, exclude)? {
        chosen.remove(&id);
    }
    Ok(chosen)
}

fn union(manifest: &Manifest, terms: &[String]) -> Result<BTreeSet<NodeId>, SelectError> {
    let mut chosen = BTreeSet::new();
    for term in terms.iter().flat_map(|term| term.split_whitespace()) {
        let mut all: Option<BTreeSet<NodeId>> = None;
        for part in term.split(',').filter(|part| !part.is_empty()) {
            let found = Term::parse(part)?.find(manifest)?;
            all = Some(match all {
                None => found,
                Some(before) => before.intersection(&found).copied().collect(),
            });
        }
        chosen.extend(all.unwrap_or_default());
    }
    Ok(chosen)
}

/// How far to go along the graph; `usize::MAX` is all the way.
#[derive(Debug, PartialEq, Eq)]
struct Term<'a> {
    /// Also all that the descendants need.
    at: bool,
    parents: usize,
    children: usize,
    method: &'a str,
    value: &'a str,
}

impl<'a> Term<'a> {
    fn parse(text: &'a str) -> Result<Self, SelectError> {
        let wrong = || SelectError {
            message: format!("the selector `{text}` cannot be read"),
            hint: Some(
                "write a name, +name, name+, 2+name+1, @name, tag:x, path:models/stage or layer:prod".into(),
            ),
        };
        let (at, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (parents, rest) = match rest[digits..].strip_prefix('+') {
            Some(after) if digits == 0 => (usize::MAX, after),
            Some(after) => (rest[..digits].parse().map_err(|_| wrong())?, after),
            None => (0, rest),
        };
        let (children, rest) = match rest.rsplit_once('+') {
            Some((before, "")) => (usize::MAX, before),
            Some((before, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                (count.parse().map_err(|_| wrong())?, before)
            }
            Some(_) => return Err(wrong()),
            None => (0, rest),
        };
        let (method, value) = rest.split_once(':').unwrap_or(("name", rest));
        if value.is_empty() || (at && children > 0) {
            return Err(wrong());
        }
        Ok(Self { at, parents, children, method, value })
    }

    fn find(&self, manifest: &Manifest) -> Result<BTreeSet<NodeId>, SelectError> {
        let start = self.matches(manifest)?;
        let mut found = start.clone();
        if self.at {
            let down = walk(&start, usize::MAX, |id| manifest.children[id.0].clone());
            found.extend(walk(&down, usize::MAX, |id| manifest.node(id).parents.clone()));
        }
        found.extend(walk(&start, self.parents, |id| manifest.node(id).parents.clone()));
        found.extend(walk(&start, self.children, |id| manifest.children[id.0].clone()));
        Ok(found)
    }

    fn matches(&self, manifest: &Manifest) -> Result<BTreeSet<NodeId>, SelectError> {
        let pattern = glob(self.value)?;
        let all = || manifest.ids().map(|id| (id, manifest.node(id)));
        let keep = |test: &dyn Fn(&super::Node) -> bool| -> BTreeSet<NodeId> {
            all().filter(|(_, node)| test(node)).map(|(id, _)| id).collect()
        };
        let folder = self.value.trim_end_matches('/');
        let found = match self.method {
            "name" | "fqn" => keep(&|node| {
                pattern.is_match(node.name.as_str())
                    || pattern.is_match(format!("{}.{}", node.layer, node.domain.replace('/', ".")))
                    || pattern.is_match(node.domain.as_str())
            }),
            "tag" => keep(&|node| node.config.tags.iter().any(|tag| pattern.is_match(tag))),
            "layer" => keep(&|node| node.layer.name() == self.value),
            "path" => keep(&|node| {
                node.file.path == folder
                    || node.file.path.starts_with(&format!("{folder}/"))
                    || pattern.is_match(&node.file.path)
            }),
            "file" => {
                keep(&|node| node.file.path.rsplit('/').next().is_some_and(|name| pattern.is_match(name)))
            }
            "config.materialized" => keep(&|node| node.materialization.name() == self.value),
            "source" => keep(&|node| {
                matches!(node.body, super::Body::Source { .. })
                    && (pattern.is_match(&node.domain)
                        || pattern.is_match(format!("{}.{}", node.domain, node.name.as_str())))
            }),
            other => {
                let known = ["tag", "layer", "path", "file", "fqn", "config.materialized", "source"];
                return Err(SelectError {
                    message: format!("there is no selector method `{other}:`"),
                    hint: did_you_mean(other, known)
                        .or_else(|| Some(format!("elt knows {}:", known.join(": ")))),
                });
            }
        };
        if found.is_empty() {
            let hint = match self.method {
                "name" => did_you_mean(self.value, manifest.nodes.iter().map(|node| node.name.as_str())),
                "tag" => {
                    let tags = manifest.nodes.iter().flat_map(|node| &node.config.tags);
                    did_you_mean(self.value, tags.map(String::as_str))
                }
                _ => None,
            };
            let hint = hint.or_else(|| Some("`elt ls` lists what there is".into()));
            let written = if self.method == "name" {
                self.value.to_owned()
            } else {
                format!("{}:{}", self.method, self.value)
            };
            return Err(SelectError {
                message: format!("`{written}` matches nothing in this project"),
                hint,
            });
        }
        Ok(found)
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, SelectError> {
    Glob::new(pattern).map(|glob| glob.compile_matcher()).map_err(|error| SelectError {
        message: format!("the pattern `{pattern}` cannot be read: {}", error.kind()),
        hint: None,
    })
}

/// All nodes within `steps` of `start`.
fn walk(start: &BTreeSet<NodeId>, steps: usize, next: impl Fn(NodeId) -> Vec<NodeId>) -> BTreeSet<NodeId> {
    let mut seen = start.clone();
    let mut queue: VecDeque<(NodeId, usize)> = start.iter().map(|id| (*id, 0)).collect();
    while let Some((id, distance)) = queue.pop_front() {
        if distance == steps {
            continue;
        }
        for neighbour in next(id) {
            if seen.insert(neighbour) {
                queue.push_back((neighbour, distance + 1));
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_operators_are_read() {
        let term = Term::parse("2+clean_vouchers+1").unwrap();
        assert_eq!(
            term,
            Term { at: false, parents: 2, children: 1, method: "name", value: "clean_vouchers" }
        );
        let term = Term::parse("+tag:nightly").unwrap();
        assert_eq!(
            term,
            Term { at: false, parents: usize::MAX, children: 0, method: "tag", value: "nightly" }
        );
        assert_eq!(
            Term::parse("@x").unwrap(),
            Term { at: true, parents: 0, children: 0, method: "name", value: "x" }
        );
        assert!(Term::parse("a+b").is_err());
        assert!(Term::parse("+").is_err());
    }
}
