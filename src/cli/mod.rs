//! The command line: what was typed is understood, done and told. The only module that knows clap and the
//! only one that prints.

mod args;
mod artifacts;
mod choose;
mod completions;
mod deps;
mod docs;
mod explain;
mod failed_queries;
mod flags;
mod freshness;
mod from_dbt;
mod generate;
mod going;
mod import;
mod init;
mod inspect;
mod lineage;
mod lineage_diff;
mod list;
mod log;
mod operation;
mod pace;
mod plan;
mod progress;
mod rows;
mod schema;
mod selection;
mod serve;
mod show;
mod terminal;
mod test;
mod token;
mod watch;
mod work;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use args::{Cli, Command, Global};
use terminal::Terminal;

use crate::database::DatabaseError;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::EngineError;
use crate::manifest::select::SelectError;
use crate::manifest::{Manifest, compile};
use crate::project::{Project, Setting};
use crate::run::{self, RunError};
use crate::secret::Secrets;

/// A model, a test or the publishing failed.
const FAILED: u8 = 1;
/// elt could not start, or was misused.
const UNUSABLE: u8 = 2;

/// Why a command ended early.
enum Stop {
    /// What the user wrote is wrong.
    Problems(Vec<Diagnostic>),
    /// A step of the user's own failed, and with it the command; what that means.
    Failed(Box<Diagnostic>, &'static str),
    /// Something broke, or was asked for wrongly.
    Error { code: &'static str, message: String, hint: Option<String> },
}

type Outcome = Result<ExitCode, Stop>;

/// What every command starts from.
#[derive(Clone)]
struct Context {
    global: Global,
    terminal: Arc<Terminal>,
    log: log::Log,
    setting: Setting,
}

/// Parses the arguments, does what they say, tells how it ended.
pub fn main() -> ExitCode {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let mut typed = std::env::args_os();
    let program = typed.next().unwrap_or_else(|| "elt".into());
    let cli = match from_dbt::arguments(typed) {
        Ok(arguments) => Cli::parse_from(std::iter::once(program).chain(arguments)),
        Err(stop) => return end(&Terminal::new(false, false, Secrets::of(&env)), Err(stop)),
    };
    let terminal = Arc::new(Terminal::new(cli.global.json, cli.global.quiet, Secrets::of(&env)));
    let log = log::start(cli.global.json);
    let vars = match vars(cli.global.vars.as_deref()) {
        Ok(vars) => vars,
        Err(stop) => return end(&terminal, Err(stop)),
    };
    let flags = flags::of(&cli, &vars);
    let setting = Setting { target: cli.global.target.clone(), vars, flags, env };
    let context = Context { global: cli.global, terminal: terminal.clone(), log: log.clone(), setting };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(dispatch(&context, cli.command));
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            log.flush();
            outcome
        }
        Err(error) => Err(Stop::error("system", format!("no threads can be started: {error}"))),
    };
    end(&terminal, outcome)
}

async fn dispatch(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Run(plan::Run { work, plan: Some(file) }) => plan::follow(context, &work, &file).await,
        Command::Run(plan::Run { work, plan: None }) => work::run(context, "run", &work).await,
        Command::Plan(arguments) => plan::plan(context, &arguments).await,
        Command::Retry(arguments) => plan::retry(context, &arguments).await,
        Command::Build(work) => work::run(context, "build", &work).await,
        Command::Load(work) => work::run(context, "load", &work).await,
        Command::Seed(work) => work::run(context, "seed", &work).await,
        Command::Test(arguments) => test::test(context, &arguments).await,
        Command::Check(selection) => work::check(context, &selection).await,
        Command::Freshness(selection) => freshness::freshness(context, &selection).await,
        Command::Completions(arguments) => completions::completions(context, &arguments),
        Command::Complete(arguments) => completions::complete(context, &arguments),
        Command::Catalog => artifacts::catalog(context).await,
        Command::Compile(arguments) => inspect::compile(context, &arguments).await,
        Command::Ls(arguments) => list::list(context, &arguments),
        Command::Show(arguments) => show::show(context, &arguments).await,
        Command::RunOperation(arguments) => operation::operation(context, &arguments).await,
        Command::Import(arguments) => import::import(context, &arguments),
        Command::Watch(arguments) => watch::watch(context, &arguments).await,
        Command::Deps(arguments) => deps::deps(context, &arguments),
        Command::Explain(arguments) => explain::explain(context, &arguments),
        Command::Init(arguments) => init::init(context, &arguments),
        Command::Docs(arguments) => docs::docs(context, &arguments).await,
        Command::LineageDiff(arguments) => lineage_diff::lineage_diff(context, &arguments),
        Command::Lineage(arguments) => lineage::lineage(context, &arguments),
        Command::Prune(arguments) => work::prune(context, &arguments).await,
        Command::Schema(arguments) => schema::schema(context, &arguments),
        Command::Debug => inspect::debug(context).await,
        Command::Clean(arguments) => inspect::clean(context, &arguments),
        Command::Generate(arguments) => generate::generate(context, &arguments).await,
        Command::Token(arguments) => token::token(context, &arguments).await,
        Command::Serve(arguments) => serve::serve(context, &arguments).await,
    }
}

fn end(terminal: &Terminal, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(Stop::Problems(problems)) => {
            terminal.diagnostics(&problems);
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            let plural = if errors == 1 { "problem" } else { "problems" };
            terminal.say(&format!("{errors} {plural}; nothing was run."));
            ExitCode::from(UNUSABLE)
        }
        Err(Stop::Failed(problem, what)) => {
            terminal.diagnostics(&[*problem]);
            terminal.say(what);
            ExitCode::from(FAILED)
        }
        Err(Stop::Error { code, message, hint }) => {
            terminal.error(code, &message, hint.as_deref());
            ExitCode::from(UNUSABLE)
        }
    }
}

fn vars(text: Option<&str>) -> Result<serde_json::Map<String, serde_json::Value>, Stop> {
    named_values(text, "--vars", "{country_codes: [Peru], min_segment_rows: 5}")
}

/// Names and values given as YAML on the command line.
fn named_values(
    text: Option<&str>,
    option: &str,
    example: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, Stop> {
    let Some(text) = text else { return Ok(serde_json::Map::new()) };
    crate::project::yaml::read(text).map_err(|error| {
        let why = error.without_snippet();
        Stop::error("bad-argument", format!("{option} is not YAML of names and values: {why}"))
            .hint(format!("write it like {option} '{example}'"))
    })
}

impl Context {
    /// Reads and compiles the project; every problem of every file at once.
    fn project(&self) -> Result<(Project, Manifest), Stop> {
        let (project, mut problems) =
            Project::read(&self.global.project_dir, &self.setting).map_err(Stop::Problems)?;
        let (mut manifest, more) = compile(&project);
        problems.extend(more);
        problems.extend(manifest.deprecated(jiff::Zoned::now().date()));
        if self.global.warn_error {
            problems.iter_mut().for_each(|problem| problem.severity = Severity::Error);
            manifest.tests.iter_mut().for_each(|test| test.judged.be_strict());
        }
        if problems.iter().any(Diagnostic::is_error) {
            return Err(Stop::Problems(problems));
        }
        self.terminal.diagnostics(&problems);
        Ok((project, manifest))
    }
}

impl Stop {
    fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::Error { code, message: message.into(), hint: None }
    }

    fn hint(self, text: impl Into<String>) -> Self {
        self.maybe_hint(Some(text.into()))
    }

    fn maybe_hint(self, text: Option<String>) -> Self {
        match self {
            Self::Error { code, message, .. } => Self::Error { code, message, hint: text },
            other => other,
        }
    }
}

impl From<SelectError> for Stop {
    fn from(error: SelectError) -> Self {
        Self::error("selector", error.message).maybe_hint(error.hint)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Database(error) => error.into(),
            EngineError::Cluster(error) => Self::error("cluster", error.to_string()),
        }
    }
}

impl From<DatabaseError> for Stop {
    fn from(error: DatabaseError) -> Self {
        let refused = error.code.as_deref().is_some_and(|code| code.starts_with("28") || code == "3D000");
        let stop = if refused || error.is_unreachable() {
            Self::error("connection", error.to_string())
        } else {
            Self::error(run::code(&error), error.to_string())
        };
        stop.maybe_hint(error.hint.clone())
    }
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Problems(problems) => Self::Problems(problems),
            RunError::Database(error) => error.into(),
            outdated @ RunError::Outdated(_) => Self::error("plan-outdated", outdated.to_string())
                .hint("look at what a run would do now, and write that down: elt plan --out FILE"),
            busy => Self::error("run-lock", busy.to_string())
                .hint("two runs never publish to the same prod at once; wait for that one to end"),
        }
    }
}
