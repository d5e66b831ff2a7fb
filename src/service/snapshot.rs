//! What is published, as requests want it: segments by country, in order, with their answers written
//! beforehand; endpoints by path. Pure. A publication that contradicts itself is refused rather than answered from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::amount;
use crate::database::{Publication, PublishedSegment};
use crate::endpoint::Published;

/// What a segment is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentType {
    /// Total orders.
    Frequent,
    /// Whole UTC days since the last order.
    Recency,
}

impl SegmentType {
    pub const NAMES: [&str; 2] = ["frequent_segment", "recency_segment"];

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "frequent_segment" => Some(Self::Frequent),
            "recency_segment" => Some(Self::Recency),
            _ => None,
        }
    }
}

/// One run's publication.
#[derive(Debug)]
pub struct Snapshot {
    pub run_id: i64,
    pub published_at: Timestamp,
    /// When it was last read from the database.
    pub loaded_at: Timestamp,
    /// By their canonical spellings, in order.
    countries: Vec<Country>,
    /// Their places by the lower-case code.
    by_lower_case: BTreeMap<String, usize>,
    /// Whether the project makes vouchers at all.
    pub has_vouchers: bool,
    /// Why a relation of the segments' name is not looked into.
    pub no_segments: Option<String>,
    /// By path.
    pub endpoints: Vec<Published>,
}

#[derive(Debug)]
pub struct Country {
    /// The canonical spelling.
    pub code: String,
    /// Ascending, without overlaps.
    frequent: Vec<Segment>,
    recency: Vec<Segment>,
}

#[derive(Debug)]
pub struct Segment {
    pub name: String,
    lower: i64,
    upper: Option<i64>,
    /// The answer's JSON up to the reference date, and from there to its end.
    head: Box<str>,
    tail: Box<str>,
}

impl Snapshot {
    /// Errors say which row contradicts the contract or another row.
    pub fn new(publication: Publication, loaded_at: Timestamp) -> Result<Self, String> {
        let Publication { run_id, published_at, segments, no_segments, endpoints } = publication;
        let has_vouchers = segments.is_some();
        let mut by_lower_case: BTreeMap<String, Country> = BTreeMap::new();
        for row in segments.unwrap_or_default() {
            let code = row.country_code.trim();
            let country = by_lower_case.entry(code.to_lowercase()).or_insert_with(|| Country {
                code: code.to_owned(),
                frequent: Vec::new(),
                recency: Vec::new(),
            });
            match SegmentType::from_name(&row.segment_type) {
                Some(SegmentType::Frequent) => country.frequent.push(Segment::new(&row, run_id)?),
                Some(SegmentType::Recency) => country.recency.push(Segment::new(&row, run_id)?),
                // Rules may know more types than this endpoint serves.
                None => {}
            }
        }
        let mut countries: Vec<Country> = by_lower_case.into_values().collect();
        countries.sort_unstable_by(|one, other| one.code.cmp(&other.code));
        for country in &mut countries {
            put_in_order(&country.code, &mut country.frequent)?;
            put_in_order(&country.code, &mut country.recency)?;
        }
        let places =
            countries.iter().enumerate().map(|(place, country)| (country.code.to_lowercase(), place));
        Ok(Self {
            run_id,
            published_at,
            loaded_at,
            by_lower_case: places.collect(),
            countries,
            has_vouchers,
            no_segments,
            endpoints,
        })
    }

    /// The endpoint that answers at `path`, with the values of its path's parameters.
    pub fn endpoint<'a>(&self, path: &'a str) -> Option<(&Published, Vec<(&str, &'a str)>)> {
        let mut found = self.endpoints.iter().filter_map(|one| Some((one, one.endpoint.matches(path)?)));
        // A path without braces goes before one that has them.
        found.clone().find(|(_, values)| values.is_empty()).or_else(|| found.next())
    }

    /// `code` without regard to case and surrounding blanks.
    pub fn country(&self, code: &str) -> Option<&Country> {
        // Nearly everybody writes it as it stands in the segments.
        let spelled = self.countries.binary_search_by(|country| country.code.as_str().cmp(code)).ok();
        let place = spelled.or_else(|| self.by_lower_case.get(&code.trim().to_lowercase()).copied())?;
        self.countries.get(place)
    }

    /// By their canonical spellings, in order.
    pub fn countries(&self) -> &[Country] {
        &self.countries
    }

    pub fn country_codes(&self) -> Vec<&str> {
        self.countries.iter().map(|country| country.code.as_str()).collect()
    }
}

impl Country {
    /// Ascending.
    pub fn segments(&self, segment_type: SegmentType) -> &[Segment] {
        match segment_type {
            SegmentType::Frequent => &self.frequent,
            SegmentType::Recency => &self.recency,
        }
    }

    /// The segment that holds `measure`: orders, or days.
    pub fn segment(&self, segment_type: SegmentType, measure: i64) -> Option<&Segment> {
        self.segments(segment_type).iter().find(|segment| segment.holds(measure))
    }
}

impl Segment {
    fn new(row: &PublishedSegment, run_id: i64) -> Result<Self, String> {
        if row.upper_value.is_some_and(|upper| upper < row.lower_value) {
            return Err(format!("{} of {} ends before it begins", row.segment_name, row.country_code));
        }
        let number = |text: &str| {
            amount::number(text)
                .ok_or_else(|| format!("{} of {}: {text} is no amount", row.segment_name, row.country_code))
        };
        let evidence = Evidence {
            segment_rows: row.segment_rows,
            winner_rows: row.winner_rows,
            runner_up_amount: row.runner_up_amount.as_deref().map(number).transpose()?,
            runner_up_rows: row.runner_up_rows,
            is_tie: row.is_tie,
            low_support: row.low_support,
        };
        let json = |value| serde_json::to_string(value).map_err(|error| error.to_string());
        let evidence = serde_json::to_string(&evidence).map_err(|error| error.to_string())?;
        Ok(Self {
            name: row.segment_name.clone(),
            lower: row.lower_value,
            upper: row.upper_value,
            head: format!(
                r#"{{"voucher_amount":{},"segment_name":{},"segment_type":{},"reference_date":""#,
                number(&row.voucher_amount)?,
                json(&row.segment_name)?,
                json(&row.segment_type)?,
            )
            .into(),
            tail: format!(r#"","evidence":{evidence},"run_id":{run_id}}}"#).into(),
        })
    }

    fn holds(&self, measure: i64) -> bool {
        self.lower <= measure && self.upper.is_none_or(|upper| measure <= upper)
    }

    /// `4-13`, or `181+` without an upper bound.
    pub fn range(&self) -> String {
        match self.upper {
            Some(upper) => format!("{}-{upper}", self.lower),
            None => format!("{}+", self.lower),
        }
    }

    /// The answer's whole JSON.
    pub fn answer(&self, reference_date: &str) -> String {
        [&self.head, reference_date, &self.tail].concat()
    }
}

fn put_in_order(country: &str, segments: &mut [Segment]) -> Result<(), String> {
    segments.sort_by_key(|segment| segment.lower);
    let overlap = segments.windows(2).find(|pair| pair[0].upper.is_none_or(|upper| upper >= pair[1].lower));
    match overlap {
        Some(pair) => Err(format!("{} and {} of {country} overlap", pair[0].name, pair[1].name)),
        None => Ok(()),
    }
}

/// The rows behind an amount; the schema of it is beside the answer's, in the API's description.
#[derive(Serialize)]
struct Evidence {
    segment_rows: i64,
    winner_rows: i64,
    runner_up_amount: Option<Box<RawValue>>,
    runner_up_rows: Option<i64>,
    is_tie: bool,
    low_support: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, lower: i64, upper: Option<i64>, amount: &str) -> PublishedSegment {
        PublishedSegment {
            country_code: "Peru".into(),
            segment_type: "frequent_segment".into(),
            segment_name: name.into(),
            lower_value: lower,
            upper_value: upper,
            voucher_amount: amount.into(),
            segment_rows: 10,
            winner_rows: 6,
            runner_up_amount: Some("3300.50".into()),
            runner_up_rows: Some(4),
            is_tie: false,
            low_support: false,
        }
    }

    fn snapshot(segments: Vec<PublishedSegment>) -> Result<Snapshot, String> {
        let publication = Publication {
            run_id: 7,
            published_at: Timestamp::UNIX_EPOCH,
            segments: Some(segments),
            no_segments: None,
            endpoints: Vec::new(),
        };
        Snapshot::new(publication, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_answer_is_whole_and_digit_exact() {
        let snapshot = snapshot(vec![row("a \"quoted\" name", 1, Some(4), "2640.00")]).unwrap();
        let segment = snapshot.country(" pErU ").unwrap().segment(SegmentType::Frequent, 4).unwrap();
        assert_eq!(
            segment.answer("2020-06-01"),
            r#"{"voucher_amount":2640,"segment_name":"a \"quoted\" name","segment_type":"frequent_segment","reference_date":"2020-06-01","evidence":{"segment_rows":10,"winner_rows":6,"runner_up_amount":3300.5,"runner_up_rows":4,"is_tie":false,"low_support":false},"run_id":7}"#
        );
    }

    #[test]
    fn a_publication_that_contradicts_itself_is_refused() {
        let overlapping = vec![row("b", 4, None, "1"), row("a", 1, Some(4), "1")];
        assert_eq!(snapshot(overlapping).unwrap_err(), "a and b of Peru overlap");
        let open_below = vec![row("a", 1, None, "1"), row("b", 5, Some(9), "1")];
        assert_eq!(snapshot(open_below).unwrap_err(), "a and b of Peru overlap");
        assert!(snapshot(vec![row("a", 4, Some(1), "1")]).is_err());
        assert!(snapshot(vec![row("a", 1, Some(4), "NaN")]).is_err());
    }
}
