//! The ids that dbt's artifacts and selectors know a part of the project by: `model.shop.orders`, and the
//! dotted path `shop.stage.sales.orders`.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Analysis, Body, Exposure, Manifest, Node, NodeId, Test, UnitTest};
use crate::project::{Materialization, Version};

/// How much of a hash tells two tests of one name apart. Unit: hexadecimal digits, as dbt has it.
const SHORT_HASH: usize = 10;

impl Manifest {
    /// The package that a file is of, which is the project itself for its own, and the file's path inside it.
    pub fn package_of<'a>(&'a self, path: &'a str) -> (&'a str, &'a str) {
        let inside = |folder: &str| path.strip_prefix(folder)?.strip_prefix('/');
        let found = self.packages.iter().filter_map(|one| Some((one, inside(&one.folder)?)));
        // One package may lie in the folder of another.
        let nearest = found.min_by_key(|(_, inside)| inside.len());
        nearest.map_or((&self.project, path), |(package, inside)| (&package.name, inside))
    }

    /// `model.…`, `snapshot.…`, `seed.…` or `source.…`.
    pub fn unique_id(&self, id: NodeId) -> String {
        self.id_of(self.node(id))
    }

    /// The same of a node that may be switched off.
    pub fn id_of(&self, node: &Node) -> String {
        let package = self.package_of(&node.file.path).0;
        let version = node.version.as_ref().map(Version::reference);
        let name = version.as_deref().unwrap_or(node.model_name());
        match &node.body {
            Body::Model { .. } if node.materialization == Materialization::Snapshot => {
                format!("snapshot.{package}.{name}")
            }
            Body::Model { .. } => format!("model.{package}.{name}"),
            Body::Rule(_) => format!("seed.{package}.{name}"),
            Body::Source { table, .. } => format!("source.{package}.{}.{table}", node.domain),
        }
    }

    /// `test.…`; a generic one carries a hash of what it was asked to do.
    pub fn test_id(&self, test: &Test) -> String {
        let (package, name) = (self.package_of(&test.file.path).0, &test.name);
        if test.is_singular() {
            return format!("test.{package}.{name}");
        }
        let arguments = serde_json::to_string(&test.arguments).unwrap_or_default();
        format!("test.{package}.{name}.{}", &hash(&format!("{name}\n{arguments}"))[..SHORT_HASH])
    }

    /// `unit_test.…`, with the model's name in it.
    pub fn unit_test_id(&self, test: &UnitTest) -> String {
        let (package, _) = self.package_of(&test.written.place.file.path);
        format!("unit_test.{package}.{}.{}", test.written.model, test.written.name)
    }

    pub fn exposure_id(&self, exposure: &Exposure) -> String {
        let (package, _) = self.package_of(&exposure.written.place.file.path);
        format!("exposure.{package}.{}", exposure.written.name)
    }

    pub fn analysis_id(&self, analysis: &Analysis) -> String {
        format!("analysis.{}.{}", self.package_of(&analysis.file.path).0, analysis.name)
    }

    /// Package, layer, folders, name.
    pub fn fqn(&self, id: NodeId) -> Vec<&str> {
        self.fqn_of(self.node(id))
    }

    /// The same of a node that may be switched off.
    pub fn fqn_of<'a>(&'a self, node: &'a Node) -> Vec<&'a str> {
        match &node.body {
            Body::Source { table, .. } => {
                vec![self.package_of(&node.file.path).0, node.domain.as_str(), table]
            }
            _ => match &node.version {
                Some(version) => self.below(&node.file.path, &[&version.model, &version.shown]),
                None => self.below(&node.file.path, &[node.model_name()]),
            },
        }
    }

    pub fn test_fqn<'a>(&'a self, test: &'a Test) -> Vec<&'a str> {
        self.below(&test.file.path, &[&test.name])
    }

    pub fn unit_test_fqn<'a>(&'a self, test: &'a UnitTest) -> Vec<&'a str> {
        self.below(&test.written.place.file.path, &[&test.written.model, &test.written.name])
    }

    pub fn exposure_fqn<'a>(&'a self, exposure: &'a Exposure) -> Vec<&'a str> {
        self.below(&exposure.written.place.file.path, &[&exposure.written.name])
    }

    /// With the word `analysis` before its folders, as dbt has it.
    pub fn analysis_fqn<'a>(&'a self, analysis: &'a Analysis) -> Vec<&'a str> {
        let mut fqn = self.below(&analysis.file.path, &[&analysis.name]);
        fqn.insert(1, "analysis");
        fqn
    }

    /// The package of a file, its folders there, and names.
    fn below<'a>(&'a self, path: &'a str, names: &[&'a str]) -> Vec<&'a str> {
        let (package, inside) = self.package_of(path);
        std::iter::once(package).chain(folders(inside)).chain(names.iter().copied()).collect()
    }
}

/// A path without the folder that all files of its kind lie in.
pub fn inside(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// The folders of a path without its first one, which says what kind of file it is.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.split('/').skip(1)
}

/// SHA-256 in hexadecimal.
pub fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}
