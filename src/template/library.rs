//! The library of a project: elt's own macros, those of packages and of the project, read together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::definitions::definitions;
use super::engine::engine;
use super::macros::{Entry, Macros};
use super::scan::{tags, tags_within};
use super::{Library, Scope, prepare, unknown};
use crate::diagnostic::{Diagnostic, Location, SourceFile};

/// The tests and macros that every project has.
const BUILT_IN: &[(&str, &str)] = &[
    ("(built in) tests.sql", include_str!("builtin/tests.sql")),
    ("(built in) dbt.sql", include_str!("builtin/dbt.sql")),
    ("(built in) dbt_utils.sql", include_str!("builtin/dbt_utils.sql")),
    ("(built in) dbt_utils_asking.sql", include_str!("builtin/dbt_utils_asking.sql")),
    ("(built in) dbt_utils_tests.sql", include_str!("builtin/dbt_utils_tests.sql")),
    ("(built in) dbt_expectations.sql", include_str!("builtin/dbt_expectations.sql")),
    ("(built in) dbt_expectations_spread.sql", include_str!("builtin/dbt_expectations_spread.sql")),
];

/// A package's name, and its files of macros and generic tests.
#[derive(Debug, Clone, Default)]
pub struct PackageMacros {
    pub name: String,
    /// Where its files lie, seen from the project's folder.
    pub folder: String,
    pub files: Vec<Arc<SourceFile>>,
}

impl Library {
    /// For texts that call no macros, such as the profile.
    pub fn without_macros(scope: Scope) -> Self {
        Self::of(Macros::default(), scope)
    }

    fn of(macros: Macros, scope: Scope) -> Self {
        let macros = Arc::new(macros);
        Self {
            environment: Arc::new(engine(macros.clone())),
            macros,
            by_name: OnceLock::new(),
            scope: Arc::new(scope),
        }
    }

    /// Reads macro files. All problems of all files come back together.
    pub fn new(macro_files: &[Arc<SourceFile>], scope: Scope) -> Result<Self, Vec<Diagnostic>> {
        Self::with_packages(macro_files, &[], scope)
    }

    /// The same beside the macros of packages. A package is written for dbt at large: what is wrong in it is told
    /// where it is called, and what elt has built in under the same name stays.
    pub fn with_packages(
        macro_files: &[Arc<SourceFile>],
        packages: &[PackageMacros],
        scope: Scope,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut macros = Macros::default();
        macros.project = project_name(&scope);
        macros.dispatch = scope.dispatch.clone();
        macros.folders = packages.iter().map(|one| (format!("{}/", one.folder), one.name.clone())).collect();
        for (path, text) in BUILT_IN {
            macros.add(&Arc::new(SourceFile { path: (*path).into(), text: (*text).into() }), None);
        }
        for file in macro_files {
            macros.add(file, None);
        }
        for package in packages {
            for file in &package.files {
                macros.add(file, Some(&package.name));
            }
        }
        let library = Self::of(macros, scope);
        let problems: Vec<Diagnostic> =
            macro_files.iter().flat_map(|file| library.problems_of(file)).collect();
        if problems.is_empty() { Ok(library) } else { Err(problems) }
    }

    /// What is wrong with a file of macros: in the whole, if it cannot be read, else in each macro.
    fn problems_of(&self, file: &Arc<SourceFile>) -> Vec<Diagnostic> {
        let mut own: Vec<(&str, &Entry)> =
            self.macros.entries().filter(|(_, entry)| Arc::ptr_eq(&entry.file, file)).collect();
        own.sort_by_key(|(_, entry)| entry.place());
        let mut found: Vec<Diagnostic> =
            own.into_iter().flat_map(|(name, entry)| self.problems_of_macro(name, entry)).collect();
        found.extend(self.problems_between(file));
        found
    }

    fn problems_of_macro(&self, name: &str, entry: &Entry) -> Vec<Diagnostic> {
        let Some(prepared) = self.macros.prepared(name) else { return Vec::new() };
        match self.environment.template_from_named_str(name, &prepared.text) {
            Err(error) => vec![self.diagnose(&error, &entry.file, None)],
            Ok(_) => {
                let tags = tags_within(&entry.file.text, entry.definition.whole());
                unknown::problems(&self.environment, &self.macros, &entry.file, &tags, &prepared.text)
            }
        }
    }

    /// What stands between macros does nothing, but may be a macro that never ends.
    fn problems_between(&self, file: &Arc<SourceFile>) -> Vec<Diagnostic> {
        let mut rest = file.text.clone().into_bytes();
        for definition in definitions(&file.text) {
            rest[definition.whole()].fill(b' ');
        }
        let rest = String::from_utf8_lossy(&rest);
        let told = unknown::statements(file, &rest);
        if !told.is_empty() {
            return told;
        }
        let prepared = prepare::value(&rest, &tags(&rest), "");
        match self.environment.template_from_named_str(&file.path, &prepared.text) {
            Ok(_) => Vec::new(),
            Err(error) => vec![self.diagnose(&error, file, Some(&prepared))],
        }
    }

    /// Where a macro is defined; one of a package is named with it, as `package.macro`.
    pub fn macro_place(&self, name: &str) -> Option<Location> {
        let entry = self.macros.get(&self.macros.whole_name(name)?)?;
        Some(Location::new(&entry.file, entry.definition.start.whole.clone()))
    }

    /// What a generic test takes; nothing where there is no such test.
    pub fn test_parameters(&self, name: &str) -> &[String] {
        self.macros.get(&format!("test_{name}")).map_or(&[], |known| known.definition.parameters.as_slice())
    }

    /// Whether a generic test is there; of a package as `package__test`.
    pub fn has_test(&self, name: &str) -> bool {
        self.macros.has(&format!("test_{name}"))
    }

    /// Why macros and tests of packages cannot be used, by their whole name: for themselves, or for what they call.
    pub fn unusable(&self) -> BTreeMap<String, String> {
        let mut why: BTreeMap<String, String> = BTreeMap::new();
        for (name, entry) in self.macros.entries().filter(|(_, entry)| entry.package.is_some()) {
            let first = self.problems_of_macro(name, entry).into_iter().next();
            why.extend(first.map(|problem| (name.to_owned(), problem.message)));
        }
        let calls: Vec<(String, Vec<String>)> = self
            .macros()
            .into_iter()
            .filter(|one| one.package.is_some())
            .map(|one| (one.name, one.calls))
            .collect();
        loop {
            let known: BTreeSet<&String> = why.keys().collect();
            let more: Vec<(String, String)> = calls
                .iter()
                .filter(|(name, _)| !known.contains(name))
                .filter_map(|(name, calls)| {
                    let reason = calls.iter().find_map(|called| why.get(called))?;
                    Some((name.clone(), reason.clone()))
                })
                .collect();
            if more.is_empty() {
                return why;
            }
            why.extend(more);
        }
    }

    /// The whole names of the macros and tests of a package.
    pub fn names_of(&self, package: &str) -> impl Iterator<Item = &str> {
        let of_package =
            self.macros.entries().filter(move |(_, entry)| entry.package.as_deref() == Some(package));
        of_package.map(|(name, _)| name)
    }
}

fn project_name(scope: &Scope) -> String {
    scope.target.get("project_name").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}
