//! Files of models: what their places say of them.

use std::sync::Arc;

use serde_yaml::Spanned;

use super::packages::Package;
use super::{Layer, stem, yaml};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// A file under `models/`: its name is the model's name, its first folder the layer.
#[derive(Debug, Clone)]
pub struct ModelFile {
    pub name: String,
    pub layer: Layer,
    /// The package that it is of; `None` is the project itself.
    pub package: Option<String>,
    /// The folders between layer and file, e.g. `vouchers`.
    pub domain: String,
    pub file: Arc<SourceFile>,
}

/// A snapshot that is nothing but YAML is a model in the folder of that file, of one line.
pub(super) fn snapshot_file(
    file: &Arc<SourceFile>,
    (name, relation): &(Spanned<String>, Spanned<String>),
    packages: &[Package],
    problems: &mut Vec<Diagnostic>,
) -> Option<ModelFile> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let wanted = relation.value.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    if !["ref(", "source("].iter().any(|call| wanted.starts_with(call)) {
        let message = format!("the snapshot `{}` is of `{wanted}`", name.value);
        let place = yaml::place(file, relation);
        problems
            .push(Diagnostic::error("bad-config", message).at(place).hint("write `relation: ref('orders')`"));
        return None;
    }
    let path = format!("{folder}/{}.sql", name.value);
    let text = format!("select * from {{{{ {wanted} }}}}\n");
    model_file(&Arc::new(SourceFile { path, text }), packages, problems)
}

pub(super) fn model_file(
    file: &Arc<SourceFile>,
    packages: &[Package],
    problems: &mut Vec<Diagnostic>,
) -> Option<ModelFile> {
    let of_package = packages.iter().find_map(|package| {
        let inside = file.path.strip_prefix(&package.folder)?.strip_prefix('/')?;
        Some((package.name.clone(), inside))
    });
    let inside = of_package.as_ref().map_or(file.path.as_str(), |(_, inside)| inside);
    let mut folders: Vec<&str> = inside.split('/').skip(1).collect();
    folders.pop();
    let layer = folders.first().and_then(|name| Layer::from_folder(name));
    let Some(layer) = layer else {
        problems.push(
            Diagnostic::error("no-layer", format!("{} lies in no layer", file.path))
                .at(Location::start_of(file))
                .hint("a model is models/<layer>/<domain>/<name>.sql, with raw, stage or prod as its layer"),
        );
        return None;
    };
    Some(ModelFile {
        name: stem(&file.path).to_owned(),
        layer,
        package: of_package.as_ref().map(|(name, _)| name.clone()),
        domain: folders[1..].join("/"),
        file: file.clone(),
    })
}
