//! Command lines that were written for dbt: what says the same by another word here is said by that, what says
//! nothing here is left out, and for the rest the way to it is told. Looks at words alone.

use std::ffi::OsString;

use super::Stop;

/// What becomes of an option of dbt's.
enum Means {
    Nothing,
    /// Nor its value.
    NothingOfValue,
    Same(&'static [&'static str]),
    /// It cannot be meant here: what to do instead.
    Instead(&'static str),
}

use Means::{Instead, Nothing, NothingOfValue, Same};

const OPTIONS: &[(&str, Means)] = &[
    ("-m", Same(&["--select"])),
    ("--model", Same(&["--select"])),
    ("--models", Same(&["--select"])),
    ("-f", Same(&["--full-refresh"])),
    ("-x", Same(&["--fail-fast"])),
    ("--single-threaded", Same(&["--threads", "1"])),
    ("--empty", Instead(EMPTY)),
    ("--sample", Instead("a variable in the models' `where`: --vars '{days: 3}'")),
    ("--profiles-dir", Instead("profiles.yml lies in the project's folder, which --project-dir names")),
    ("--profile", Instead("a project has one profile, its profiles.yml; --target chooses in it")),
    ("--defer-state", Instead("--state names the folder, also for --defer")),
    ("--warn-error-options", Instead("--warn-error takes all warnings for errors, and none is taken singly")),
    ("-d", Nothing),
    ("--debug", Nothing),
    ("--no-debug", Nothing),
    ("--partial-parse", Nothing),
    ("--no-partial-parse", Nothing),
    ("--version-check", Nothing),
    ("--no-version-check", Nothing),
    ("--use-colors", Nothing),
    ("--no-use-colors", Nothing),
    ("--use-colors-file", Nothing),
    ("--no-use-colors-file", Nothing),
    ("--send-anonymous-usage-stats", Nothing),
    ("--no-send-anonymous-usage-stats", Nothing),
    ("--static-parser", Nothing),
    ("--no-static-parser", Nothing),
    ("--use-experimental-parser", Nothing),
    ("--no-use-experimental-parser", Nothing),
    ("--populate-cache", Nothing),
    ("--no-populate-cache", Nothing),
    ("--cache-selected-only", Nothing),
    ("--no-cache-selected-only", Nothing),
    ("--introspect", Nothing),
    ("--no-introspect", Nothing),
    ("--write-json", Nothing),
    ("--print", Nothing),
    ("--no-print", Nothing),
    ("--no-quiet", Nothing),
    ("--no-warn-error", Nothing),
    ("--no-fail-fast", Nothing),
    ("--no-favor-state", Nothing),
    ("--log-level", NothingOfValue),
    ("--log-level-file", NothingOfValue),
    ("--log-format-file", NothingOfValue),
    ("--log-path", NothingOfValue),
    ("--log-file-max-bytes", NothingOfValue),
    ("--printer-width", NothingOfValue),
    ("--record-timing-info", NothingOfValue),
];

const EMPTY: &str = "elt check: PostgreSQL judges every model, test and contract without a row, and nothing is left \
                     behind; empty tables are never published";

/// Options that dbt takes for every command and that change nothing about these.
const IDLE: &[(&str, &[&str])] = &[
    ("ls", &["--threads", "--fail-fast", "--defer", "--favor-state"]),
    ("compile", &["--threads", "--fail-fast"]),
    ("freshness", &["--threads", "--fail-fast", "--defer", "--favor-state"]),
    ("show", &["--threads", "--fail-fast"]),
    ("retry", &["--fail-fast", "--defer", "--favor-state", "--state"]),
    ("run-operation", &["--threads", "--fail-fast", "--defer", "--favor-state", "--state"]),
    (
        "docs",
        &["--threads", "--fail-fast", "--defer", "--favor-state", "--state", "--no-compile", "--static"],
    ),
    ("deps", &["--threads", "--fail-fast", "--defer", "--favor-state", "--state"]),
    ("debug", &["--threads", "--fail-fast", "--defer", "--favor-state", "--state", "--connection"]),
    ("clean", &["--threads", "--fail-fast", "--defer", "--favor-state", "--state"]),
    ("seed", &["--show"]),
];

/// Options of elt's own that a value follows, where they may stand before the command.
const VALUED: &[&str] = &["--project-dir", "--target", "-t", "--vars", "--target-path"];

/// Commands of dbt's, of one word or two, and those that they are here.
const COMMANDS: &[(&[&str], Means)] = &[
    (&["snapshot"], Same(&["build", "--resource-type", "snapshot"])),
    (&["list"], Same(&["ls"])),
    (&["source", "freshness"], Same(&["freshness"])),
    (&["source", "snapshot-freshness"], Same(&["freshness"])),
    (&["docs", "generate"], Same(&["docs"])),
    (&["docs", "serve"], Instead("elt docs --open: the site is one file")),
    (
        &["parse"],
        Instead(
            "elt ls reads the whole project, elt check has PostgreSQL judge it, elt catalog writes manifest.json",
        ),
    ),
    (
        &["clone"],
        Instead("--defer: a run reads from the other target what this one does not have, without a copy"),
    ),
];

/// The arguments as elt knows them, without the program's name.
pub(super) fn arguments(written: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, Stop> {
    let mut written = written.peekable();
    let mut arguments: Vec<OsString> = Vec::new();
    let mut command: Option<String> = None;
    while let Some(argument) = written.next() {
        let Some(text) = argument.to_str().map(str::to_owned) else {
            arguments.push(argument);
            continue;
        };
        // `import` has options for what it imports.
        if text == "--" || matches!(command.as_deref(), Some("complete" | "import")) {
            arguments.push(argument);
            arguments.extend(written);
            break;
        }
        if !text.starts_with('-') || text == "-" {
            if command.is_some() {
                arguments.push(argument);
                continue;
            }
            command = Some(text.clone());
            let next = written.peek().and_then(|next| next.to_str());
            let found = COMMANDS.iter().find(|(words, _)| {
                words[0] == text && words.get(1).is_none_or(|second| next == Some(*second))
            });
            match found {
                Some((words, Same(own))) => {
                    command = own.first().map(|own| (*own).to_owned());
                    arguments.extend(own.iter().map(Into::into));
                    if words.len() == 2 {
                        written.next();
                    }
                }
                Some((words, Instead(hint))) => return Err(instead(&words.join(" "), hint)),
                _ => arguments.push(argument),
            }
            continue;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), None),
        };
        if name == "--log-format" {
            let format = value.map(OsString::from).or_else(|| written.next());
            arguments.extend(format.filter(|format| format == "json").map(|_| "--json".into()));
            continue;
        }
        if command.as_deref() == Some("show") && matches!(name, "--select" | "-s") {
            // dbt shows what the model's query comes to.
            arguments.push("--query".into());
            arguments.extend(value.map(OsString::from));
            continue;
        }
        if let Some(own) = same_with(name, value.as_deref().or_else(|| written.peek()?.to_str())) {
            arguments.extend(own.iter().map(Into::into));
            if value.is_none() {
                written.next();
            }
            continue;
        }
        let means = OPTIONS.iter().find(|(option, _)| *option == name).map(|(_, means)| means);
        let own = if let Some(Same(own)) = means { own[0] } else { name };
        if is_idle(command.as_deref(), own) {
            if value.is_none() && matches!(name, "--threads" | "--state") {
                written.next();
            }
            continue;
        }
        match means {
            Some(Nothing) => {}
            Some(NothingOfValue) => {
                if value.is_none() {
                    written.next();
                }
            }
            Some(Same(own)) => {
                arguments.extend(own.iter().map(Into::into));
                arguments.extend(value.map(OsString::from));
            }
            Some(Instead(hint)) => return Err(instead(name, hint)),
            None => {
                arguments.push(argument.clone());
                if command.is_none() && VALUED.contains(&text.as_str()) {
                    arguments.extend(written.next());
                }
            }
        }
    }
    Ok(arguments)
}

/// Options that have a meaning here with some values only.
fn same_with(option: &str, value: Option<&str>) -> Option<&'static [&'static str]> {
    let value: String =
        value?.chars().filter(|letter| !letter.is_whitespace() && !"\"'{}".contains(*letter)).collect();
    match (option, value.as_str()) {
        ("--profiles-dir", "." | "./") => Some(&[]),
        ("--warn-error-options", "error:all" | "include:all" | "error:*" | "include:*") => {
            Some(&["--warn-error"])
        }
        _ => None,
    }
}

fn is_idle(command: Option<&str>, option: &str) -> bool {
    IDLE.iter().any(|(known, options)| command == Some(*known) && options.contains(&option))
}

fn instead(word: &str, hint: &str) -> Stop {
    Stop::error("bad-argument", format!("`{word}` is dbt's, and elt has none")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        match arguments(line.split(' ').map(OsString::from)) {
            Ok(arguments) => arguments.join(&OsString::from(" ")).to_string_lossy().into_owned(),
            Err(Stop::Error { message, .. }) => message,
            Err(Stop::Problems(_) | Stop::Failed(..)) => String::new(),
        }
    }

    #[test]
    fn what_says_the_same_is_said_by_elts_own_words() {
        assert_eq!(
            read("run -m a+ -f -x --threads 4"),
            "run --select a+ --full-refresh --fail-fast --threads 4"
        );
        assert_eq!(read("--target ci snapshot -s b"), "--target ci build --resource-type snapshot -s b");
        assert_eq!(read("source freshness -s source:a"), "freshness -s source:a");
        assert_eq!(read("docs generate --no-introspect"), "docs");
        assert_eq!(read("docs --open"), "docs --open");
        assert_eq!(read("list --models=a"), "ls --select a");
        assert_eq!(
            read("--log-format json --no-partial-parse run --log-path=x --log-level none"),
            "--json run"
        );
        assert_eq!(read("--log-format text run"), "run");
        assert_eq!(read("show --select orders --limit 5"), "show --query orders --limit 5");
        assert_eq!(read("list --threads 4 -x --state s --vars {}"), "ls --state s --vars {}");
        assert_eq!(read("source freshness --single-threaded --threads=2"), "freshness");
        assert_eq!(read("docs generate --threads 8 --static"), "docs");
        assert_eq!(read("run-operation m --args {} --state s --defer"), "run-operation m --args {}");
        assert_eq!(read("run --select snapshot list"), "run --select snapshot list");
        assert_eq!(read("complete -- elt run -m"), "complete -- elt run -m");
        assert_eq!(read("import shop --profiles-dir x"), "import shop --profiles-dir x");
        assert_eq!(read("run -- --empty"), "run -- --empty");
        assert_eq!(read("run --profiles-dir . --target ci"), "run --target ci");
        assert_eq!(read("--warn-error-options {\"include\":\"all\"} build"), "--warn-error build");
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        assert_eq!(read("run --empty"), "`--empty` is dbt's, and elt has none");
        assert_eq!(read("docs serve"), "`docs serve` is dbt's, and elt has none");
        assert_eq!(read("run --profiles-dir=x"), "`--profiles-dir` is dbt's, and elt has none");
    }
}
