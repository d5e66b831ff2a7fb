//! Arguments by position get their parameters' names; a macro's call becomes that of a component.

use std::borrow::Borrow;
use std::ops::Range;

use super::super::scan::{keyword, skip_spaces, split};
use super::{Rewriter, Signature, around_call};
use crate::diagnostic::did_you_mean;

/// What `ref` takes by name alone: the version.
const BY_NAME_OF_REF: &[&str] = &["v", "version"];

impl Rewriter<'_> {
    /// Rewrites the arguments of a function or filter. What is `strict` takes no other names than these.
    pub(super) fn keywords(
        &mut self,
        function: &str,
        arguments: Range<usize>,
        parameters: &[&str],
        strict: bool,
    ) {
        let parts = split(self.source, arguments.clone());
        let mut copied = arguments.start;
        for (index, part) in parts.iter().enumerate() {
            if let Some((name, value)) = keyword(self.source, part) {
                let written = &self.source[name.clone()];
                let known =
                    parameters.contains(&written) || function == "ref" && BY_NAME_OF_REF.contains(&written);
                if strict && !known {
                    self.no_such_argument(function, name, parameters);
                }
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
        signature: &Signature,
    ) -> usize {
        let parameters = &signature.parameters;
        let (opens, closes) = around_call(signature);
        let (at, behind) = (before.end, arguments.end + 1);
        self.copy(before);
        self.insert(&format!("{opens}<{name}"), at);
        let mut said = Vec::new();
        for (index, part) in split(self.source, arguments).into_iter().enumerate() {
            let start = skip_spaces(self.source.as_bytes(), part.start);
            let (parameter, value) = match (keyword(self.source, &part), parameters.get(index)) {
                (Some((parameter, value)), _) => {
                    let known: Vec<&str> = parameters.iter().map(String::as_str).collect();
                    if !known.contains(&&self.source[parameter.clone()]) {
                        self.no_such_argument(name, parameter.clone(), &known);
                    }
                    (&self.source[parameter], value)
                }
                (None, Some(parameter)) => (parameter.as_str(), start),
                (None, None) => {
                    self.too_many(name, start..part.end, parameters);
                    continue;
                }
            };
            said.push(parameter);
            self.insert(&format!(" {parameter}={{"), start);
            self.expression(value..part.end);
            // To tera the end of two maps would be the end of the tag.
            let ends_a_map = self.source[..part.end].trim_end().ends_with('}');
            self.insert(if ends_a_map { " }" } else { "}" }, part.end);
        }
        let unsaid = signature.unsaid(|name| said.contains(&name));
        self.insert(&format!("{unsaid} />{closes}"), at);
        behind
    }

    fn too_many(&mut self, function: &str, span: Range<usize>, parameters: &[impl Borrow<str>]) {
        let message = match parameters {
            [] => format!("`{function}` takes its arguments by name only"),
            names => format!("`{function}` takes {} by position: {}", names.len(), names.join(", ")),
        };
        self.problem(span, message, "write it as `name=value`");
    }

    fn no_such_argument(&mut self, function: &str, name: Range<usize>, parameters: &[&str]) {
        let written = &self.source[name.clone()];
        let message = format!("`{function}` takes no `{written}`");
        let hint = match written {
            _ if parameters.is_empty() => "it takes nothing".to_owned(),
            _ => did_you_mean(written, parameters.iter().copied())
                .unwrap_or_else(|| format!("it takes {}", parameters.join(", "))),
        };
        self.problem(name, message, hint);
    }
}
