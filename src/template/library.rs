//! The library of a project: elt's own macros, those of packages and of the project, read together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use tera::ErrorKind;

use super::functions::engine;
use super::packages::{self, PackageMacros, Usable};
use super::rewrite::{self, Signatures};
use super::{Library, Scope};
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

impl Library {
    /// For texts that call no macros, such as the profile.
    pub fn without_macros(scope: Scope) -> Self {
        Self {
            base: engine(),
            signatures: Signatures::new(),
            files: HashMap::new(),
            of_packages: BTreeSet::new(),
            folders: Vec::new(),
            by_name: OnceLock::new(),
            unusable: BTreeMap::new(),
            scope: Arc::new(scope),
        }
    }

    /// Reads macro files. All problems of all files come back together.
    pub fn new(macro_files: &[Arc<SourceFile>], scope: Scope) -> Result<Self, Vec<Diagnostic>> {
        Self::with_packages(macro_files, &[], scope)
    }

    /// The same beside the macros of packages.
    pub fn with_packages(
        macro_files: &[Arc<SourceFile>],
        packages: &[PackageMacros],
        scope: Scope,
    ) -> Result<Self, Vec<Diagnostic>> {
        let built_in = BUILT_IN
            .iter()
            .map(|(path, text)| Arc::new(SourceFile { path: (*path).into(), text: (*text).into() }));
        let files: Vec<Arc<SourceFile>> = built_in.chain(macro_files.iter().cloned()).collect();
        let mut signatures = Signatures::new();
        for file in &files {
            signatures.extend(rewrite::signatures(&file.text));
        }
        let of_packages = if packages.is_empty() {
            Usable::default()
        } else {
            Self::new(&[], Scope::default())
                .map(|plain| packages::usable(packages, &plain.signatures, &plain.base))?
        };
        signatures.extend(of_packages.signatures);
        let mut library = Self {
            signatures,
            of_packages: of_packages.texts.iter().map(|(file, _)| file.path.clone()).collect(),
            folders: packages.iter().map(|one| (format!("{}/", one.folder), one.name.clone())).collect(),
            unusable: of_packages.unusable,
            by_name: OnceLock::new(),
            ..Self::without_macros(scope)
        };
        let mut problems = Vec::new();
        let mut texts = Vec::with_capacity(files.len());
        for (file, rewritten) in of_packages.texts {
            texts.push((file.path.clone(), rewritten.text.clone()));
            library.files.insert(file.path.clone(), (file, rewritten));
        }
        for file in &files {
            let rewritten = rewrite::macros(&file.text, &library.signatures);
            problems.extend(library.told(file, &rewritten));
            texts.push((file.path.clone(), rewritten.text.clone()));
            library.files.insert(file.path.clone(), (file.clone(), rewritten));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // All at once: a macro may call one of a file that comes later.
        match library.base.add_raw_templates(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        {
            Ok(()) => Ok(library),
            Err(error) => Err(library.all_wrong(&error, &files, &texts)),
        }
    }

    /// Tera stops at the first file that is wrong: the syntax of each is looked at by itself.
    fn all_wrong(
        &self,
        first: &tera::Error,
        files: &[Arc<SourceFile>],
        texts: &[(String, String)],
    ) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (file, (path, text)) in files.iter().zip(texts) {
            if let Err(error) = engine().add_raw_template(path, text)
                && matches!(error.kind(), ErrorKind::SyntaxError(_))
            {
                problems.push(self.diagnose(&error, file, None));
            }
        }
        if problems.is_empty() {
            let named = first.to_string();
            let quoted = named.split(['`', '\'', '"']).nth(1).unwrap_or_default();
            let file = files.iter().rev().find(|file| file.text.contains(quoted)).unwrap_or(&files[0]);
            problems.push(self.diagnose(first, file, None));
        }
        problems
    }

    /// Where a macro is defined; one of a package is named with it, as `package.macro`.
    pub fn macro_place(&self, name: &str) -> Option<Location> {
        let (package, name) = match name.split_once('.') {
            Some((package, name)) => (Some(package).filter(|package| self.is_package(package)), name),
            None => (None, name),
        };
        let files = self.files.values().filter(|(file, _)| self.package_of(&file.path) == package);
        files
            .filter_map(|(file, _)| {
                rewrite::place_of_macro(&file.text, name).map(|span| Location::new(file, span))
            })
            .next()
    }

    /// What a generic test takes; nothing where there is no such test.
    pub fn test_parameters(&self, name: &str) -> &[String] {
        self.signatures.get(&format!("test_{name}")).map_or(&[], |known| known.parameters.as_slice())
    }

    /// Whether a generic test is there; of a package as `package__test`.
    pub fn has_test(&self, name: &str) -> bool {
        self.signatures.contains_key(&format!("test_{name}"))
    }

    /// Why macros and tests of packages cannot be used, by their whole name.
    pub fn unusable(&self) -> &BTreeMap<String, String> {
        &self.unusable
    }

    /// How many macros and tests of a package can be used.
    pub fn usable_of(&self, package: &str) -> usize {
        let prefixes = [format!("{package}__"), format!("test_{package}__")];
        self.signatures.keys().filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).count()
    }
}
