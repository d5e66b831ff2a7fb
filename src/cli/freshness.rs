//! `freshness`: how old the newest rows of sources and loads are.

use std::process::ExitCode;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::json;

use super::args::Selection;
use super::{Context, FAILED, Outcome, Stop, rows};
use crate::artifacts::Freshness;
use crate::database::TextTable;
use crate::engine::Engine;
use crate::manifest::{Manifest, NodeId};
use crate::project::{FreshnessLimits, FreshnessStatus};
use crate::run::{self, Around, Found, Measured, Place};

pub async fn freshness(context: &Context, selection: &Selection) -> Outcome {
    let begun = Instant::now();
    let (project, manifest) = context.project()?;
    let chosen = context.choose(&project, &manifest, selection)?.nodes;
    let asked = manifest.order.iter().copied().filter(|id| {
        let limits = manifest.node(*id).config.freshness.as_ref();
        chosen.contains(id) && limits.is_some_and(FreshnessLimits::is_any)
    });
    let (asked, untimed): (Vec<_>, Vec<_>) = asked.partition(|id| run::is_measurable(&manifest, *id));
    for id in untimed {
        let label = run::freshness_label(&manifest, id);
        context.terminal.note(&format!("{label} is left out: it has no loaded_at_field or loaded_at_query"));
    }
    let artifacts = context.artifacts(&project);
    artifacts.manifest(&project, &manifest);
    if asked.is_empty() {
        context.terminal.note("nothing that is selected has a `freshness:`");
    }
    let engine = Engine::open(&project.root, &project.target).await?;
    let place = Place::of(&project, &engine.connector);
    let selected = asked.iter().map(|id| manifest.unique_id(*id)).collect();
    let around = Around { place: &place, manifest: &manifest, selected };
    if !asked.is_empty()
        && let Err(problem) = around.before().await
    {
        return Err(Stop::Failed(problem, "An on_run_start hook failed; nothing was asked"));
    }
    let session = engine.connector.connect().await?;
    let measured = run::freshness(&session, (&manifest, &project.target.name), &asked).await?;
    drop(session);
    if !asked.is_empty()
        && let Some(problem) = around.after(&[]).await
    {
        context.terminal.diagnostics(&[problem]);
    }
    engine.close().await?;
    tell(context, &manifest, &measured);
    let failed = measured.iter().any(|one| one.status >= FreshnessStatus::Error);
    let written = measured.iter().map(|one| written(&manifest, one)).collect();
    artifacts.sources(written, begun.elapsed());
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

fn tell(context: &Context, manifest: &Manifest, measured: &[Measured]) {
    if context.terminal.json {
        measured.iter().for_each(|one| context.terminal.json_line(&line(manifest, one)));
        return;
    }
    if !measured.is_empty() {
        let columns = ["source", "newest", "age", "status"].map(str::to_owned).to_vec();
        let rows = measured.iter().map(|one| row(manifest, one).map(Some).to_vec()).collect();
        context.terminal.data(&rows::table(&TextTable { columns, rows }));
    }
    let broken = measured
        .iter()
        .filter_map(|one| Some(run::freshness_problem(manifest, one.id, one.found.as_ref().err()?)));
    context.terminal.diagnostics(&broken.collect::<Vec<_>>());
}

fn row(manifest: &Manifest, one: &Measured) -> [String; 4] {
    let (newest, age) = match &one.found {
        Ok(Found { newest: Some(newest), .. }) => (
            time(*newest).map_or_else(|| "out of range".into(), |at| at.strftime("%F %T UTC").to_string()),
            { one.found.as_ref().ok().and_then(Found::age).map_or_else(String::new, age) },
        ),
        Ok(_) => (nothing(manifest, one.id).to_owned(), String::new()),
        Err(_) => (String::new(), String::new()),
    };
    let status = match one.passed {
        Some(limit) => format!("{} (after {limit})", one.status.name()),
        None => one.status.name().to_owned(),
    };
    [run::freshness_label(manifest, one.id), newest, age, status]
}

fn line(manifest: &Manifest, one: &Measured) -> serde_json::Value {
    let limits = manifest.node(one.id).config.freshness.clone().unwrap_or_default();
    let found = one.found.as_ref().ok();
    json!({
        "event": "freshness",
        "source": run::freshness_label(manifest, one.id),
        "unique_id": manifest.unique_id(one.id),
        "status": one.status,
        "newest": found.and_then(|found| time(found.newest?)),
        "asked": found.and_then(|found| time(found.asked)),
        "age_s": found.and_then(Found::age),
        "warn_after": limits.warn_after,
        "error_after": limits.error_after,
        "filter": limits.filter,
        "error": one.found.as_ref().err().map(ToString::to_string),
    })
}

fn written(manifest: &Manifest, one: &Measured) -> Freshness {
    let found = match &one.found {
        Ok(found) => match (found.newest.map(time), time(found.asked)) {
            (Some(None), _) | (_, None) => Err("a time out of range".to_owned()),
            (newest, Some(asked)) => Ok((newest.flatten(), asked)),
        },
        Err(error) => Err(error.to_string()),
    };
    Freshness {
        unique_id: manifest.unique_id(one.id),
        found,
        status: one.status,
        criteria: manifest.node(one.id).config.freshness.clone().unwrap_or_default(),
        duration_ms: i64::try_from(one.took.as_millis()).unwrap_or(i64::MAX),
    }
}

fn time(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok()
}

fn nothing(manifest: &Manifest, id: NodeId) -> &'static str {
    let config = &manifest.node(id).config;
    match config.loaded_at_field.is_some() || config.loaded_at_query.is_some() {
        true => "no rows",
        false => "never loaded",
    }
}

/// `3 days`, `1 hour`, `12 minutes`; less than a minute in seconds.
fn age(seconds: f64) -> String {
    let (count, unit) = match seconds {
        s if s < 0.0 => return "in the future".into(),
        s if s < 60.0 => (s, "second"),
        s if s < 3600.0 => (s / 60.0, "minute"),
        s if s < 2.0 * 86400.0 => (s / 3600.0, "hour"),
        s => (s / 86400.0, "day"),
    };
    let count = count.floor();
    format!("{count} {unit}{}", if count == 1.0 { "" } else { "s" })
}
