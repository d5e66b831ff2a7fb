//! `completions`: a script for the shell. Commands and options stand in it; the project's own names it asks for
//! by `elt complete`, which says nothing where there is no project or it does not compile.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{Cli, Context, Outcome};
use crate::manifest::select::{METHODS, NamedSelectors, ResourceType};
use crate::manifest::{Body, Manifest, compile};
use crate::project::{self, Project};

#[derive(Debug, Clone, Args)]
pub struct Completions {
    pub shell: Shell,
}

#[derive(Debug, Clone, Args)]
pub struct Complete {
    pub kind: Kind,
    /// What is typed so far
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub word: String,
}

/// What may stand at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A term of `--select`
    Select,
    /// A name of selectors.yml
    Selector,
    /// A target of profiles.yml
    Target,
    /// A model, rule or source
    Model,
    /// The same, or one of its columns
    Column,
    /// A macro of the project or of a package
    Macro,
}

const BASH: &str = include_str!("completions/elt.bash");
const ZSH: &str = include_str!("completions/elt.zsh");
const FISH: &str = include_str!("completions/elt.fish");

pub fn completions(context: &Context, arguments: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut offered(), "elt", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    context.terminal.data(&match arguments.shell {
        Shell::Bash => format!("{script}\n{BASH}"),
        Shell::Fish => format!("{script}\n{FISH}"),
        Shell::Zsh => with_names(&script),
        _ => script,
    });
    Ok(ExitCode::SUCCESS)
}

/// What is offered: all but the commands that only scripts call.
fn offered() -> Command {
    let whole = Cli::command();
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let empty = Command::new("elt").version(env!("CARGO_PKG_VERSION")).propagate_version(true);
    empty.args(whole.get_arguments().cloned()).subcommands(shown.collect::<Vec<_>>())
}

/// zsh asks for a value by the function that its option names.
fn with_names(script: &str) -> String {
    let mut lines = String::with_capacity(script.len());
    for line in script.split_inclusive('\n') {
        let known = IN_ZSH.iter().find(|(mark, _)| line.contains(mark));
        match known {
            Some((_, kind)) => lines.push_str(&line.replacen(":_default", &format!(":_elt_names {kind}"), 1)),
            None => lines.push_str(line),
        }
    }
    match lines.split_once("\n_elt() {") {
        Some((before, after)) => format!("{before}\n{ZSH}\n_elt() {{{after}"),
        None => lines,
    }
}

/// What the lines hold of values that the project has names for.
const IN_ZSH: [(&str, &str); 7] = [
    (":SELECTOR:_default", "select"),
    ("--selector=[", "selector"),
    (":TARGET:_default", "target"),
    ("[The target of profiles.yml", "target"),
    ("'::model -- ", "model"),
    ("':column -- ", "column"),
    ("':name -- The macro ", "macro"),
];

pub fn complete(context: &Context, arguments: &Complete) -> Outcome {
    for candidate in candidates(context, arguments) {
        context.terminal.data_line(&candidate);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whole words that begin with what is typed.
fn candidates(context: &Context, arguments: &Complete) -> BTreeSet<String> {
    let root = &context.global.project_dir;
    let word = arguments.word.as_str();
    if arguments.kind == Kind::Target {
        let names = project::target_names(root).into_iter();
        return names.filter(|name| name.starts_with(word)).collect();
    }
    // What is wrong is told by the command itself, later.
    let Ok((project, _)) = Project::read(root, &context.setting) else { return BTreeSet::new() };
    let names = match arguments.kind {
        Kind::Selector => selectors(&project),
        Kind::Macro => macros(&project),
        _ => {
            let (manifest, _) = compile(&project);
            match arguments.kind {
                Kind::Column => columns(&manifest, word),
                Kind::Model => models(&manifest),
                _ => terms(&manifest),
            }
        }
    };
    // `a,+b` and the like: the last term is the one that is typed.
    let typed = if arguments.kind == Kind::Select { begin_of_term(word) } else { 0 };
    let (before, term) = word.split_at(typed);
    names.into_iter().filter(|name| name.starts_with(term)).map(|name| format!("{before}{name}")).collect()
}

fn begin_of_term(word: &str) -> usize {
    let term = word.rfind(',').map_or(0, |at| at + 1);
    let depth = word[term..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    match word[term + depth..].starts_with('+') {
        true => term + depth + 1,
        false if word[term..].starts_with('@') => term + 1,
        false => term,
    }
}

fn models(manifest: &Manifest) -> BTreeSet<String> {
    manifest.nodes.iter().map(|node| node.name.as_str().to_owned()).collect()
}

fn columns(manifest: &Manifest, word: &str) -> BTreeSet<String> {
    let mut names = models(manifest);
    let node = word.split_once('.').and_then(|(name, _)| manifest.find(name));
    if let Some(id) = node {
        let lineage = crate::lineage::Lineage::of(manifest, &crate::lineage::Catalog::new());
        let columns = lineage.node(id).columns.iter();
        names.extend(columns.map(|column| format!("{}.{}", manifest.node(id).name.as_str(), column.name)));
    }
    names
}

fn selectors(project: &Project) -> BTreeSet<String> {
    let read = project.selectors_file.as_ref().and_then(|file| NamedSelectors::read(file).ok());
    read.map(|selectors| selectors.0.into_keys().collect()).unwrap_or_default()
}

fn macros(project: &Project) -> BTreeSet<String> {
    let all = project.library.macros().into_iter();
    let own = all.filter(|one| !one.is_builtin && !one.bare_name().starts_with("test_"));
    let named = own.map(|one| match &one.package {
        Some(package) => format!("{package}.{}", one.bare_name()),
        None => one.name,
    });
    named.collect()
}

/// Names, and what methods can be asked for.
fn terms(manifest: &Manifest) -> BTreeSet<String> {
    let mut terms = models(manifest);
    let nodes = manifest.nodes.iter();
    let tags = nodes.flat_map(|node| &node.config.tags);
    let tags = tags.chain(manifest.tests.iter().flat_map(|test| &test.config.tags));
    let tags = tags.chain(manifest.exposures.iter().flat_map(|exposure| &exposure.written.tags));
    terms.extend(tags.map(|tag| format!("tag:{tag}")));
    for node in &manifest.nodes {
        terms.insert(format!("layer:{}", node.layer));
        terms.insert(format!("path:{}", node.file.path.rsplit_once('/').map_or("", |(folder, _)| folder)));
        if let Body::Source { table, .. } = &node.body {
            terms.insert(format!("source:{}", node.domain));
            terms.insert(format!("source:{}.{table}", node.domain));
        }
    }
    let exposures = manifest.exposures.iter();
    terms.extend(exposures.map(|exposure| format!("exposure:{}", exposure.written.name)));
    let tests = manifest.tests.iter();
    terms.extend(tests.flat_map(|test| [test.name.clone(), format!("test_name:{}", test.kind)]));
    terms.extend(manifest.analyses.iter().map(|analysis| analysis.name.clone()));
    let units = manifest.unit_tests.iter();
    terms.extend(units.map(|test| format!("unit_test:{}", test.written.name)));
    terms.extend(manifest.packages.iter().map(|package| format!("package:{}", package.name)));
    terms.extend(ResourceType::ALL.map(|kind| format!("resource_type:{}", kind.name())));
    terms.extend(["generic", "singular", "unit", "data"].map(|kind| format!("test_type:{kind}")));
    terms.extend(["modified", "new", "old", "unmodified"].map(|state| format!("state:{state}")));
    terms.extend(METHODS.map(|method| format!("{method}:")));
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_term_of_a_word_is_the_one_that_is_typed() {
        for (word, before) in
            [("or", ""), ("+or", "+"), ("2+or", "2+"), ("@or", "@"), ("tag:a,+or", "tag:a,+"), ("2", "")]
        {
            assert_eq!(&word[..begin_of_term(word)], before, "{word}");
        }
    }
}
