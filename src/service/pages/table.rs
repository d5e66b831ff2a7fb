//! Rows of data as a table that scrolls by itself, by finger and by keyboard.

use maud::{Markup, html};

use super::text::title;

pub struct Column<'a> {
    pub name: &'a str,
    pub is_number: bool,
}

/// `caption`: what it shows, for who cannot see what it stands under.
pub fn table(caption: &str, columns: &[Column<'_>], rows: &[Vec<Option<String>>]) -> Markup {
    let number = |place: usize| columns.get(place).is_some_and(|column| column.is_number).then_some("number");
    scrolled(
        caption,
        html! {
            table {
                thead { tr {
                    @for (place, column) in columns.iter().enumerate() {
                        th scope="col" class=[number(place)] { (title(column.name)) }
                    }
                } }
                tbody { @for row in rows { tr {
                    @for (place, field) in row.iter().enumerate() {
                        td class=[number(place)] { (field.as_deref().unwrap_or_default()) }
                    }
                } } }
            }
        },
    )
}

pub fn scrolled(caption: &str, table: Markup) -> Markup {
    html! { div class="scroll" tabindex="0" role="region" aria-label={ (caption) ", as a table" } { (table) } }
}
