//! The ids that dbt's artifacts and selectors know a part of the project by: `model.shop.orders`, and the
//! dotted path `shop.stage.sales.orders`.

use sha2::{Digest, Sha256};

use super::{Body, Exposure, Manifest, NodeId, Test, UnitTest};

/// How much of a hash tells two tests of one name apart. Unit: hexadecimal digits, as dbt has it.
const SHORT_HASH: usize = 10;

impl Manifest {
    /// `model.…`, `seed.…` or `source.…`.
    pub fn unique_id(&self, id: NodeId) -> String {
        let (node, project) = (self.node(id), &self.project);
        match &node.body {
            Body::Model { .. } => format!("model.{project}.{}", node.name.as_str()),
            Body::Rule(_) => format!("seed.{project}.{}", node.name.as_str()),
            Body::Source { table, .. } => format!("source.{project}.{}.{table}", node.domain),
        }
    }

    /// `test.…`; a generic one carries a hash of what it was asked to do.
    pub fn test_id(&self, test: &Test) -> String {
        let (project, name) = (&self.project, &test.name);
        if test.is_singular() {
            return format!("test.{project}.{name}");
        }
        let arguments = serde_json::to_string(&test.arguments).unwrap_or_default();
        format!("test.{project}.{name}.{}", &hash(&format!("{name}\n{arguments}"))[..SHORT_HASH])
    }

    /// `unit_test.…`, with the model's name in it.
    pub fn unit_test_id(&self, test: &UnitTest) -> String {
        format!("unit_test.{}.{}.{}", self.project, test.written.model, test.written.name)
    }

    pub fn exposure_id(&self, exposure: &Exposure) -> String {
        format!("exposure.{}.{}", self.project, exposure.written.name)
    }

    /// Project, layer, folders, name.
    pub fn fqn(&self, id: NodeId) -> Vec<&str> {
        let node = self.node(id);
        let mut fqn = vec![self.project.as_str()];
        match &node.body {
            Body::Source { table, .. } => fqn.extend([node.domain.as_str(), table]),
            _ => {
                fqn.extend(folders(&node.file.path));
                fqn.push(node.name.as_str());
            }
        }
        fqn
    }

    pub fn test_fqn<'a>(&'a self, test: &'a Test) -> Vec<&'a str> {
        let mut fqn = vec![self.project.as_str()];
        fqn.extend(folders(&test.file.path));
        fqn.push(&test.name);
        fqn
    }

    pub fn unit_test_fqn<'a>(&'a self, test: &'a UnitTest) -> Vec<&'a str> {
        let mut fqn = vec![self.project.as_str()];
        fqn.extend(folders(&test.written.place.file.path));
        fqn.extend([test.written.model.as_str(), &test.written.name]);
        fqn
    }

    pub fn exposure_fqn<'a>(&'a self, exposure: &'a Exposure) -> Vec<&'a str> {
        let mut fqn = vec![self.project.as_str()];
        fqn.extend(folders(&exposure.written.place.file.path));
        fqn.push(&exposure.written.name);
        fqn
    }
}

/// The folders of a path without its first one, which says what kind of file it is.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.split('/').skip(1)
}

/// SHA-256 in hexadecimal.
pub fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
