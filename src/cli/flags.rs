//! `flags` of templates: what the command line says, by dbt's names.

use serde_json::{Map, Value, json};

use super::args::{Cli, Command, Selection, Work};
use crate::run::WrittenRequest;

/// What a command says. `vars` are those that were typed.
pub(super) fn of(cli: &Cli, vars: &Map<String, Value>) -> Map<String, Value> {
    let global = &cli.global;
    let mut flags = as_typed(json!({
        "WHICH": which(&cli.command),
        "TARGET": global.target,
        "VARS": vars,
        "PROJECT_DIR": global.project_dir,
        "PROFILES_DIR": global.project_dir,
        "TARGET_PATH": global.target_path,
        "WARN_ERROR": global.warn_error,
        "WRITE_JSON": !global.no_write_json,
        "QUIET": global.quiet,
        "LOG_FORMAT": if global.json { "json" } else { "text" },
        "FULL_REFRESH": false,
        "FAIL_FAST": false,
        "STORE_FAILURES": false,
        "DEFER": false,
        "FAVOR_STATE": false,
        "EMPTY": false,
        "DEBUG": false,
        "PRINT": true,
        "INTROSPECT": true,
        "CACHE_SELECTED_ONLY": false,
        "PARTIAL_PARSE": true,
        "SEND_ANONYMOUS_USAGE_STATS": false,
        "STATE": null,
        "THREADS": null,
        "EVENT_TIME_START": null,
        "EVENT_TIME_END": null,
    }));
    flags.extend(match &cli.command {
        Command::Run(run) => of_work(&run.work),
        Command::Plan(plan) => of_work(&plan.work),
        Command::Build(work) | Command::Load(work) | Command::Seed(work) => of_work(work),
        Command::Test(test) => {
            let mut flags = of_selection(&test.selection);
            flags.extend(as_typed(json!({
                "FAIL_FAST": test.fail_fast,
                "STORE_FAILURES": test.store_failures,
                "THREADS": test.threads,
            })));
            flags
        }
        Command::Compile(compile) => {
            let mut flags = of_selection(&compile.selection);
            flags.insert("FULL_REFRESH".into(), compile.full_refresh.into());
            flags
        }
        _ => Map::new(),
    });
    flags
}

/// What an earlier command said, which is done once more.
pub(super) fn again(request: &WrittenRequest) -> Map<String, Value> {
    as_typed(json!({
        "WHICH": request.command,
        "FULL_REFRESH": request.full_refresh,
        "FAIL_FAST": request.fail_fast,
        "STORE_FAILURES": request.store_failures,
    }))
}

fn of_work(work: &Work) -> Map<String, Value> {
    let mut flags = of_selection(&work.selection);
    flags.extend(as_typed(json!({
        "FULL_REFRESH": work.full_refresh,
        "FAIL_FAST": work.fail_fast,
        "STORE_FAILURES": work.store_failures,
        "DEFER": work.defer.defer.is_some(),
        "FAVOR_STATE": work.defer.favor_state,
        "THREADS": work.threads,
        "EVENT_TIME_START": work.event_time.event_time_start.map(|time| time.0.to_string()),
        "EVENT_TIME_END": work.event_time.event_time_end.map(|time| time.0.to_string()),
    })));
    flags
}

fn of_selection(selection: &Selection) -> Map<String, Value> {
    as_typed(json!({
        "SELECT": selection.select,
        "EXCLUDE": selection.exclude,
        "SELECTOR": selection.selector,
        "STATE": selection.state,
    }))
}

/// What is done by a command, in dbt's words. What only tells of a run says what that would say.
fn which(command: &Command) -> &'static str {
    match command {
        Command::Run(_) | Command::Plan(_) | Command::Check(_) | Command::Serve(_) | Command::Retry(_) => {
            "run"
        }
        Command::Build(_) | Command::Watch(_) => "build",
        Command::Load(_) => "load",
        Command::Seed(_) => "seed",
        Command::Test(_) => "test",
        Command::Freshness(_) => "freshness",
        Command::Ls(_) => "list",
        Command::Show(_) => "show",
        Command::RunOperation(_) => "run-operation",
        Command::Docs(_) | Command::Catalog => "generate",
        _ => "compile",
    }
}

fn as_typed(flags: Value) -> Map<String, Value> {
    match flags {
        Value::Object(flags) => flags,
        _ => Map::new(),
    }
}
