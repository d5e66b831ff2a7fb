//! Macros of packages, known as `package.macro`. A package is written for dbt at large: what elt can make
//! nothing of is left out, and told only where it is called. What elt has built in under the same name stays.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use tera::{ErrorKind, Tera};

use super::functions::engine;
use super::rewrite::{self, Definition, Problem, Rewritten, Signature, Signatures, definitions};
use crate::diagnostic::SourceFile;

/// A package's name, and its files of macros and generic tests.
#[derive(Debug, Clone, Default)]
pub struct PackageMacros {
    pub name: String,
    /// Where its files lie, seen from the project's folder.
    pub folder: String,
    pub files: Vec<Arc<SourceFile>>,
}

/// What of the packages can be used.
#[derive(Default)]
pub(super) struct Usable {
    pub texts: Vec<(Arc<SourceFile>, Rewritten)>,
    pub signatures: Signatures,
    /// Why the others cannot, by their whole name.
    pub unusable: BTreeMap<String, String>,
}

/// One macro in its file.
struct Block {
    /// `package__macro`, or `test_package__test`.
    name: String,
    signature: Signature,
    whole: Range<usize>,
}

struct File<'a> {
    package: &'a str,
    file: &'a Arc<SourceFile>,
    blocks: Vec<Block>,
}

/// A macro that something is wrong with: the file, a byte of it, and what.
type Fault = (usize, usize, String);

/// Leaves out macros until the rest holds together. `built_in` are templates that are there already.
pub(super) fn usable(packages: &[PackageMacros], known: &Signatures, built_in: &Tera) -> Usable {
    let mut files: Vec<File<'_>> = packages
        .iter()
        .flat_map(|package| package.files.iter().map(|file| (package.name.as_str(), file)))
        .map(|(package, file)| File { package, file, blocks: blocks(package, &file.text) })
        .collect();
    let mut seen = known.clone();
    for file in &mut files {
        file.blocks.retain(|block| seen.insert(block.name.clone(), Signature::default()).is_none());
    }
    let mut unusable = BTreeMap::new();
    loop {
        let own: Signatures = files
            .iter()
            .flat_map(|file| &file.blocks)
            .map(|block| (block.name.clone(), block.signature.clone()))
            .collect();
        let mut signatures = known.clone();
        signatures.extend(own.clone());
        let texts: Vec<Rewritten> =
            files.iter().map(|file| rewrite::package(&file.kept(), &signatures, file.package)).collect();
        let faults = faults(&files, &texts, &unusable, built_in);
        if faults.is_empty() {
            let texts = files.iter().zip(texts).map(|(file, text)| (file.file.clone(), text)).collect();
            return Usable { texts, signatures: own, unusable };
        }
        let mut gone: HashMap<String, String> = HashMap::new();
        for (index, at, why) in faults {
            let blocks = &files[index].blocks;
            // Where no macro can be blamed, none of the file is used.
            let blamed = blocks.iter().find(|block| block.whole.contains(&at));
            for block in blamed.map_or(blocks.as_slice(), std::slice::from_ref) {
                gone.entry(block.name.clone()).or_insert_with(|| why.clone());
            }
        }
        if gone.is_empty() {
            // What is wrong is not in the packages: they are not what is told of.
            return Usable { texts: Vec::new(), signatures: Signatures::new(), unusable };
        }
        for file in &mut files {
            file.blocks.retain(|block| !gone.contains_key(&block.name));
        }
        unusable.extend(gone);
    }
}

impl File<'_> {
    /// The text with spaces for all but the macros that are left, so that places stay.
    fn kept(&self) -> String {
        let mut text = String::with_capacity(self.file.text.len());
        for (at, letter) in self.file.text.char_indices() {
            let stays = letter == '\n' || self.blocks.iter().any(|block| block.whole.contains(&at));
            match stays {
                true => text.push(letter),
                false => text.extend(std::iter::repeat_n(' ', letter.len_utf8())),
            }
        }
        text
    }
}

fn blocks(package: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for Definition { start, end, .. } in definitions(text) {
        let whole = start.whole.start..end.whole.end;
        let defined = rewrite::signatures_of(&text[whole.clone()], package);
        let block = |(name, signature)| Block { name, signature, whole: whole.clone() };
        found.extend(defined.into_iter().map(block));
    }
    found
}

fn faults(
    files: &[File<'_>],
    texts: &[Rewritten],
    unusable: &BTreeMap<String, String>,
    built_in: &Tera,
) -> Vec<Fault> {
    // Of what calls an unusable macro, the reason is that of the macro called.
    let reason = |problem: &Problem| {
        let called = problem.called.as_ref().and_then(|called| unusable.get(called));
        called.cloned().unwrap_or_else(|| problem.message.clone())
    };
    let mut faults = Vec::new();
    for (index, (file, text)) in files.iter().zip(texts).enumerate() {
        faults.extend(text.problems.iter().map(|problem| (index, problem.span.start, reason(problem))));
        if let Err(error) = engine().add_raw_template(&file.file.path, &text.text)
            && let ErrorKind::SyntaxError(report) = error.kind()
        {
            faults.push((index, text.source_of(report.span().range.start), report.message().to_owned()));
        }
    }
    if !faults.is_empty() {
        return faults;
    }
    let named = files.iter().zip(texts).map(|(file, text)| (file.file.path.as_str(), text.text.as_str()));
    let Err(error) = built_in.clone().add_raw_templates(named) else { return faults };
    for (path, line, column, why) in reports(&error.to_string()) {
        let Some(index) = files.iter().position(|file| file.file.path == path) else { continue };
        let text = &texts[index];
        let start: usize = text.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let within: usize = text.text[start..].chars().take(column - 1).map(char::len_utf8).sum();
        faults.push((index, text.source_of(start + within), why));
    }
    faults
}

/// What tera says of names that it does not know: one report each, as text. Line and column count from 1.
fn reports(text: &str) -> Vec<(&str, usize, usize, String)> {
    let mut found = Vec::new();
    let mut message = "";
    for line in text.lines() {
        if let Some(said) = line.strip_prefix("error: ") {
            message = said;
        } else if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let mut parts = place.rsplitn(3, ':');
            let (column, line) = (parts.next(), parts.next());
            let number = |part: Option<&str>| part.and_then(|part| part.parse::<usize>().ok());
            if let (Some(column), Some(line), Some(path)) = (number(column), number(line), parts.next()) {
                found.push((path, line.max(1), column.max(1), message.to_owned()));
            }
        }
    }
    found
}
