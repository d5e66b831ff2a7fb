//! The API's description, OpenAPI 3.1: every path with all its answers. Built in code beside the routes, so
//! that the errors that many paths share are said once.

pub mod parts;

use std::collections::HashSet;

use serde_json::json;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathsBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, Required, ResponseBuilder};

use super::exposed;
use super::health::{Health, Readiness, Welcome};
use super::problem::{ErrorBody, FieldProblem};
use super::run_answers::{Accepted, RunAnswer, RunList};
use super::runs::{DEFAULT_LIMIT, LARGEST_LIMIT};
use super::voucher_schema;
use crate::endpoint::Published;
use parts::{
    JSON, body_of, error, get, of, operation, parameter, post, response, text_header, unavailable, with,
};

const BEARER: &str = "token";

/// What asks for a token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guarded {
    pub reads: bool,
    pub runs: bool,
    /// Callers who come too often are refused.
    pub rate: bool,
    /// And who ask by a name that is not the service's.
    pub hosts: bool,
}

/// Never guarded.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// `endpoints`: what is published at paths of its own.
pub fn description(guarded: Guarded, endpoints: &[Published]) -> OpenApi {
    let mut components = ComponentsBuilder::new()
        .schema("VoucherRequest", voucher_schema::request())
        .schema("VoucherAnswer", voucher_schema::answer());
    components = with::<ErrorBody<'_>>(components);
    components = with::<FieldProblem>(components);
    components = with::<RunAnswer>(components);
    components = with::<RunList>(components);
    components = with::<Accepted>(components);
    components = with::<Health>(components);
    components = with::<Readiness>(components);
    components = with::<Welcome>(components);
    if guarded.reads || guarded.runs {
        components =
            components.security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
    let mut paths = PathsBuilder::new()
        .path("/getVoucher/", post(voucher("getVoucher", "The voucher for a customer's segment")))
        .path(
            "/segmentation-voucher/",
            post(voucher("segmentationVoucher", "The same as /getVoucher/, by its other name")),
        )
        .path("/runPipeline/", post(run_pipeline()))
        .path("/runs", get(runs()))
        .path("/runs/{id}", get(run()))
        .path("/runs/{id}/events", get(run_events()))
        .path("/healthz", get(plain("health", "Whether the process lives", "Health")))
        .path("/readyz", get(readiness()))
        .path("/metrics", get(metrics()))
        .path("/openapi.json", get(openapi()))
        .path("/", get(plain("welcome", "Where to go from here", "Welcome")));
    let mut ids = HashSet::new();
    for published in endpoints {
        let path = &published.endpoint.path;
        let wanted = format!("endpoint{}", path.replace(['/', '{', '}', '.', '-', '~'], "_"));
        // `/a-b` and `/a_b` are two.
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let id = std::iter::once(wanted.clone()).chain(numbered).find(|id| ids.insert(id.clone()));
        paths = paths.path(path, get(exposed::describe(published, &id.unwrap_or(wanted))));
    }
    let mut paths = paths.build();
    for (path, item) in paths.paths.iter_mut().filter(|(path, _)| !PROBES.contains(&path.as_str())) {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            guard(operation, guarded, path);
        }
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("elt")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .build(),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

const ABOUT: &str = "Answers from what the last successful run published. Every error, on every path, has one \
                     form: code, message, details, hint, request_id. Every path works with and without its \
                     trailing slash.";

fn voucher(id: &str, summary: &str) -> Operation {
    let body = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("VoucherRequest")))
        .examples_from_iter(voucher_schema::examples());
    let answer = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("VoucherAnswer")))
        .example(Some(voucher_schema::example_answer()));
    operation(id, summary, "vouchers")
        .request_body(Some(body_of(body, Some(Required::True))))
        .response("200", response("The segment's most used voucher").content(JSON, answer.build()))
        .response("400", error("malformed_json, broken_body: the body is no JSON"))
        .response("404", error("no_segment, unknown_country: there is no voucher, and why"))
        .response("408", error("request_timeout: the body did not arrive in time"))
        .response("413", error("body_too_large"))
        .response("415", error("unsupported_media_type: the body is not declared as JSON"))
        .response(
            "422",
            error("invalid_body, contradictory_facts: details.fields names every field that is wrong, and what it accepts"),
        )
        .response("503", unavailable("not_ready, not_published: there is nothing to answer from yet"))
        .build()
}

fn run_pipeline() -> Operation {
    let prefer = ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("`respond-async`: answer 202 at once instead of waiting for the run's end"))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).examples([json!("respond-async")])))
        .build();
    let accepted = response("The run has begun (with Prefer: respond-async)")
        .header("Location", text_header("The run's own path"))
        .header("Preference-Applied", text_header("respond-async"))
        .link("run", LinkBuilder::new().operation_id("run").parameter("id", "$response.body#/run_id").build())
        .content(JSON, of("RunAccepted"));
    let done = response("The run has ended well, and is published")
        .link("run", LinkBuilder::new().operation_id("run").parameter("id", "$response.body#/id").build())
        .content(JSON, of("Run"));
    operation("runPipeline", "Runs the whole pipeline", "runs")
        .description(Some("No body is needed. The run goes on if the client leaves. One run at a time."))
        .parameter(prefer)
        .response("200", done)
        .response("202", accepted)
        .response("408", error("request_timeout: the body did not arrive in time"))
        .response("409", error("run_busy: details.run_id is the run that is under way"))
        .response("413", error("body_too_large"))
        .response(
            "500",
            error(
                "run_failed, run_cancelled, run_died: details.run has the failed step and its error; project_broken: \
                 details.problems has all that is wrong with the project's files; or internal",
            ),
        )
        .response("503", unavailable("run_not_started, stopping"))
        .build()
}

/// What the gate may answer before an operation is reached.
fn guard(operation: &mut Operation, guarded: Guarded, path: &str) {
    let is_run = path.starts_with("/runPipeline");
    let mut refusals: Vec<(&str, ResponseBuilder)> = Vec::new();
    if if is_run { guarded.runs } else { guarded.reads } {
        let bearer = SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, []);
        operation.security = Some(vec![bearer]);
        let challenge = text_header("The schemes that are understood");
        refusals.push((
            "401",
            ResponseBuilder::from(error("unauthorized: no token, or a wrong one"))
                .header("WWW-Authenticate", challenge),
        ));
    }
    if is_run {
        refusals.push((
            "403",
            error("other_site: a browser came from another site's page; forbidden: the token may only read")
                .into(),
        ));
    }
    if guarded.hosts {
        refusals.push(("421", error("unknown_host: the service is not known by this name").into()));
    }
    if guarded.rate || guarded.reads || guarded.runs {
        let limited = ResponseBuilder::from(error("too_many_requests"));
        refusals.push(("429", limited.header("Retry-After", text_header("Seconds to wait"))));
    }
    for (status, refusal) in refusals {
        operation.responses.responses.insert(status.to_owned(), refusal.build().into());
    }
}

fn runs() -> Operation {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1_usize))
        .maximum(Some(LARGEST_LIMIT as usize))
        .default(Some(json!(DEFAULT_LIMIT)));
    let limit = parameter("limit", ParameterIn::Query, Required::False, "How many, the newest first", limit);
    operation("runs", "The newest runs", "runs")
        .parameter(limit)
        .response("200", response("The runs").content(JSON, of("RunList")))
        .response("400", error("invalid_parameter: limit is no whole number from 1 to 100"))
        .response("503", unavailable("history_unavailable"))
        .build()
}

fn run_id() -> Parameter {
    let id = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1_usize))
        .maximum(Some(i64::MAX as usize));
    parameter("id", ParameterIn::Path, Required::True, "The run's id", id)
}

fn run_events() -> Operation {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let names = ["started", "finished", "publishing", "log", "end"];
    let of_one = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("One event. The data of `finished` is a RunNode, that of `log` a RunLogLine."))
        .property("event", text().enum_values(Some(names)))
        .required("event")
        .property("data", text().description(Some("JSON")))
        .required("data")
        .property("id", text());
    operation("runEvents", "One run as it goes, by server-sent events", "runs")
        .description(Some(
            "All steps so far and then each as it is taken; those of a run in another process come about a second \
             later. Goes on after the event named by Last-Event-ID.",
        ))
        .parameter(run_id())
        .response(
            "200",
            response("The events")
                .content("text/event-stream", ContentBuilder::new().schema(Some(of_one)).build()),
        )
        .response("404", error("run_unknown"))
        .response("503", unavailable("history_unavailable, too_many_streams"))
        .build()
}

fn run() -> Operation {
    operation("run", "One run with all its steps", "runs")
        .parameter(run_id())
        .response("200", response("The run").content(JSON, of("Run")))
        .response("404", error("run_unknown"))
        .response("503", unavailable("history_unavailable"))
        .build()
}

fn readiness() -> Operation {
    operation("readiness", "Whether lookups can be answered, and how fresh the answers are", "service")
        .description(Some(
            "200 while there is a snapshot to answer from: `ready`, or `degraded` when it cannot be renewed.",
        ))
        .response("200", response("Lookups are answered").content(JSON, of("Readiness")))
        .response("503", unavailable("not_ready, not_published: details say which part is missing"))
        .build()
}

fn metrics() -> Operation {
    let text = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String)));
    operation("metrics", "Figures for Prometheus", "service")
        .response("200", response("OpenMetrics").content("application/openmetrics-text", text.build()))
        .build()
}

fn openapi() -> Operation {
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .required("openapi")
        .property("openapi", ObjectBuilder::new().schema_type(Type::String).examples([json!("3.1.0")]));
    operation("openapi", "This description", "service")
        .response(
            "200",
            response("OpenAPI 3.1").content(JSON, ContentBuilder::new().schema(Some(object)).build()),
        )
        .build()
}

/// A path that always answers 200.
fn plain(id: &str, summary: &str, schema: &str) -> Operation {
    operation(id, summary, "service").response("200", response(summary).content(JSON, of(schema))).build()
}
