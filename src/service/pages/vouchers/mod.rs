//! The vouchers: a form that asks what getVoucher answers, and all segments. The form is a GET form: what was
//! asked stands in the address, and can be sent to somebody.

mod form;
mod page;

use std::collections::HashMap;

use jiff::Timestamp;
use maud::html;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::frame::{Page, Section};
use super::{root, snapshot};
use crate::service::clock::Day;
use crate::service::facts;
use crate::service::lookup;
use crate::service::problem::Problem;
use crate::service::routes::{Answer, Call, nothing_here};
use form::Form;

/// An answer of getVoucher; numbers digit for digit.
#[derive(Deserialize)]
struct Voucher {
    voucher_amount: Box<RawValue>,
    segment_name: String,
    segment_type: String,
    reference_date: String,
    evidence: Evidence,
    run_id: i64,
}

#[derive(Deserialize)]
struct Evidence {
    segment_rows: i64,
    winner_rows: i64,
    runner_up_amount: Option<Box<RawValue>>,
    runner_up_rows: Option<i64>,
    is_tie: bool,
    low_support: bool,
}

/// What came of asking.
struct Outcome {
    voucher: Option<Voucher>,
    /// The canonical spelling of the country that was asked for, where it is known.
    country: Option<String>,
    /// Why there is none.
    refusal: Option<String>,
    /// By field.
    wrong: HashMap<String, String>,
}

pub async fn show(call: Call) -> Answer {
    let snapshot = snapshot(&call)?;
    if !snapshot.has_vouchers {
        return nothing_here();
    }
    let form = Form::read(call.request.query_string());
    let today = Day::of(call.state.lookup_date.date(Timestamp::now()));
    let outcome = form.is_asked().then(|| {
        let country = snapshot.country(form.country()).map(|country| country.code.clone());
        let answer = facts::read(&form.body())
            .and_then(|facts| lookup::look_up(&snapshot, &facts, &today))
            .and_then(|answer| Ok((Outcome::of(&answer)?, country.clone())));
        match answer {
            Ok((voucher, country)) => {
                Outcome { voucher: Some(voucher), country, refusal: None, wrong: HashMap::new() }
            }
            Err(problem) => Outcome::refused(&problem, country),
        }
    });
    let root = root(call.request.path());
    let content = html! {
        h1 { "Vouchers" }
        div class="pair" {
            (page::form(&form, outcome.as_ref(), &snapshot.country_codes(), &root))
            @if let Some(outcome) = &outcome { (page::answer(outcome)) }
        }
        (page::segments(&snapshot, outcome.as_ref(), &today.text))
    };
    Page::new(Section::Vouchers, "Vouchers", content).answer(&call)
}

impl Outcome {
    fn of(answer: &str) -> Result<Voucher, Problem> {
        serde_json::from_str(answer).map_err(|error| Problem::internal(error.to_string()))
    }

    fn refused(problem: &Problem, country: Option<String>) -> Self {
        let mut wrong = form::wrong(problem);
        if problem.code() == "unknown_country" {
            wrong.insert("country_code".into(), problem.to_string());
        }
        let refusal = if wrong.is_empty() { problem.to_string() } else { told(&wrong) };
        Self { voucher: None, country, refusal: Some(refusal), wrong }
    }
}

fn told(wrong: &HashMap<String, String>) -> String {
    let fields = if wrong.len() == 1 { "One field has" } else { "Some fields have" };
    format!("{fields} to be changed; what is wrong stands below it.")
}
