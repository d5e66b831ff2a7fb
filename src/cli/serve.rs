//! `serve`: the service, until a signal stops it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::terminal::strong;
use super::{Context, Outcome, Stop};
use crate::database::{DatabaseError, Reader, Sessions};
use crate::desk::{Desk, HISTORY_SESSIONS, Runs};
use crate::engine::Engine;
use crate::pipeline::Pipeline;
use crate::project::{Layer, Preview, Project};
use crate::service::{self, LookupDate, Rate, Settings};
use crate::token::Access;

#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The address to listen on; profiles.yml's, else 127.0.0.1
    #[arg(long, env = "ELT_HOST")]
    pub host: Option<String>,
    /// The port to listen on; profiles.yml's, else 8080. 0 takes any that is free
    #[arg(long, short = 'p', env = "ELT_PORT")]
    pub port: Option<u16>,
    /// Threads that answer; as many as the machine has cores where not said
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Leave the profile's schedule to another service
    #[arg(long)]
    pub no_schedule: bool,
    /// Seconds that a stop waits for requests and a run under way; then the run is cancelled
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub stop_timeout: u64,
}

/// Files that the service may have open: what it can serve, and what macOS allows.
const MOST_FILES: u64 = 65_536;

/// How long a database is looked for before the service starts without it.
const LOOKING: Duration = Duration::from_secs(3);

/// How long a cancelled run may take to end, and the answer about it to leave.
const CANCELLING: Duration = Duration::from_secs(5);

pub async fn serve(context: &Context, arguments: &Serve) -> Outcome {
    raise_file_limit();
    let (project, manifest) = context.project()?;
    let prod_schema = manifest.schema(Layer::Prod).clone();
    let engine = Engine::open(&project.root, &project.target).await?;
    refuse_pooled(&engine).await?;
    let written = &project.profile.service;
    let grace = Duration::from_secs(arguments.stop_timeout);
    let host = arguments.host.clone().unwrap_or_else(|| written.host.clone());
    let settings = Settings {
        host: host.clone(),
        port: arguments.port.unwrap_or(written.port),
        workers: arguments.workers,
        lookup_date: written.lookup_date.map_or(LookupDate::Today, LookupDate::Fixed),
        reads: written.reads,
        runs: written.runs.unwrap_or_else(|| closed_to_strangers(&host, written.run_token.is_some())),
        run_token: written.run_token.clone(),
        preview: match written.preview {
            Some(Preview::Switch(true)) => service::Preview::All,
            Some(Preview::Switch(false)) => service::Preview::Nothing,
            None if is_loopback(&host) => service::Preview::All,
            None | Some(Preview::Some(_)) => service::Preview::Exposed,
        },
        rate: written
            .rate_limit
            .map(|rate| Rate { per_second: rate.per_second, burst: rate.burst.unwrap_or(rate.per_second) }),
        proxies: written.trusted_proxies.clone(),
        cors: written.cors.clone(),
        // Who listens on this machine only is found by its own names only; elsewhere the names are many.
        hosts: written.hosts.clone().or_else(|| is_loopback(&host).then(Vec::new)),
        docs: Some(context.target_path(&project).join("docs/index.html")),
        stop_timeout: grace + CANCELLING,
        access_log: context.log.access_log(),
        ..Settings::new(prod_schema.clone())
    };
    let runs = Runs::default();
    let desk = Arc::new(Desk {
        connector: engine.connector.clone(),
        root: project.root.clone(),
        setting: context.setting.clone(),
        prod_schema,
        runs: runs.clone(),
        history: Sessions::new(engine.connector.clone(), HISTORY_SESSIONS),
    });
    let mut reader = Reader::new(&engine.reader);
    if project.target.reader_url.is_none() {
        reader = reader.of_role_made_by_runs();
    }
    let running = service::start(settings, reader, desk.clone(), desk.clone());
    let mut running = running.await.map_err(|error| Stop::error("service", error.to_string()))?;
    let address = format!("http://{}", running.addr);
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "serving", "address": address}));
    }
    context.terminal.say(&format!("{} {address}  ({address}/docs to try it out)", strong("Serving")));
    context.terminal.say(&format!("From {}; Ctrl-C stops it.", engine.describe()));
    if project.target.url.is_some() && project.target.reader_url.is_none() {
        // RESET ROLE stays within the reader's role, but SET ROLE NONE does not: the login decides.
        context.terminal.note(&format!(
            "the service reads as {}, but logs in as the target's own user, who may do more; a reader_url in \
             profiles.yml, with a login that reads prod only, makes the server itself keep it there",
            project.target.reader_role.as_str()
        ));
    }
    let schedule = schedule(context, arguments, &project, desk);
    let ended = tokio::select! {
        never = schedule => match never {},
        never = engine.keep_alive() => match never {},
        ended = running.wait() => {
            let ended = ended.map_err(|error| Stop::error("service", error.to_string()));
            (ended, runs.end(Duration::ZERO, CANCELLING).await)
        }
        () = signal() => {
            context.terminal.say("stopping: finishing what was begun; press again to leave at once");
            tokio::spawn(async {
                signal().await;
                std::process::exit(130);
            });
            let ((), all) = tokio::join!(running.stop(), runs.end(grace, CANCELLING));
            (Ok(()), all)
        }
    };
    if !ended.1 {
        context.terminal.say("the run under way did not end; it is left behind as one that died");
    }
    engine.close().await?;
    ended.0.map(|()| ExitCode::SUCCESS)
}

/// Through a pooler of transactions nothing would be heard of publishing, and who reads would not be the reader. A
/// database that is away is waited for later.
async fn refuse_pooled(engine: &Engine) -> Result<(), DatabaseError> {
    for connector in [&engine.connector, &engine.reader] {
        if let Ok(Ok(session)) = tokio::time::timeout(LOOKING, connector.connect()).await {
            connector.refuse_pooled(&session).await?;
        }
    }
    tokio::time::timeout(LOOKING, engine.reader.refuse_deaf()).await.unwrap_or(Ok(()))
}

/// Each connection is a file, and many systems let a process open 1,024 unless it asks for more.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum.map_or(MOST_FILES, |most| most.min(MOST_FILES));
    if limit.current.is_some_and(|now| now < current) {
        // Where it is refused, fewer connections are kept at once.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    }
}

/// Runs the pipeline at its hours; never ends.
async fn schedule(
    context: &Context,
    arguments: &Serve,
    project: &Project,
    pipeline: Arc<dyn Pipeline>,
) -> Infallible {
    if let Some(schedule) = project.profile.schedule.clone().filter(|_| !arguments.no_schedule) {
        let next =
            schedule.next_after(Timestamp::now()).map(|next| next.strftime("%F %H:%M UTC").to_string());
        let next = next.unwrap_or_else(|| "never".into());
        context.terminal.say(&format!("Runs by itself: {}; next {next}.", schedule.describe()));
        let (webhooks, name) = (project.profile.webhooks.clone(), project.name.clone());
        let told = move |why: String| {
            tracing::warn!("{why}");
            let (webhooks, name) = (webhooks.clone(), name.clone());
            tokio::spawn(async move { webhooks.run_not_begun(&name, &why).await });
        };
        crate::schedule::keep(schedule, pipeline, told).await;
    }
    std::future::pending().await
}

/// Whether starting a run asks for a token where the profile does not say: it does wherever others than this
/// machine's own users can ask, or a token is set.
fn closed_to_strangers(host: &str, has_token: bool) -> Access {
    if is_loopback(host) && !has_token { Access::Open } else { Access::Token }
}

/// Whether only this machine's own users can ask.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate => {}
    }
}
