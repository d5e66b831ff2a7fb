//! The user's folder as it was read: every file, parsed into types, with the place of every part.
//! Reads files and nothing else: no socket, no clock; the environment is handed in.

mod batches;
mod calling;
mod columns;
mod config;
mod config_words;
mod constraints;
mod docs_blocks;
mod exposures;
mod fetch;
mod files;
mod folders;
mod freshness;
mod layer;
mod loading;
mod materialization;
pub mod packages;
mod profile;
mod properties;
mod reading;
mod rules;
mod service;
mod sources;
mod test_config;
mod unit_tests;
mod versions;
mod written_hook;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use serde_yaml::Spanned;

pub use batches::{BatchSize, Moment};
pub use columns::{ColumnProperties, TestEntry};
pub use config::{Config, Contract, Index, PersistDocs, Roles};
pub use constraints::{Constraint, ConstraintKind};
pub use docs_blocks::DocsBlock;
pub use exposures::{Exposure, ExposureType, Maturity};
pub use fetch::{AllowedHost, Fetch};
pub use folders::{FolderKind, Folders, adds_up, folder_config, join_words};
pub use freshness::{FreshnessLimits, FreshnessStatus, Period, Tolerance};
pub use layer::Layer;
pub use loading::{Api, Auth, Basic, Cursor, Incremental, Keys, Method, Paging, Whole};
pub use materialization::{
    HardDeletes, Materialization, MetaColumns, OnConfigurationChange, OnSchemaChange, SnapshotStrategy,
    Strategy,
};
pub use profile::{EMBEDDED_DATABASE, Profile, Target};
pub use properties::{Properties, SingularTest};
pub use reading::{BadRows, BadRowsLimit, ColumnsChange, NameOrNumber, RaggedRows};
pub use rules::{RULE_WORDS, Rule, RuleColumn};
pub use service::{Preview, RateLimit, Service};
pub use sources::SourceTable;
pub use test_config::{TEST_WORDS, TestConfig, Threshold, Verdict};
pub use unit_tests::{Given, Overrides, Rows, UnitTest};
pub use versions::Version;
pub use written_hook::WrittenHook;

use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::template::{BUILT_IN_PACKAGES, Library, Scope};

/// What the command line and the environment say about a project.
#[derive(Debug, Default, Clone)]
pub struct Setting {
    pub target: Option<String>,
    /// `--vars`: these win over the profile's.
    pub vars: Map<String, Value>,
    /// What the command line says, by dbt's names: `FULL_REFRESH`.
    pub flags: Map<String, Value>,
    pub env: BTreeMap<String, String>,
}

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

/// A project, read whole.
pub struct Project {
    pub root: PathBuf,
    /// The profile's `name`, else the folder's, as an identifier.
    pub name: String,
    pub profile: Profile,
    pub target: Target,
    pub packages: Vec<packages::Package>,
    pub models: Vec<ModelFile>,
    pub rules: Vec<Rule>,
    /// Those that config switches off: they are not read.
    pub disabled_rules: Vec<Rule>,
    /// Names of all files of rules, also of those that cannot be read.
    pub rule_names: BTreeSet<String>,
    /// `tests/**/*.sql`: queries that must return no rows.
    pub singular_tests: Vec<Arc<SourceFile>>,
    /// What YAML says of them.
    pub described_tests: Vec<SingularTest>,
    /// `analyses/**/*.sql`: queries that are compiled and never run.
    pub analyses: Vec<Arc<SourceFile>>,
    /// What YAML says of them.
    pub described_analyses: Vec<SingularTest>,
    pub properties: Vec<Properties>,
    pub sources: Vec<SourceTable>,
    pub exposures: Vec<Exposure>,
    pub unit_tests: Vec<UnitTest>,
    pub docs_blocks: Vec<DocsBlock>,
    pub macro_files: Vec<Arc<SourceFile>>,
    /// `selectors.yml`, where there is one.
    pub selectors_file: Option<Arc<SourceFile>>,
    pub library: Arc<Library>,
    pub vars: Map<String, Value>,
    pub env: BTreeMap<String, String>,
}

/// In which packages `adapter.dispatch` looks. One that is not there is told, and passed over.
fn dispatch(
    profile: &Profile,
    project: &str,
    packages: &[packages::Package],
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Vec<String>> {
    let known = packages.iter().map(|package| package.name.as_str());
    let known: Vec<&str> = known.chain([project]).chain(BUILT_IN_PACKAGES.iter().copied()).collect();
    for (package, place) in profile.dispatch.values().flatten() {
        if !known.contains(&package.as_str()) {
            let message = format!("`search_order` names `{package}`, which is no package of this project");
            let near = did_you_mean(package, known.iter().copied());
            let hint = near.unwrap_or_else(|| format!("there are: {}", known.join(", ")));
            problems.push(Diagnostic::warning("missing-package", message).at(place.clone()).hint(hint));
        }
    }
    let names = |order: &Vec<(String, Location)>| order.iter().map(|(package, _)| package.clone()).collect();
    profile.dispatch.iter().map(|(package, order)| (package.clone(), names(order))).collect()
}

impl Project {
    /// Reads the project in `root`. What is wrong is told all at once: with the error where nothing can go
    /// on without it, in the list beside the project otherwise.
    pub fn read(root: &Path, setting: &Setting) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let profile_file = files::profile(root).map_err(|problem| vec![problem])?;
        let (profile, target) = Profile::read(&profile_file, setting)?;
        let packages = packages::read(root)?;
        let mut found = files::Found::walk(root, &mut problems);
        let mut vars = Map::new();
        for package in &packages {
            found.walk_package(root, package, &mut problems);
            vars.extend(package.vars(root));
        }
        let name = profile.name.clone().unwrap_or_else(|| name_of(root));
        let mut models: Vec<ModelFile> =
            found.models.iter().filter_map(|file| model_file(file, &packages, &mut problems)).collect();

        vars.extend(profile.vars.clone());
        vars.extend(target.vars.clone());
        vars.extend(setting.vars.clone());
        let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in &packages {
            named.entry(package.name.clone()).or_default();
        }
        for model in &models {
            let package = model.package.clone().unwrap_or_else(|| name.clone());
            named.entry(package).or_default().insert(model.name.clone());
        }
        for rule in &found.rules {
            named.entry(name.clone()).or_default().insert(stem(&rule.path).to_owned());
        }
        let (mut properties, mut sources) = (Vec::new(), Vec::new());
        let (mut exposures, mut unit_tests, mut singular) = (Vec::new(), Vec::new(), Vec::new());
        let mut described_analyses = Vec::new();
        for file in &found.properties {
            match properties::read(file, &found.fixtures) {
                Ok(described) => {
                    problems.extend(described.warnings);
                    singular.extend(described.singular);
                    described_analyses.extend(described.analyses);
                    for snapshot in &described.snapshots {
                        models.extend(snapshot_file(file, snapshot, &packages, &mut problems));
                    }
                    properties.extend(described.properties);
                    sources.extend(described.sources);
                    exposures.extend(described.exposures);
                    unit_tests.extend(described.unit_tests);
                }
                Err(problem) => problems.push(problem),
            }
        }
        properties::join_pinned(&mut properties);
        versions::settle(&mut properties, &models);
        for (own, version) in properties.iter().filter_map(|own| Some((own, own.version.as_ref()?))) {
            let model = models.iter().find(|model| model.name == own.name);
            let package = model.and_then(|model| model.package.clone()).unwrap_or_else(|| name.clone());
            named.entry(package).or_default().extend([version.model.clone(), version.reference()]);
        }
        let scope = Scope {
            vars: vars.clone(),
            env: setting.env.clone(),
            target: target.for_templates(&name),
            flags: setting.flags.clone(),
            dispatch: dispatch(&profile, &name, &packages, &mut problems),
            packages: named,
        };
        let library =
            Library::with_packages(&found.macros, &found.package_macros, scope).map_err(|more| {
                problems.extend(more);
                std::mem::take(&mut problems)
            })?;

        let docs_blocks: Vec<DocsBlock> =
            found.docs.iter().flat_map(|file| docs_blocks::read(file, &mut problems)).collect();
        docs_blocks::resolve(
            &library,
            &docs_blocks,
            &mut properties,
            &mut sources,
            &mut exposures,
            &mut problems,
        );
        let project_name = name.clone();
        let mut disabled_rules = Vec::new();
        let rules = found
            .rules
            .iter()
            .filter_map(|file| {
                let name = stem(&file.path);
                let own = properties.iter().find(|entry| entry.name == name);
                let folders = profile.folders.of(FolderKind::Rules).map(|(tree, _)| {
                    let path: Vec<&str> = file.path.trim_end_matches(".csv").split('/').skip(1).collect();
                    let tree = Value::Object(
                        tree.get(&project_name).and_then(Value::as_object).unwrap_or(tree).clone(),
                    );
                    folder_config(&tree, &path)
                });
                let folders = folders.unwrap_or_default();
                if let Some(rule) = rules::disabled(file, own, &folders) {
                    disabled_rules.push(rule);
                    return None;
                }
                rules::read(file, own, &folders, &mut problems)
            })
            .collect();
        let project = Self {
            root: root.to_owned(),
            name,
            packages,
            profile,
            target,
            models,
            rules,
            disabled_rules,
            rule_names: found.rules.iter().map(|file| stem(&file.path).to_owned()).collect(),
            singular_tests: found.tests,
            described_tests: singular,
            analyses: found.analyses,
            described_analyses,
            properties,
            sources,
            exposures,
            unit_tests,
            docs_blocks,
            macro_files: found.macros,
            selectors_file: found.selectors,
            library: Arc::new(library),
            vars,
            env: setting.env.clone(),
        };
        Ok((project, problems))
    }
}

/// The targets of a profile, as far as it can be read.
pub fn target_names(root: &Path) -> Vec<String> {
    let values = files::profile(root).ok().and_then(|file| yaml::read::<Value>(&file.text).ok());
    let targets = values.as_ref().and_then(|values| values.get("targets")?.as_object());
    targets.map(|targets| targets.keys().cloned().collect()).unwrap_or_default()
}

/// The folder's name with everything but letters, digits and `_` as `_`.
fn name_of(root: &Path) -> String {
    let whole = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let name = whole.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match plain.trim_matches('_') {
        "" => "project".to_owned(),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// The file's name without folders and ending.
pub(crate) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

/// A snapshot that is nothing but YAML is a model in the folder of that file, of one line.
fn snapshot_file(
    file: &Arc<SourceFile>,
    (name, relation): &(Spanned<String>, Spanned<String>),
    packages: &[packages::Package],
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

fn model_file(
    file: &Arc<SourceFile>,
    packages: &[packages::Package],
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
