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
mod model_file;
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

pub use batches::{BatchSize, Moment};
pub use columns::{ColumnProperties, TestEntry};
pub use config::{Config, Contract, Index, PersistDocs, Roles};
pub use config_words::RULE_WORDS;
pub use constraints::{Constraint, ConstraintKind};
pub use docs_blocks::DocsBlock;
pub use exposures::{Exposure, ExposureType, Maturity};
pub use fetch::{AllowedHost, Fetch};
pub(crate) use files::stem;
pub use folders::{FolderKind, Folders, adds_up, folder_config, join_words};
pub use freshness::{FreshnessLimits, FreshnessStatus, Period, Tolerance};
pub use layer::Layer;
pub use loading::{Api, Auth, Basic, Cursor, Incremental, Keys, Method, Paging, Whole};
pub use materialization::{
    HardDeletes, Materialization, MetaColumns, OnConfigurationChange, OnSchemaChange, SnapshotStrategy,
    Strategy,
};
pub use model_file::ModelFile;
pub use profile::{EMBEDDED_DATABASE, Profile, Target};
pub use properties::{Properties, SingularTest};
pub use reading::{BadRows, BadRowsLimit, ColumnsChange, NameOrNumber, RaggedRows};
pub use rules::{Rule, RuleColumn};
pub use service::{Preview, RateLimit, Service};
pub use sources::SourceTable;
pub use test_config::{TEST_WORDS, TestConfig, Threshold, Verdict};
pub use unit_tests::{Given, Overrides, Rows, UnitTest};
pub use versions::Version;
pub use written_hook::WrittenHook;

use crate::diagnostic::{Diagnostic, SourceFile};
use crate::template::{Library, Scope};
use model_file::{model_file, snapshot_file};
use properties::Described;

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
        let mut described = Described::default();
        for file in &found.properties {
            match properties::read(file, &found.fixtures) {
                Ok(mut own) => {
                    problems.append(&mut own.warnings);
                    let snapshots = own.snapshots.iter();
                    models.extend(
                        snapshots.filter_map(|one| snapshot_file(file, one, &packages, &mut problems)),
                    );
                    described.join(own);
                }
                Err(problem) => problems.push(problem),
            }
        }
        let Described { mut properties, mut sources, mut exposures, .. } = described;
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
            dispatch: packages::search_orders(&profile.dispatch, &name, &packages, &mut problems),
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
        let (rules, disabled_rules) =
            rules::read_all(&found.rules, &name, &profile.folders, &properties, &mut problems);
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
            described_tests: described.singular,
            analyses: found.analyses,
            described_analyses: described.analyses,
            properties,
            sources,
            exposures,
            unit_tests: described.unit_tests,
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
