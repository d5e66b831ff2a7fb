//! `run-operation`: what a macro writes is run in one transaction.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::terminal::duration;
use super::{Context, FAILED, Outcome, Stop, named_values, rows};
use crate::database::{DatabaseError, TextTable};
use crate::diagnostic::{Diagnostic, Location, SourceFile};
use crate::engine::Engine;
use crate::manifest::Sql;
use crate::project::Project;
use crate::run::{self, OperationError, Place};

#[derive(Debug, Clone, Args)]
pub struct RunOperation {
    /// The macro to run, by its name in macros/
    #[arg(value_name = "MACRO")]
    pub name: String,
    /// Its arguments, as YAML: --args '{role: analyst}'
    #[arg(long, value_name = "YAML")]
    pub args: Option<String>,
    /// Print the SQL and run nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub async fn operation(context: &Context, arguments: &RunOperation) -> Outcome {
    let begun = std::time::Instant::now();
    let values = named_values(arguments.args.as_deref(), "--args", "{role: analyst}")?;
    let (project, manifest) = context.project()?;
    let rendered = project.library.render_macro(&arguments.name, &values).map_err(Stop::Problems)?;
    let file = Arc::new(SourceFile {
        path: format!("(written by {})", arguments.name),
        text: rendered.marked.clone(),
    });
    let text = manifest.inline_text(rendered, &file).map_err(Stop::Problems)?;
    let sql = manifest.inline_sql(&text, &file, &|id| manifest.published(id));
    if arguments.dry_run && text.asks() {
        let message =
            format!("`{}` asks the database, and what it writes hangs on the answers", arguments.name);
        return Err(Stop::error("bad-argument", message)
            .hint("leave --dry-run away; log(…, info=true) tells of steps"));
    }
    if arguments.dry_run {
        context.terminal.data_line(sql.text.trim());
        return Ok(ExitCode::SUCCESS);
    }
    if sql.is_blank() && !text.asks() {
        context.terminal.say(&format!("`{}` writes no SQL; nothing was run", arguments.name));
        return Ok(ExitCode::SUCCESS);
    }
    let engine = Engine::open(&project.root, &project.target).await?;
    let place = Place::of(&project, &engine.connector);
    let code = match run::operation(&place, &manifest, &text, &file).await {
        Ok(tables) => {
            print(context, &tables);
            let took = duration(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
            context.terminal.say(&format!("Ran {} in {took}", arguments.name));
            ExitCode::SUCCESS
        }
        Err(OperationError::Start(error)) => return Err(error.into()),
        Err(OperationError::Asked(problem)) => {
            context.terminal.diagnostics(&[*problem]);
            context.terminal.say("Failed; nothing of it stays");
            ExitCode::from(FAILED)
        }
        Err(OperationError::Sql(error, sql)) => {
            let problem = problem(&project, &arguments.name, &error, &sql);
            context.terminal.diagnostics(&[problem]);
            context.terminal.say("Failed; nothing of it stays");
            ExitCode::from(FAILED)
        }
    };
    engine.close().await?;
    Ok(code)
}

fn print(context: &Context, tables: &[TextTable]) {
    for table in tables {
        if context.terminal.json {
            context
                .terminal
                .json_line(&json!({"event": "rows", "columns": table.columns, "rows": table.rows}));
        } else {
            context.terminal.data(&rows::table(table));
        }
    }
}

/// PostgreSQL's error at the macro's own line where that line came out as it stands in the file up to the
/// word in question, else at what the macro wrote.
fn problem(project: &Project, name: &str, error: &DatabaseError, sql: &Sql) -> Diagnostic {
    let definition = project.library.macro_place(name);
    let written = Arc::new(SourceFile { path: format!("(written by {name})"), text: sql.text.clone() });
    let at = error
        .place
        .as_ref()
        .and_then(|place| sql.text.char_indices().nth((place.character as usize).saturating_sub(1)));
    let Some((at, _)) = at else {
        let place = definition.unwrap_or_else(|| Location::start_of(&written));
        return run::located(error, place);
    };
    let line_start = sql.text[..at].rfind('\n').map_or(0, |end| end + 1);
    let length = word_length(&sql.text[at..]);
    let line = &sql.text[line_start..at + length];
    let in_macro = definition.as_ref().and_then(|place| {
        let text = &place.file.text;
        let found = text[place.span.end..].find(line).map(|offset| place.span.end + offset)?;
        let start = found + (at - line_start);
        Some(Location::new(&place.file, start..start + length))
    });
    run::located(error, in_macro.unwrap_or_else(|| Location::new(&written, at..at + length)))
}

fn word_length(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    if end > 0 { end } else { text.chars().next().map_or(0, char::len_utf8) }
}
