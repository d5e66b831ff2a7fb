//! `serve`: the service, until a signal stops it.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::Serve;
use super::terminal::strong;
use super::{Context, Outcome, Stop};
use crate::database::Reader;
use crate::desk::Desk;
use crate::engine::Engine;
use crate::project::Layer;
use crate::service::{self, LookupDate, Settings};

pub async fn serve(context: &Context, arguments: &Serve) -> Outcome {
    let (project, manifest) = context.project()?;
    let prod_schema = manifest.schema(Layer::Prod).clone();
    let engine = Engine::open(&project.root, &project.target).await?;
    let written = &project.profile.service;
    let settings = Settings {
        host: arguments.host.clone().unwrap_or_else(|| written.host.clone()),
        port: arguments.port.unwrap_or(written.port),
        workers: arguments.workers,
        lookup_date: written.lookup_date.map_or(LookupDate::Today, LookupDate::Fixed),
        run_token: written.run_token.clone(),
        ..Settings::new(prod_schema.clone())
    };
    let cancel = CancellationToken::new();
    let desk = Desk {
        connector: engine.connector.clone(),
        root: project.root.clone(),
        setting: context.setting.clone(),
        prod_schema,
        cancel: cancel.clone(),
    };
    let running = service::start(settings, Reader::new(&engine.reader), Arc::new(desk));
    let mut running = running.await.map_err(|error| Stop::error(error.to_string()))?;
    let address = format!("http://{}", running.addr);
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "serving", "address": address}));
    }
    context.terminal.say(&format!("{} {address}  ({address}/docs to try it out)", strong("Serving")));
    context.terminal.say(&format!("From {}; Ctrl-C stops it.", engine.describe()));
    let ended = tokio::select! {
        ended = running.wait() => ended.map_err(|error| Stop::error(error.to_string())),
        () = signal() => {
            context.terminal.say("stopping: finishing what was begun; press again to leave at once");
            tokio::spawn(async {
                signal().await;
                std::process::exit(130);
            });
            running.stop().await;
            Ok(())
        }
    };
    cancel.cancel();
    engine.close().await?;
    ended.map(|()| ExitCode::SUCCESS)
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
