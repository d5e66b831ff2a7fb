//! Loads from a JSON API: what the config asks for, with the keys of another raw model. Pages that came for a
//! load that died are used; those of one that was published never are.

use serde_json::{Value, json};

use super::super::failure::located;
use super::super::task::Problem;
use super::{Loading, cursor};
use crate::database::history;
use crate::database::loads::LoadState;
use crate::diagnostic::Diagnostic;
use crate::name::Ident;
use crate::pipeline::{NodeStatus, RunStatus};
use crate::project::{Api, Keys, Layer, Method, Paging};
use crate::source::{self, ApiRequest, Collected, Earlier, KeyBatches, Location, PagingEnd, Spool};

/// Asks the API.
pub(super) async fn pages(
    loading: &Loading<'_>,
    api: &Api,
    location: &Location,
    known: Option<&LoadState>,
) -> Result<Collected, Problem> {
    let Location::Http(url) = location else {
        let message = format!("{location} is no address of a JSON API");
        return Err(Box::new(Diagnostic::error("source", message).at(loading.place.clone())));
    };
    let mut request = ApiRequest {
        url: url.clone(),
        post: api.method == Method::Post || !api.body.is_empty(),
        records: way(&api.records),
        parameters: api.parameters.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        body: api.body.clone(),
        paging: api.paging.as_ref().map(paging),
        end: api.paging.as_ref().map(end).unwrap_or_default(),
        keys: None,
        requests_per_second: api.requests_per_second,
        concurrency: api.concurrency.unwrap_or(1),
    };
    since(loading, &mut request, known);
    let shared = loading.shared;
    let prod = shared.manifest.schema(Layer::Prod).as_str();
    // Who asks matters: another login may see other records. The keys are left out: a batch that is asked for
    // again is the same by its own name.
    let identity = json!([
        shared.place.connector.server(),
        shared.place.connector.database().unwrap_or_default(),
        &loading.fetch.headers,
        &loading.fetch.basic,
        prod,
        loading.node.label(),
        url,
        request.post,
        &request.records,
        &request.parameters,
        &request.body,
        format!("{:?} {:?}", request.paging, request.end),
        api.keys.as_ref().map(|keys| (&keys.into, &keys.added)),
    ]);
    if let Some(keys) = &api.keys {
        request.keys = Some(batches(loading, keys).await?);
    }
    let spool = Spool::open(&loading.fetch.cache_dir, &identity.to_string());
    let earlier = match spool.earlier().filter(|_| !shared.plan.full_refresh) {
        Some(earlier) if died(loading, prod, &earlier).await? => Some(earlier),
        _ => None,
    };
    spool.begin(shared.run, earlier).map_err(|error| loading.wrong(&error))?;
    let watcher = loading.watcher();
    loading.patiently(source::collect(&request, &loading.fetch, &spool, &watcher)).await
}

/// Only what a load left that did not come to its end is gone on from. Where all had come and something failed
/// afterwards, a bad row or a test, the API may have been mended.
async fn died(loading: &Loading<'_>, prod: &str, earlier: &Earlier) -> Result<bool, Problem> {
    let run = history::run(loading.session, prod, earlier.run).await;
    let run = run.map_err(|error| located(&error, loading.place.clone()))?;
    let label = loading.node.label();
    let ended_early = |status| matches!(status, NodeStatus::Failed | NodeStatus::Skipped);
    Ok(match run {
        Some(run) if matches!(run.status, RunStatus::Cancelled | RunStatus::Died) => true,
        Some(run) => {
            !earlier.complete && run.nodes.iter().any(|node| node.node == label && ended_early(node.status))
        }
        None => false,
    })
}

/// From where the API is to go on.
fn since(loading: &Loading<'_>, request: &mut ApiRequest, known: Option<&LoadState>) {
    let Some(cursor) = cursor::cursor(loading) else { return };
    let last = known.and_then(|known| known.from.clone()).or_else(|| cursor.first.clone());
    let (Some(parameter), Some(last)) = (&cursor.parameter, last) else { return };
    if request.post {
        source::put_into_body(&mut request.body, parameter, Value::String(last));
    } else {
        request.parameters.push((parameter.clone(), last));
    }
}

/// The keys as they are now, each once, in an order that makes the same batches again.
async fn batches(loading: &Loading<'_>, keys: &Keys) -> Result<KeyBatches, Problem> {
    let shared = loading.shared;
    let from = shared.manifest.find(&keys.from).expect("compiling resolved the model that keys come from");
    let relation = shared.plan.name(&shared.manifest, Some(loading.id), from);
    let column = Ident::new(&keys.column).map_err(|error| {
        Box::new(Diagnostic::error("bad-config", error.to_string()).at(loading.place.clone()))
    })?;
    let sql = format!(
        "select distinct to_json({column})::text, {column}::text collate \"C\" from {relation} \
         where {column} is not null and {column}::text <> '' order by 2"
    );
    let found = loading.session.table(&sql).await.map_err(|error| located(&error, loading.place.clone()))?;
    let values: Vec<Value> = found
        .rows
        .into_iter()
        .filter_map(|mut row| serde_json::from_str(&row.swap_remove(0)?).ok())
        .collect();
    let size = keys.in_one(loading.node.config.source.as_deref().unwrap_or_default()).max(1);
    Ok(KeyBatches {
        into: keys.into.clone(),
        added: keys.added.clone(),
        batches: values.chunks(size).map(<[Value]>::to_vec).collect(),
    })
}

fn paging(written: &Paging) -> source::Paging {
    match written {
        Paging::Page { parameter, first, .. } => {
            source::Paging::Page { parameter: parameter.clone(), first: *first }
        }
        Paging::Offset { parameter, .. } => source::Paging::Offset { parameter: parameter.clone() },
        Paging::Cursor { parameter, next, .. } => {
            source::Paging::Cursor { parameter: parameter.clone(), next: way(next) }
        }
        Paging::Link { next } => source::Paging::Link { next: next.as_deref().map(way) },
    }
}

/// What answers say of the end.
fn end(written: &Paging) -> PagingEnd {
    let (pages, total, more) = match written {
        Paging::Page { pages, total, more, .. } => (pages.as_deref(), total.as_deref(), more.as_deref()),
        Paging::Offset { total, more, .. } => (None, total.as_deref(), more.as_deref()),
        Paging::Cursor { more, .. } => (None, None, more.as_deref()),
        Paging::Link { .. } => (None, None, None),
    };
    PagingEnd { pages: pages.map(way), total: total.map(way), more: more.map(way) }
}

/// `data.items` as its steps.
fn way(path: &str) -> Vec<String> {
    path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
