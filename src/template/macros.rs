//! The macros of a project, by the names that templates call them by. Each stands in a template of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use minijinja::Value;

use super::definitions::{Definition, definitions};
use super::prepare::{self, Prepared};
use super::scan::{Tag, TagKind, identifiers, tags};
use crate::diagnostic::SourceFile;

/// The template that imports others, and the macro in it which does.
pub(super) const LOADER: &str = "elt";
pub(super) const LOADER_TEXT: &str = "{% macro elt_load(name) %}{% import name as elt_module %}{{ elt_loaded(name, elt_module) }}{% endmacro %}";
const LOADED_BY: &str = "{% from \"elt\" import elt_load %}{{ elt_loader(elt_load) }}";

/// Packages of dbt whose macros are built in under `package__name`.
pub const BUILT_IN_PACKAGES: &[&str] = &["dbt", "dbt_utils", "dbt_date", "dbt_expectations"];

/// What stands before two underlines without being a package.
const NO_NAMESPACES: &[&str] = &["elt", "default", "postgres"];

/// What stands in a macro for the arguments that it does not name.
const OPEN: &[&str] = &["varargs", "kwargs"];

/// Every macro that can be called, by its whole name: `name`, `package__name`, `test_name`, `test_package__name`.
#[derive(Default, Clone)]
pub(super) struct Macros {
    by_name: HashMap<String, Entry>,
    /// The folders of packages, and what these are called.
    pub folders: Vec<(String, String)>,
    /// What the project itself is called.
    pub project: String,
    /// Of packages, in which others `adapter.dispatch` looks for their macros.
    pub dispatch: BTreeMap<String, Vec<String>>,
    /// Of each package, what its macros are called in it.
    of_packages: BTreeMap<String, BTreeSet<String>>,
    /// Of dbt's own, what they are called without its name.
    of_dbt: HashSet<String>,
    /// What stands before the two underlines of a name.
    namespaces: HashSet<String>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub file: Arc<SourceFile>,
    pub definition: Arc<Definition>,
    pub package: Option<String>,
    /// What it gives in any case.
    pub fixed: Option<Value>,
}

impl Entry {
    /// From its first tag to its last.
    pub fn text(&self) -> &str {
        &self.file.text[self.definition.whole()]
    }

    /// For an order of all: the file, and where in it.
    pub fn place(&self) -> (&str, usize) {
        (&self.file.path, self.definition.start.whole.start)
    }

    pub fn is_built_in(&self) -> bool {
        self.file.path.starts_with('(')
    }

    pub fn takes(&self, name: &str) -> bool {
        self.definition.parameters.iter().any(|known| known == name)
    }
}

impl Macros {
    /// Takes in all of a file. What there is already stays where `package` is one.
    pub fn add(&mut self, file: &Arc<SourceFile>, package: Option<&str>) {
        for definition in definitions(&file.text) {
            let Definition { name, is_test, .. } = &definition;
            if let Some(package) = package.filter(|_| !is_test) {
                self.of_packages.entry(package.to_owned()).or_default().insert(name.clone());
            }
            let whole = match package {
                None => name.clone(),
                Some(package) if *is_test => name.replacen("test_", &format!("test_{package}__"), 1),
                Some(package) => format!("{package}__{name}"),
            };
            if package.is_some() && self.by_name.contains_key(&whole) {
                continue;
            }
            if let Some((before, bare)) =
                whole.split_once("__").filter(|(before, _)| !NO_NAMESPACES.contains(before))
            {
                self.namespaces.insert(before.to_owned());
                if before == "dbt" {
                    self.of_dbt.insert(bare.to_owned());
                }
            }
            let (file, package) = (file.clone(), package.map(str::to_owned));
            self.by_name
                .insert(whole, Entry { file, definition: Arc::new(definition), package, fixed: None });
        }
    }

    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.by_name.get_mut(name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.by_name.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The whole name of what a template calls `name`: the project's own, or one of dbt's.
    pub fn called(&self, name: &str) -> Option<String> {
        if self.has(name) {
            return Some(name.to_owned());
        }
        let of_dbt = self.of_dbt.contains(name);
        of_dbt.then(|| self.overriding("dbt", name).unwrap_or_else(|| format!("dbt__{name}")))
    }

    /// The whole name of what a template calls `package.name`.
    pub fn called_in(&self, package: &str, name: &str) -> Option<String> {
        let of_package = format!("{package}__{name}");
        if let Some(entry) = self.get(&of_package) {
            let instead = entry.is_built_in().then(|| self.overriding(package, name)).flatten();
            return Some(instead.unwrap_or(of_package));
        }
        // What an overriding macro calls where it leaves the work to the package's own.
        let default = name.strip_prefix("default__").map(|name| format!("{package}__{name}"));
        if let Some(default) = default.filter(|name| self.get(name).is_some_and(Entry::is_built_in)) {
            return Some(default);
        }
        (package == self.project).then(|| self.called(name)).flatten()
    }

    /// The whole name of a macro that is named with its package or without.
    pub fn whole_name(&self, name: &str) -> Option<String> {
        match name.split_once('.') {
            None => self.called(name),
            Some((package, name)) => self.called_in(package, name),
        }
    }

    /// Whether `package.name(…)` may be a call of a macro.
    pub fn is_namespace(&self, package: &str) -> bool {
        BUILT_IN_PACKAGES.contains(&package)
            || self.namespaces.contains(package)
            || !package.is_empty() && package == self.project
    }

    /// What `adapter.dispatch(…)` takes: what the first package of the search order has, which is the project
    /// itself and then the package that is named, or whose file it is, where nothing else is said.
    pub fn dispatched(&self, name: &str, package: Option<&str>) -> Option<String> {
        // elt's own do not dispatch: they are what dbt's come to on PostgreSQL.
        let built_in = |package: &str| {
            let whole = format!("{package}__{name}");
            self.get(&whole).is_some_and(Entry::is_built_in).then_some(whole)
        };
        let mut all = self.search_order(package).into_iter();
        let found = all.find_map(|package| self.adapted(package, name).or_else(|| built_in(package)));
        found.or_else(|| built_in("dbt"))
    }

    /// The macro that serves instead of one that elt has built in: of the packages before it in the search order.
    fn overriding(&self, package: &str, name: &str) -> Option<String> {
        let before = self.search_order(Some(package)).into_iter().take_while(|one| *one != package);
        before.filter_map(|one| self.adapted(one, name)).next()
    }

    fn search_order<'a>(&'a self, package: Option<&'a str>) -> Vec<&'a str> {
        match package.and_then(|package| self.dispatch.get(package)) {
            Some(packages) => packages.iter().map(String::as_str).collect(),
            None => std::iter::once(self.project.as_str()).chain(package).collect(),
        }
    }

    /// `postgres__name` of a package, else its `default__name`.
    fn adapted(&self, package: &str, name: &str) -> Option<String> {
        let all = ["postgres", "default"].map(|adapter| match package == self.project {
            true => format!("{adapter}__{name}"),
            false => format!("{package}__{adapter}__{name}"),
        });
        all.into_iter().find(|name| self.has(name))
    }

    /// The package that a file is of, and its path there; nothing where it is the project's own.
    pub fn place_of<'a>(&self, path: &'a str) -> Option<(&str, &'a str)> {
        self.folders
            .iter()
            .find_map(|(folder, name)| Some((name.as_str(), path.strip_prefix(folder.as_str())?)))
    }

    pub fn package_of(&self, path: &str) -> Option<&str> {
        self.place_of(path).map(|(package, _)| package)
    }

    /// What has to stand before a text, so that it can call macros; in a package the package's own come first.
    pub fn before(&self, source: &str, tags: &[Tag], package: Option<&str>) -> String {
        let mut before = self.names_of_package(source, tags, package);
        if !before.is_empty() || self.is_mentioned_in(source, tags) {
            before.insert_str(0, LOADED_BY);
        }
        before
    }

    fn names_of_package(&self, source: &str, tags: &[Tag], package: Option<&str>) -> String {
        let Some((package, names)) = package.and_then(|package| self.of_packages.get_key_value(package))
        else {
            return String::new();
        };
        let mut before = format!("{{% set adapter = elt_adapter('{package}') %}}");
        let words: BTreeSet<&str> = words(source, tags).collect();
        for name in words.into_iter().filter(|word| names.contains(*word)) {
            before.push_str(&format!("{{% set {name} = elt_macro('{package}__{name}') %}}"));
        }
        before
    }

    /// Whether any word of its tags may be a macro.
    fn is_mentioned_in(&self, source: &str, tags: &[Tag]) -> bool {
        words(source, tags).any(|word| {
            word == "adapter" || word == "context" || self.called(word).is_some() || self.is_namespace(word)
        })
    }

    /// A macro in its own template.
    pub fn prepared(&self, name: &str) -> Option<Prepared> {
        let entry = self.get(name)?;
        let before = self.names_of_package(entry.text(), &tags(entry.text()), entry.package.as_deref());
        Some(prepare::definition(&entry.file.text, &entry.definition, &before, &open_parameters(entry)))
    }
}

/// Of `varargs` and `kwargs`, what a macro mentions without taking it.
pub(super) fn open_parameters(entry: &Entry) -> Vec<&'static str> {
    OPEN.iter().copied().filter(|name| entry.text().contains(name) && !entry.takes(name)).collect()
}

fn words<'a>(source: &'a str, tags: &[Tag]) -> impl Iterator<Item = &'a str> {
    let tags = tags.iter().filter(|tag| tag.kind != TagKind::Verbatim);
    tags.flat_map(move |tag| identifiers(source, tag.inner.clone())).map(move |word| &source[word])
}
