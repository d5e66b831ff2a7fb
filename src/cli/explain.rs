//! `explain`: what a class of errors means, from docs/errors.md.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Context, Outcome, Stop};
use crate::diagnostic::did_you_mean;

const ERRORS: &str = include_str!("../../docs/errors.md");

#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// The word in brackets of an error, e.g. unknown-ref; all of them where none is given
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}

pub fn explain(context: &Context, arguments: &Explain) -> Outcome {
    let sections = || ERRORS.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let Some(written) = &arguments.code else {
        for (code, _) in sections() {
            match context.terminal.json {
                true => context.terminal.json_line(&json!({"event": "class", "code": code})),
                false => context.terminal.data_line(code),
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    let inside = written.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(code, _)| code);
    let code = inside.unwrap_or(written).trim();
    let Some((_, text)) = sections().find(|(known, _)| *known == code) else {
        return Err(Stop::error("bad-argument", format!("no error is called `{code}`")).maybe_hint(
            did_you_mean(code, sections().map(|(code, _)| code))
                .or_else(|| Some("`elt explain` lists them all".into())),
        ));
    };
    match context.terminal.json {
        true => context.terminal.json_line(&json!({"event": "class", "code": code, "text": text.trim()})),
        false => context.terminal.data_line(text.trim()),
    }
    Ok(ExitCode::SUCCESS)
}
