//! How form, answer and segments look.

use maud::{Markup, html};

use super::form::{Field, Form, KIND, KINDS, SHOWN};
use super::{Evidence, Outcome, Voucher};
use crate::service::pages::table::scrolled;
use crate::service::pages::text::thousands;
use crate::service::snapshot::{Country, SegmentType, Snapshot};

pub fn form(form: &Form, outcome: Option<&Outcome>, countries: &[&str], root: &str) -> Markup {
    let wrong = |name: &str| outcome.and_then(|outcome| outcome.wrong.get(name)).map(String::as_str);
    // The first field that is wrong is where one goes on typing.
    let first = SHOWN.iter().map(|field| field.name).find(|name| wrong(name).is_some());
    html! {
        section class="panel" aria-labelledby="ask" {
            h2 id="ask" { "Which voucher for a customer?" }
            form method="get" action={ (root) "/ui/vouchers" } {
                div class="fields" {
                    @for field in &SHOWN {
                        @let focus = first == Some(field.name);
                        (input(field, form.value(field.name), wrong(field.name), focus, countries))
                    }
                    (kind(form.value(KIND), wrong(KIND)))
                }
                p { button { "Look up" } }
            }
            datalist id="countries" { @for country in countries { option value=(country); } }
        }
    }
}

fn input(field: &Field, value: &str, problem: Option<&str>, focus: bool, countries: &[&str]) -> Markup {
    let told = problem.map(|_| format!("{}-wrong", field.name));
    let is_country = field.name == "country_code";
    // Where there is one country, that is the one.
    let value = if is_country && value.is_empty() && countries.len() == 1 { countries[0] } else { value };
    html! {
        div class="field" {
            label for=(field.name) { (field.words) @if !field.required { span class="quiet" { " (may be empty)" } } }
            input id=(field.name) name=(field.name) type=(field.input_type) value=(value) required[field.required]
                list=[is_country.then_some("countries")] autocomplete="off" autofocus[focus]
                aria-invalid=[problem.map(|_| "true")] aria-describedby=[told.as_deref()];
            @if let Some(problem) = problem { p class="wrong" id=[told.as_deref()] { (problem) } }
        }
    }
}

fn kind(value: &str, problem: Option<&str>) -> Markup {
    html! {
        div class="field" {
            label for=(KIND) { "Segment" }
            select id=(KIND) name=(KIND) aria-describedby=[problem.map(|_| "kind-wrong")] {
                @for (name, words) in KINDS { option value=(name) selected[name == value] { (words) } }
            }
            @if let Some(problem) = problem { p class="wrong" id="kind-wrong" { (problem) } }
        }
    }
}

pub fn answer(outcome: &Outcome) -> Markup {
    html! {
        section class="panel answer" aria-labelledby="answer" {
            h2 id="answer" { "The answer" }
            @if let Some(refusal) = &outcome.refusal { p class="notice" { (refusal) } }
            @if let Some(voucher) = &outcome.voucher { (found(voucher)) }
        }
    }
}

fn found(voucher: &Voucher) -> Markup {
    let Evidence { segment_rows, winner_rows, runner_up_amount, runner_up_rows, .. } = &voucher.evidence;
    html! {
        p class="figure" { (voucher.voucher_amount.get()) }
        dl class="facts" {
            dt { "Segment" } dd { (voucher.segment_name) ", " (words_of(&voucher.segment_type)) }
            dt { "Used" } dd { "in " (thousands(*winner_rows)) " of " (thousands(*segment_rows)) " rows of the segment" }
            @if let (Some(amount), Some(rows)) = (runner_up_amount, runner_up_rows) {
                dt { "Second" } dd { (amount.get()) ", in " (thousands(*rows)) " rows" }
            }
            @if let Some(doubt) = doubt(&voucher.evidence) { dt { "Note" } dd { (doubt) } }
            dt { "Counted to" } dd { (voucher.reference_date) }
            dt { "Run" } dd { (voucher.run_id) }
        }
    }
}

fn doubt(evidence: &Evidence) -> Option<&'static str> {
    match (evidence.is_tie, evidence.low_support) {
        (true, true) => Some("a tie, and few rows"),
        (true, false) => Some("a tie"),
        (false, true) => Some("few rows"),
        (false, false) => None,
    }
}

fn words_of(kind: &str) -> String {
    let words = KINDS.iter().find(|(name, _)| *name == kind).map_or(kind, |(_, words)| words);
    words.to_lowercase()
}

/// All segments, the one of the answer among them marked.
pub fn segments(snapshot: &Snapshot, outcome: Option<&Outcome>, today: &str) -> Markup {
    html! {
        @for country in snapshot.countries() {
            h2 { "Segments of " (country.code) }
            div class="pair" {
                @for (kind, words) in KINDS {
                    (segments_of(country, kind, words, outcome, today))
                }
            }
        }
    }
}

fn segments_of(country: &Country, kind: &str, words: &str, outcome: Option<&Outcome>, today: &str) -> Markup {
    let of_kind = SegmentType::from_name(kind).map(|kind| country.segments(kind)).unwrap_or_default();
    let chosen = |voucher: &Voucher| {
        outcome.filter(|outcome| outcome.country.as_ref() == Some(&country.code)).is_some_and(|outcome| {
            outcome.voucher.as_ref().is_some_and(|answer| {
                answer.segment_type == voucher.segment_type && answer.segment_name == voucher.segment_name
            })
        })
    };
    // What was written beforehand for the API is the one place that holds them.
    let vouchers = of_kind
        .iter()
        .filter_map(|segment| Some((segment, serde_json::from_str::<Voucher>(&segment.answer(today)).ok()?)));
    html! {
        section class="panel" aria-label={ (country.code) ", " (words.to_lowercase()) } {
            h3 { (words) }
            @if of_kind.is_empty() { p class="quiet" { "There are none." } } @else {
                (scrolled(&format!("Segments of {} {}", country.code, words.to_lowercase()), html! { table {
                    thead { tr {
                        th scope="col" { "Segment" } th scope="col" { "Holds" }
                        th scope="col" class="number" { "Voucher" } th scope="col" class="number" { "Rows" } th scope="col" { "Note" }
                    } }
                    tbody { @for (segment, voucher) in vouchers {
                        tr class=[chosen(&voucher).then_some("chosen")] aria-current=[chosen(&voucher).then_some("true")] {
                            th scope="row" { (voucher.segment_name) } td { (segment.range()) }
                            td class="number" { (voucher.voucher_amount.get()) }
                            td class="number" { (thousands(voucher.evidence.segment_rows)) }
                            td { (doubt(&voucher.evidence).unwrap_or_default()) }
                        }
                    } }
                } }))
            }
        }
    }
}
