//! Whether PostgreSQL takes the defaults of an endpoint's parameters for values of their columns.

use super::Problem;
use crate::database::Session;
use crate::diagnostic::Diagnostic;
use crate::endpoint::{Operator, Parameter};
use crate::manifest::Node;
use crate::name::{Ident, Relation, literal};

/// `relation`: the node's, whose columns are known to be there.
pub(super) async fn check(session: &Session, node: &Node, relation: &Relation) -> Result<(), Problem> {
    let Some((endpoint, place)) = &node.endpoint else { return Ok(()) };
    for parameter in endpoint.parameters.iter().filter(|parameter| parameter.operator.is_typed()) {
        let Some(default) = &parameter.default else { continue };
        let Ok(column) = Ident::new(parameter.column()) else { continue };
        let values = values(parameter, default).map(literal).collect::<Vec<_>>().join(", ");
        // Typed by the column, and read nowhere.
        let asked =
            session.run(&format!("select from {relation} where {column} in ({values}) limit 0")).await;
        if let Err(error) = asked {
            let message = format!(
                "`{}`: the default `{default}` of the parameter `{}` is none for the column `{}`: {error}",
                node.name.as_str(),
                parameter.name,
                parameter.column(),
            );
            let place = place.closer("parameters").closer("default").closer(default);
            return Err(Box::new(Diagnostic::error("bad-endpoint", message).at(place)));
        }
    }
    Ok(())
}

fn values<'a>(parameter: &Parameter, default: &'a str) -> impl Iterator<Item = &'a str> {
    let separator = if parameter.operator == Operator::In { ',' } else { '\0' };
    default.split(separator)
}
