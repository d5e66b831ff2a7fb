//! The SQL that asks for rows of a served relation. Pure. Names come from the catalogue, values only ever as
//! parameters, all of them text.

use super::rows::{After, Condition, RowFormat, RowQuery, Sort};
use crate::endpoint::Operator;

/// The statement, and its parameters.
pub struct Statement {
    pub sql: String,
    pub values: Vec<String>,
}

/// At most `limit` rows, each with the run that published it.
pub fn rows(query: &RowQuery, limit: u64) -> Statement {
    write(query, limit, false)
}

/// The same, each also with whether there are more rows than that: counted at the same moment, no further than
/// one more.
pub fn counted_rows(query: &RowQuery, limit: u64) -> Statement {
    write(query, limit, true)
}

fn write(query: &RowQuery, limit: u64, is_counted: bool) -> Statement {
    let mut values = Values(Vec::new());
    let filter = values.filter(query);
    let order = list(query.order.iter().map(|sort| {
        let direction = if sort.descending { " desc" } else { "" };
        // Where there are no nulls to be put last, an index in the plain order serves both ways.
        let nulls = if sort.descending && !sort.never_null { " nulls last" } else { "" };
        format!("q.{}{direction}{nulls}", sort.column)
    }));
    let order = if order.is_empty() { order } else { format!(" order by {order}") };
    let position = list(query.order.iter().map(|sort| format!("q.{}::text", sort.column)));
    let (row, beside) = match query.format {
        RowFormat::Json => (
            "row_to_json(t.*)::text".to_owned(),
            format!(
                " cross join lateral (select {}) as t",
                list(query.columns.iter().map(|column| format!("q.{column}")))
            ),
        ),
        RowFormat::Texts => {
            (list(query.columns.iter().map(|column| format!("q.{column}::text"))), String::new())
        }
        RowFormat::Beginnings(letters) => {
            let begun = query.columns.iter().map(|column| format!("left(q.{column}::text, {letters})"));
            (list(begun), String::new())
        }
    };
    let counted = if is_counted {
        let filter = values.filter(query);
        let most = limit.saturating_add(1);
        format!(
            ", (select count(*) from (select from {} as q{filter} limit {most}) as reached) > {limit}",
            query.relation
        )
    } else {
        String::new()
    };
    let sql = format!(
        "select p.run_id::int8, s.*{counted} from {} as p left join lateral (select array[{row}]::text[], \
         array[{position}]::text[] from {} as q{beside}{filter}{order} limit {limit}) as s on true",
        query.publication, query.relation
    );
    Statement { sql, values: values.0 }
}

/// Fails where one of the values, an array of text, is none of the type.
pub fn fits(data_type: &str) -> String {
    format!("select count(cast(value as {})) from unnest($1::text[]) as value", castable(data_type))
}

/// A type as a cast must write it to cut nothing off: `character` alone means a single one, and so does `bit`.
fn castable(data_type: &str) -> String {
    let base = data_type.trim_end_matches("[]");
    let whole = match base {
        "character" => "bpchar",
        "bit" => "\"bit\"",
        other => other,
    };
    format!("{whole}{}", &data_type[base.len()..])
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

struct Values(Vec<String>);

impl Values {
    fn filter(&mut self, query: &RowQuery) -> String {
        let mut wanted: Vec<String> =
            query.conditions.iter().map(|condition| self.condition(condition)).collect();
        wanted.extend(query.after.as_ref().and_then(|after| self.after(&query.order, after)));
        if wanted.is_empty() { String::new() } else { format!(" where {}", wanted.join(" and ")) }
    }

    /// The parameter that stands for `value`.
    fn text(&mut self, value: &str) -> String {
        self.0.push(value.to_owned());
        format!("${}::text", self.0.len())
    }

    fn typed(&mut self, value: &str, data_type: &str) -> String {
        format!("cast({} as {})", self.text(value), castable(data_type))
    }

    fn condition(&mut self, condition: &Condition) -> String {
        let Condition { column, data_type, operator, value } = condition;
        let comparison = match operator {
            Operator::Eq => "=",
            Operator::Ne => "is distinct from",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::In => {
                let values: Vec<String> =
                    value.split(',').map(|value| self.typed(value, data_type)).collect();
                return format!("q.{column} in ({})", values.join(", "));
            }
            Operator::Contains => {
                return format!("position(lower({}) in lower(q.{column}::text)) > 0", self.text(value));
            }
            Operator::Null => {
                let not = if value == "true" { "" } else { "not " };
                return format!("q.{column} is {not}null");
            }
        };
        format!("q.{column} {comparison} {}", self.typed(value, data_type))
    }

    /// The rows that come after a position.
    fn after(&mut self, order: &[Sort], after: &After) -> Option<String> {
        let first = order.first()?;
        let one_way = order.iter().all(|sort| sort.never_null && sort.descending == first.descending);
        if one_way && after.0.iter().all(Option::is_some) {
            // One comparison of rows, which an index answers.
            let columns = list(order.iter().map(|sort| format!("q.{}", sort.column)));
            let values = order.iter().zip(after.0.iter().flatten());
            let values: Vec<String> =
                values.map(|(sort, value)| self.typed(value, &sort.data_type)).collect();
            let comparison = if first.descending { "<" } else { ">" };
            return Some(format!("({columns}) {comparison} ({})", values.join(", ")));
        }
        let mut ways = Vec::new();
        for (place, (sort, value)) in order.iter().zip(&after.0).enumerate() {
            let Some(beyond) = self.beyond(sort, value.as_deref()) else { continue };
            let before = order[..place].iter().zip(&after.0);
            let mut way: Vec<String> =
                before.map(|(sort, value)| self.same(sort, value.as_deref())).collect();
            way.push(beyond);
            ways.push(format!("({})", way.join(" and ")));
        }
        if ways.is_empty() {
            return Some("false".to_owned());
        }
        let bound = self.bound(first, after.0.first()?.as_deref());
        Some(format!("{bound}({})", ways.join(" or ")))
    }

    /// What follows from the ways: an index of the first column begins where the page before ended.
    fn bound(&mut self, first: &Sort, value: Option<&str>) -> String {
        match value {
            None => format!("q.{} is null and ", first.column),
            Some(value) if first.never_null => {
                let comparison = if first.descending { "<=" } else { ">=" };
                format!("q.{} {comparison} {} and ", first.column, self.typed(value, &first.data_type))
            }
            Some(_) => String::new(),
        }
    }

    fn same(&mut self, sort: &Sort, value: Option<&str>) -> String {
        match value {
            Some(value) => format!("q.{} = {}", sort.column, self.typed(value, &sort.data_type)),
            None => format!("q.{} is null", sort.column),
        }
    }

    /// Nulls come last, so after a null there is nothing.
    fn beyond(&mut self, sort: &Sort, value: Option<&str>) -> Option<String> {
        let comparison = if sort.descending { "<" } else { ">" };
        let beyond = format!("q.{} {comparison} {}", sort.column, self.typed(value?, &sort.data_type));
        Some(if sort.never_null { beyond } else { format!("({beyond} or q.{} is null)", sort.column) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Ident;

    fn after(order: &[(&str, bool, bool)], values: &[Option<&str>]) -> String {
        let sort = |(name, descending, never_null): &(&str, bool, bool)| Sort {
            column: Ident::new(*name).unwrap(),
            data_type: "character".into(),
            descending: *descending,
            never_null: *never_null,
        };
        let order: Vec<Sort> = order.iter().map(sort).collect();
        let values = After(values.iter().map(|value| value.map(str::to_owned)).collect());
        let sql = Values(Vec::new()).after(&order, &values).unwrap();
        sql.replace("::text as bpchar)", ")").replace("cast(", "(")
    }

    #[test]
    fn an_order_of_one_direction_without_nulls_is_one_comparison() {
        let both = [Some("x"), Some("y")];
        assert_eq!(
            after(&[("a", false, true), ("b", false, true)], &both),
            r#"(q."a", q."b") > (($1), ($2))"#
        );
        assert_eq!(after(&[("a", true, true), ("b", true, true)], &both), r#"(q."a", q."b") < (($1), ($2))"#);
    }

    #[test]
    fn any_other_order_is_bounded_by_its_first_column_where_that_is_never_null() {
        let both = [Some("x"), Some("y")];
        assert_eq!(
            after(&[("a", true, true), ("b", false, true)], &both),
            r#"q."a" <= ($4) and ((q."a" < ($1)) or (q."a" = ($3) and q."b" > ($2)))"#
        );
        assert_eq!(
            after(&[("a", true, false), ("b", false, true)], &both),
            r#"(((q."a" < ($1) or q."a" is null)) or (q."a" = ($3) and q."b" > ($2)))"#
        );
        assert_eq!(
            after(&[("a", true, false), ("b", false, true)], &[None, Some("y")]),
            r#"q."a" is null and ((q."a" is null and q."b" > ($1)))"#
        );
        assert_eq!(after(&[("a", true, false)], &[None]), "false");
    }

    #[test]
    fn casts_cut_nothing_off() {
        for (known, cast) in
            [("character", "bpchar"), ("character[]", "bpchar[]"), ("bit", "\"bit\""), ("numeric", "numeric")]
        {
            assert_eq!(castable(known), cast);
        }
    }
}
