//! Whether PostgreSQL takes the defaults of an endpoint's parameters for values of their columns.

use super::Problem;
use crate::database::{DatabaseError, Session};
use crate::diagnostic::{Diagnostic, Location};
use crate::endpoint::{Operator, Parameter};
use crate::manifest::Node;
use crate::name::{Ident, Relation, literal};

/// A statement that fails where a default is no value of its column.
pub struct Question {
    pub sql: String,
    wrong: String,
    place: Location,
}

impl Question {
    pub fn problem(self, error: &DatabaseError) -> Diagnostic {
        Diagnostic::error("bad-endpoint", format!("{}: {error}", self.wrong)).at(self.place)
    }
}

/// `relation`: the node's, whose columns are known to be there.
pub(super) async fn check(session: &Session, node: &Node, relation: &Relation) -> Result<(), Problem> {
    for question in questions(node, relation) {
        if let Err(error) = session.run(&question.sql).await {
            return Err(Box::new(question.problem(&error)));
        }
    }
    Ok(())
}

pub fn questions(node: &Node, relation: &Relation) -> Vec<Question> {
    let Some((endpoint, place)) = &node.endpoint else { return Vec::new() };
    let question = |parameter: &Parameter| {
        let default = parameter.default.as_deref().filter(|_| parameter.operator.is_typed())?;
        let column = Ident::new(parameter.column()).ok()?;
        let separator = if parameter.operator == Operator::In { ',' } else { '\0' };
        let values = default.split(separator).map(literal).collect::<Vec<_>>().join(", ");
        Some(Question {
            // Typed by the column, and read nowhere.
            sql: format!("select from {relation} where {column} in ({values}) limit 0"),
            wrong: format!(
                "`{}`: the default `{default}` of the parameter `{}` is none for the column `{}`",
                node.name.as_str(),
                parameter.name,
                parameter.column(),
            ),
            place: place.closer("parameters").closer("default").closer(default),
        })
    };
    endpoint.parameters.iter().filter_map(question).collect()
}
