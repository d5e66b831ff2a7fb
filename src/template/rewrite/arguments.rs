//! Arguments by position get their parameters' names; a macro's call becomes that of a component.

use std::borrow::Borrow;
use std::ops::Range;

use super::super::scan::{keyword, skip_spaces, split};
use super::{Problem, Rewriter};

impl Rewriter<'_> {
    /// Rewrites the arguments of a function or filter.
    pub(super) fn keywords(&mut self, function: &str, arguments: Range<usize>, parameters: &[&str]) {
        let parts = split(self.source, arguments.clone());
        let mut copied = arguments.start;
        for (index, part) in parts.iter().enumerate() {
            if let Some((_, value)) = keyword(self.source, part) {
                self.copy(copied..value);
                self.expression(value..part.end);
            } else {
                let start = skip_spaces(self.source.as_bytes(), part.start);
                self.copy(copied..start);
                match parameters.get(index) {
                    Some(name) => self.insert(&format!("{name}="), start),
                    None => self.too_many(function, start..part.end, parameters),
                }
                self.expression(start..part.end);
            }
            copied = part.end;
        }
        self.copy(copied..arguments.end);
    }

    /// A macro's call behind what is copied `before` it: `cents('a', 4)` is `<cents column={"a"} scale={4} />`.
    /// Returns the place behind its closing bracket.
    pub(super) fn component(
        &mut self,
        name: &str,
        before: Range<usize>,
        arguments: Range<usize>,
        parameters: &[String],
    ) -> usize {
        let (at, behind) = (before.end, arguments.end + 1);
        self.copy(before);
        self.insert(&format!("<{name}"), at);
        for (index, part) in split(self.source, arguments).into_iter().enumerate() {
            let start = skip_spaces(self.source.as_bytes(), part.start);
            let (parameter, value) = match (keyword(self.source, &part), parameters.get(index)) {
                (Some((parameter, value)), _) => (&self.source[parameter], value),
                (None, Some(parameter)) => (parameter.as_str(), start),
                (None, None) => {
                    self.too_many(name, start..part.end, parameters);
                    continue;
                }
            };
            self.insert(&format!(" {parameter}={{"), start);
            self.expression(value..part.end);
            self.insert("}", part.end);
        }
        self.insert(" />", at);
        behind
    }

    fn too_many(&mut self, function: &str, span: Range<usize>, parameters: &[impl Borrow<str>]) {
        let message = match parameters {
            [] => format!("`{function}` takes its arguments by name only"),
            names => format!("`{function}` takes {} by position: {}", names.len(), names.join(", ")),
        };
        let hint = "write it as `name=value`".to_owned();
        self.out.problems.push(Problem { span, message, hint, called: None });
    }
}
