//! Functions behind `from`. Which columns one returns is known of few without a server; of the others every
//! column is computed from the arguments, whatever its name.

use std::rc::Rc;
use std::sync::Arc;

use squawk_syntax::SyntaxKind as K;
use squawk_syntax::SyntaxNode;

use super::expression::path_of;
use super::flow::Flow;
use super::from::named;
use super::query::{any, column_names};
use super::scope::{Answer, Field, Joined, Scope, Shape};
use super::{Follower, child, name_of, start_of};

/// Functions of one column that is called as the function, or as its alias.
const ONE_COLUMN: &[&str] = &[
    "generate_series",
    "generate_subscripts",
    "json_object_keys",
    "jsonb_object_keys",
    "jsonb_path_query",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "unnest",
];

/// Functions whose columns have names of their own.
const NAMED_COLUMNS: &[(&str, &[&str])] = &[
    ("json_each", &["key", "value"]),
    ("jsonb_each", &["key", "value"]),
    ("json_each_text", &["key", "value"]),
    ("jsonb_each_text", &["key", "value"]),
    ("json_array_elements", &["value"]),
    ("jsonb_array_elements", &["value"]),
    ("json_array_elements_text", &["value"]),
    ("jsonb_array_elements_text", &["value"]),
];

impl Follower<'_> {
    pub(super) fn function(
        &self,
        item: &SyntaxNode,
        alias: Option<&SyntaxNode>,
        scope: &Scope<'_>,
    ) -> Joined {
        let mut flow = Flow::default();
        for part in item.children().filter(|part| part.kind() != K::FROM_ALIAS) {
            flow.take(&self.parts(&part, scope));
        }
        let flow = flow.computed();
        let at = start_of(item);
        let callee = child(item, K::CALL_EXPR).and_then(|call| path_of(&call.children().next()?));
        let callee = callee.and_then(|path| path.names.last().cloned()).unwrap_or_default();
        let own: Arc<str> = callee.as_str().into();
        let shown = alias.and_then(|alias| child(alias, K::TABLE_ALIAS));
        let shown = shown.map_or_else(|| own.clone(), |name| name_of(&name).into());

        let declared = alias.and_then(|alias| child(alias, K::COLUMN_DEF_LIST));
        let table = item
            .descendants()
            .find(|part| matches!(part.kind(), K::JSON_TABLE_COLUMN_LIST | K::XML_TABLE_COLUMN_LIST));
        let arguments = item.descendants().filter(|part| part.kind() == K::ARG).count();
        let mut names: Option<Vec<Arc<str>>> = match declared.or(table) {
            Some(list) => Some(column_names(&list).into_iter().map(|(name, _)| name).collect()),
            None => NAMED_COLUMNS
                .iter()
                .find(|(name, _)| *name == callee)
                .map(|(_, columns)| columns.iter().map(|column| Arc::from(*column)).collect())
                .or_else(|| {
                    let one = ONE_COLUMN.contains(&callee.as_str()) && (callee != "unnest" || arguments == 1);
                    one.then(|| vec![shown])
                }),
        };
        if child(item, K::WITH_ORDINALITY).is_some()
            && let Some(names) = &mut names
        {
            names.push("ordinality".into());
        }
        let shape = match names {
            None => any(flow),
            Some(names) => {
                let flow = Rc::new(flow);
                let field = |name| Field { name, flow: flow.clone(), at: at..at };
                Shape { fields: names.into_iter().map(field).collect(), rest: Vec::new() }
            }
        };
        named(Answer { shape: Rc::new(shape), rows: Flow::default() }, None, own, alias)
    }
}
