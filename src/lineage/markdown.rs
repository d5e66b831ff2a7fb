//! A diff as Markdown, fit for a comment on a pull request.

use std::fmt::Write;

use super::diff::{ColumnChange, Diff, NodeChange, NodeStatus};

/// Longer lists are folded.
const SHOWN: usize = 15;

pub fn markdown(diff: &Diff, against: &str) -> String {
    let mut text = format!("## Lineage of this change, against {}\n\n", code(against));
    if diff.nodes.is_empty() {
        text.push_str("No column is added, removed or defined anew, and no model has other rows.\n");
        return text;
    }
    let count = |status: NodeStatus| diff.nodes.iter().filter(|node| node.status == status).count();
    let columns: usize = diff.downstream.values().map(|columns| columns.len()).sum();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} changed, {} added, {} removed. Downstream, {columns} {} of {} {} computed from what changed.\n",
        count(NodeStatus::Changed),
        count(NodeStatus::Added),
        count(NodeStatus::Removed),
        if columns == 1 { "column" } else { "columns" },
        diff.downstream.len(),
        if diff.downstream.len() == 1 { "model is" } else { "models are" },
    );
    if !diff.exposures.is_empty() {
        let names: Vec<String> = diff.exposures.iter().map(|name| code(name)).collect();
        let _ = writeln!(text, "**Exposures that may feel it:** {}\n", names.join(", "));
    }
    for node in &diff.nodes {
        touched(&mut text, node);
    }
    let further: Vec<String> = diff
        .downstream
        .iter()
        .map(|(node, columns)| {
            let columns: Vec<String> = columns.iter().map(|column| code(column)).collect();
            format!("- {}: {}", code(node), columns.join(", "))
        })
        .collect();
    list(&mut text, "Columns computed from what changed", &further);
    let rows: Vec<String> = diff.downstream_rows.iter().map(|node| format!("- {}", code(node))).collect();
    list(&mut text, "Models whose rows may be others", &rows);
    text
}

fn touched(text: &mut String, node: &NodeChange) {
    let status = match node.status {
        NodeStatus::Added => "added",
        NodeStatus::Removed => "removed",
        NodeStatus::Changed => "changed",
    };
    let _ = writeln!(text, "### {} {status}\n\n{}\n", code(&node.node), code(&node.file));
    if !node.columns.is_empty() {
        text.push_str("| column | change |\n|---|---|\n");
        for change in &node.columns {
            let (column, what) = match change {
                ColumnChange::Added { column, data_type } => {
                    let kind = data_type.as_ref().map(|kind| format!(", {}", code(kind))).unwrap_or_default();
                    (column, format!("added{kind}"))
                }
                ColumnChange::Removed { column } => (column, "**removed**".to_owned()),
                ColumnChange::Renamed { column, to } => (column, format!("**renamed** to {}", code(to))),
                ColumnChange::Redefined { column } => (column, "computed otherwise".to_owned()),
                ColumnChange::Retyped { column, from, to } => {
                    (column, format!("type {} becomes {}", code(from), code(to)))
                }
            };
            let _ = writeln!(text, "| {} | {what} |", code(column));
        }
        text.push('\n');
    }
    if node.rows {
        text.push_str("Its rows are joined, filtered, grouped or sorted otherwise.\n\n");
    }
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let lines_text = lines.join("\n");
    let _ = if lines.len() > SHOWN {
        let count = lines.len();
        writeln!(text, "<details><summary>{title} ({count})</summary>\n\n{lines_text}\n\n</details>\n")
    } else {
        writeln!(text, "### {title}\n\n{lines_text}\n")
    };
}

/// A name as code, whatever it holds.
fn code(name: &str) -> String {
    let name = name.replace('|', "\\|").replace('\n', " ");
    if name.contains('`') { format!("`` {name} ``") } else { format!("`{name}`") }
}
