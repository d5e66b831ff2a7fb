//! Starting a run and reading about runs, through the pipeline's narrow door.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use serde_json::json;

use super::body;
use super::health::fresh;
use super::problem::{FieldProblem, Problem};
use super::routes::{Answer, Call};
use super::run_answers::{Accepted, RunAnswer, RunList};
use super::state::State;
use crate::pipeline::{Begun, Refused, RunRecord, RunStatus};

pub const DEFAULT_LIMIT: i64 = 20;
pub const LARGEST_LIMIT: i64 = 100;

/// POST /runPipeline/. The run belongs to the pipeline, not to the request: it goes on if the client leaves.
pub async fn start(mut call: Call) -> Answer {
    // Nothing in it is needed, but what is not read within the limits would be cut off without an answer.
    body::of(&mut call).await?;
    let Begun { id, finished } = begin(&call.state, call.request.headers()).await?;
    if wants_no_wait(call.request.headers()) {
        let accepted = Accepted::new(id);
        return Ok(HttpResponse::Accepted()
            .insert_header((LOCATION, accepted.location.clone()))
            .insert_header((HeaderName::from_static("preference-applied"), "respond-async"))
            .json(accepted));
    }
    let record = call.state.runtime.spawn(finished).await;
    finished_run(record.map_err(|panic| Problem::internal(format!("run {id}: {panic}")))?)
}

/// Starts a run, for who may, in the caller's trace.
pub async fn begin(state: &State, headers: &HeaderMap) -> Result<Begun, Problem> {
    let pipeline = state.pipeline.clone();
    let parent = headers.get("traceparent").and_then(|parent| Some(parent.to_str().ok()?.to_owned()));
    let begun = state.runtime.spawn(async move { pipeline.begin(parent).await }).await;
    begun.map_err(|panic| Problem::internal(panic.to_string()))?.map_err(refused)
}

/// GET /runs: the newest first.
pub async fn list(call: Call) -> Answer {
    let records = newest(&call.state, limit(call.request.query_string())?).await?;
    Ok(fresh().json(RunList { runs: records.into_iter().map(RunAnswer::from).collect() }))
}

/// GET /runs/{id}.
pub async fn one(call: Call) -> Answer {
    let record = record(&call.state, asked(&call)?).await?;
    Ok(fresh().json(RunAnswer::whole(record)))
}

/// The id in the request's path.
pub fn asked(call: &Call) -> Result<i64, Problem> {
    let asked = call.request.match_info().get("id").unwrap_or_default();
    asked.parse().ok().filter(|id| *id > 0).ok_or_else(unknown)
}

/// A run as far as it is known: what was begun here tells more than is written down yet.
pub async fn record(state: &State, id: i64) -> Result<RunRecord, Problem> {
    let steps = state.pipeline.steps(id).map(|steps| steps.borrow().clone()).unwrap_or_default();
    Ok(within(state, state.pipeline.run(id)).await?.ok_or_else(unknown)?.with_steps(&steps))
}

pub async fn newest(state: &State, limit: i64) -> Result<Vec<RunRecord>, Problem> {
    within(state, state.pipeline.runs(limit)).await
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "run_unknown", "There is no run of this id.")
        .with_hint("GET /runs lists the newest.")
}

fn finished_run(record: RunRecord) -> Answer {
    let (code, message) = match record.status {
        RunStatus::Succeeded => return Ok(HttpResponse::Ok().json(RunAnswer::whole(record))),
        RunStatus::Running => {
            return Err(Problem::internal(format!("run {} ended as still running", record.id)));
        }
        RunStatus::Died => ("run_died", format!("Run {} died: its connection was lost.", record.id)),
        RunStatus::Cancelled => ("run_cancelled", format!("Run {} was cancelled.", record.id)),
        RunStatus::Failed => (
            "run_failed",
            match &record.failed_step {
                Some(step) => format!("Run {} failed at {step}.", record.id),
                None => format!("Run {} failed.", record.id),
            },
        ),
    };
    let hint = format!("What was published before is still served. The run stays at /runs/{}.", record.id);
    let run = serde_json::to_value(RunAnswer::whole(record))
        .map_err(|error| Problem::internal(error.to_string()))?;
    Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
        .with_details(json!({ "run": run }))
        .with_hint(hint))
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Busy { id, since } => {
            Problem::new(StatusCode::CONFLICT, "run_busy", format!("Run {id} is under way since {since}."))
                .with_details(json!({ "run_id": id, "since": since, "location": format!("/runs/{id}") }))
                .with_hint(format!("Wait for it at /runs/{id}, then try again."))
        }
        Refused::Project { problems } => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "project_broken",
            format!("The project cannot be run: {}.", problems.first().map_or("", |first| first.as_str())),
        )
        .with_details(json!({ "failed_step": "compile", "problems": problems }))
        .with_hint(
            "What was published before is still served. `elt compile` shows each problem in its file.",
        ),
        Refused::Stopping => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "The service is stopping; it begins no more runs.",
        )
        .with_header(RETRY_AFTER, HeaderValue::from_static("5")),
        Refused::Failed(cause) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "run_not_started",
            "The run could not be started; the reason is in the service's log.",
        )
        .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
        .caused_by(cause),
    }
}

/// Asks the run history, in bounded time.
pub async fn within<T: Send + 'static>(
    state: &State,
    asked: crate::pipeline::Answer<Result<T, String>>,
) -> Result<T, Problem> {
    let cause = match tokio::time::timeout(state.request_timeout, state.runtime.spawn(asked)).await {
        Ok(Ok(Ok(known))) => return Ok(known),
        Ok(Ok(Err(cause))) => cause,
        Ok(Err(panic)) => return Err(Problem::internal(panic.to_string())),
        Err(_) => format!("no answer in {:?}", state.request_timeout),
    };
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "history_unavailable",
        "The run history cannot be read at the moment.",
    )
    .with_header(RETRY_AFTER, HeaderValue::from_static("5"))
    .caused_by(cause))
}

fn limit(query: &str) -> Result<i64, Problem> {
    let mut given = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "limit");
    let Some((_, text)) = given.next() else { return Ok(DEFAULT_LIMIT) };
    let problem = match text.parse() {
        _ if given.next().is_some() => "is given twice",
        Ok(limit) if (1..=LARGEST_LIMIT).contains(&limit) => return Ok(limit),
        Ok(_) => "is out of range",
        Err(_) => "is not a whole number",
    };
    let accepts = format!("a whole number from 1 to {LARGEST_LIMIT}");
    let message = format!("limit {problem}; it accepts {accepts}.");
    let field = FieldProblem { field: "limit".into(), problem: problem.into(), accepts: accepts.into() };
    Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", message).with_fields(&[field]))
}

/// `Prefer: respond-async`, among others, as RFC 7240 has it.
fn wants_no_wait(headers: &HeaderMap) -> bool {
    headers
        .get_all(HeaderName::from_static("prefer"))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| {
            let name = preference.split([';', '=']).next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("respond-async")
        })
}
