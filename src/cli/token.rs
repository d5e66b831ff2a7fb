//! `token`: makes, lists and revokes the tokens of the service.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::json;

use super::{Context, Outcome, Stop, rows};
use crate::database::tokens::{self, NewToken};
use crate::database::{Session, TextTable, migrate};
use crate::engine::Engine;
use crate::project::Layer;
use crate::token::{Digest, Scope, Token, new_token};

const LONGEST_NAME: usize = 100;

#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, once
    Create(Create),
    /// List the tokens there are; revoked and expired ones with --all
    List {
        /// Also those that do not count any more
        #[arg(long)]
        all: bool,
    },
    /// End a token: from now on it opens nothing
    Revoke {
        /// The name it was made with
        name: String,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Create {
    /// What to call it: who uses it, say
    #[arg(value_parser = good_name)]
    pub name: String,
    /// What it allows: `read` what is published, or `run` the pipeline and read
    #[arg(long, default_value = "read", value_parser = str::parse::<Scope>)]
    pub scope: Scope,
    /// After how long it ends: 90d, 12h, 1y; never where not said
    #[arg(long, value_name = "TIME", value_parser = end_of)]
    pub expires: Option<Timestamp>,
}

pub async fn token(context: &Context, command: &TokenCommand) -> Outcome {
    let (project, manifest) = context.project()?;
    let schema = manifest.schema(Layer::Prod).as_str();
    let engine = Engine::open(&project.root, &project.target).await?;
    let mut session = engine.connector.connect().await?;
    migrate(&mut session).await?;
    match command {
        TokenCommand::Create(arguments) => create(context, &session, schema, arguments).await?,
        TokenCommand::List { all } => list(context, &session, schema, *all).await?,
        TokenCommand::Revoke { name } => {
            if !tokens::revoke(&session, schema, name).await? {
                return Err(unknown(&session, schema, name).await?);
            }
            context.terminal.say(&format!("Revoked `{name}`; it opens nothing any more."));
        }
    }
    drop(session);
    engine.close().await?;
    Ok(ExitCode::SUCCESS)
}

async fn create(context: &Context, session: &Session, schema: &str, wanted: &Create) -> Result<(), Stop> {
    let token = new_token();
    let made = NewToken {
        prod_schema: schema,
        name: &wanted.name,
        scope: wanted.scope,
        digest: Digest::of(token.as_bytes()),
        created_by: &crate::run::user(),
        expires_at: wanted.expires,
    };
    if !tokens::create(session, &made).await? {
        return Err(Stop::error("token", format!("there is a token `{}` already", wanted.name))
            .hint(format!("take another name, or end it first: elt token revoke {}", wanted.name)));
    }
    if context.terminal.json {
        let (name, scope) = (&wanted.name, wanted.scope.name());
        context.terminal.json_line(&json!({
            "event": "token", "name": name, "scope": scope, "expires_at": wanted.expires, "token": token,
        }));
    } else {
        context.terminal.data_line(&token);
    }
    context.terminal.hint("keep it now: only its digest is stored, so it is never shown again");
    Ok(())
}

async fn list(context: &Context, session: &Session, schema: &str, all: bool) -> Result<(), Stop> {
    let now = Timestamp::now();
    let mut tokens = tokens::all(session, schema).await?;
    tokens.retain(|token| all || token.is_live(now));
    if context.terminal.json {
        for token in &tokens {
            context.terminal.json_line(&json!({
                "event": "token", "name": token.name, "scope": token.scope.name(), "standing": standing(token, now),
                "created_at": token.created_at, "created_by": token.created_by, "expires_at": token.expires_at,
            }));
        }
        return Ok(());
    }
    if tokens.is_empty() {
        context.terminal.say("There are no tokens. `elt token create NAME` makes one.");
        return Ok(());
    }
    let columns = ["name", "scope", "created", "by", "expires", "standing"].map(str::to_owned).to_vec();
    let day = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
    let row = |token: &Token| {
        let cells = [
            token.name.clone(),
            token.scope.name().to_owned(),
            day(token.created_at),
            token.created_by.clone(),
            token.expires_at.map_or_else(|| "never".to_owned(), day),
            standing(token, now).to_owned(),
        ];
        cells.map(Some).to_vec()
    };
    let rows = TextTable { columns, rows: tokens.iter().map(row).collect() };
    context.terminal.data(&rows::table(&rows));
    Ok(())
}

fn standing(token: &Token, now: Timestamp) -> &'static str {
    match token {
        _ if token.revoked_at.is_some() => "revoked",
        _ if token.is_live(now) => "good",
        _ => "expired",
    }
}

async fn unknown(session: &Session, schema: &str, name: &str) -> Result<Stop, Stop> {
    let now = Timestamp::now();
    let tokens = tokens::all(session, schema).await?;
    let live = || tokens.iter().filter(|token| token.is_live(now)).map(|token| token.name.as_str());
    let hint = crate::diagnostic::did_you_mean(name, live())
        .or_else(|| Some(format!("there are: {}", live().collect::<Vec<_>>().join(", "))))
        .filter(|_| live().next().is_some());
    Ok(Stop::error("token", format!("there is no token `{name}` that could be revoked")).maybe_hint(hint))
}

fn good_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) || text.chars().count() > LONGEST_NAME {
        return Err(format!("a name has 1 to {LONGEST_NAME} characters, all of which can be seen"));
    }
    Ok(text.to_owned())
}

fn end_of(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is no time; write 90d, 12h or 1y");
    let span: Span = text.parse().map_err(|_| wrong())?;
    if !span.is_positive() {
        return Err("a token must live for some time".into());
    }
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    now.checked_add(span).map(|end| end.timestamp()).map_err(|_| wrong())
}
