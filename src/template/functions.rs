//! The functions that templates call: `ref`, `source`, `var`, `config` and the like.

use serde_json::Value;
use tera::{Kwargs, State, Tera, TeraResult};

use super::state::{fail, has_returned, message, with_render};
use super::{Reference, answered, marks, values, version_reference};
use crate::diagnostic::did_you_mean;

/// A tera that knows dbt's functions.
pub fn engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&'static str>::new());
    tera.register_function("ref", |arguments: Kwargs, _: &State| {
        let name = arguments.must_get::<String>("name")?;
        let version = arguments.get::<tera::Value>("v")?.or(arguments.get::<tera::Value>("version")?);
        let versioned = |model: String| match &version {
            Some(version) => version_reference(&model, &version.to_string()),
            None => model,
        };
        match arguments.get::<String>("model")? {
            None => refer(Reference::Ref(versioned(name))),
            Some(model) => refer(Reference::Ref(of_package(&name, versioned(model))?)),
        }
    });
    tera.register_function("source", |arguments: Kwargs, _: &State| {
        refer(Reference::Source(arguments.must_get("source")?, arguments.must_get("name")?))
    });
    tera.register_function("this", |arguments: Kwargs, _: &State| match arguments.get::<&str>("part")? {
        None => refer(Reference::This),
        Some("schema") => Ok(with_render(|render| render.schema.clone())),
        Some("name" | "identifier" | "table") => Ok(with_render(|render| render.name.clone())),
        Some("database") => part_of_target("dbname"),
        Some(part) => fail(
            format!("`this` has no part `{part}`"),
            "`this.schema`, `this.name` and `this.database` are known",
        ),
    });
    tera.register_function("is_incremental", |_: Kwargs, _: &State| with_render(|render| render.incremental));
    tera.register_function("var", variable);
    tera.register_function("env_var", environment);
    tera.register_function("config", |arguments: Kwargs, _: &State| {
        for (key, value) in arguments.iter().filter(|_| !has_returned()) {
            let mut value =
                serde_json::to_value(value).map_err(|error| tera::Error::message(error.to_string()))?;
            with_render(|render| {
                name_references(&mut value, &render.out.references);
                render.out.config.insert(key.to_string(), value);
            });
        }
        Ok::<_, tera::Error>(String::new())
    });
    tera.register_function("literal", |arguments: Kwargs, _: &State| {
        Ok::<_, tera::Error>(crate::name::literal(&arguments.must_get::<tera::Value>("value")?.to_string()))
    });
    tera.register_function("target", |arguments: Kwargs, _: &State| {
        part_of_target(&arguments.must_get::<String>("part")?)
    });
    tera.register_function("elt_return", |arguments: Kwargs, _: &State| {
        let value = arguments.get::<tera::Value>("value")?.unwrap_or_else(tera::Value::none);
        Ok::<_, tera::Error>(with_render(|render| match render.returned {
            Some(_) => String::new(),
            None => {
                render.returned = Some(value);
                marks::RETURNED.to_string()
            }
        }))
    });
    tera.register_function("elt_returned", |arguments: Kwargs, _: &State| {
        let text = arguments.must_get::<tera::Value>("of")?;
        let returned = text.as_str().is_some_and(|text| text.contains(marks::RETURNED));
        let value = if returned { with_render(|render| render.returned.take()) } else { None };
        Ok::<_, tera::Error>(value.unwrap_or(text))
    });
    tera.register_filter("elt_render", |text: &str, _: Kwargs, _: &State| {
        let mut chars = text.chars();
        let index = chars.next().filter(|_| chars.next().is_none()).and_then(marks::index_of);
        with_render(|render| {
            let Some(known) = index.and_then(|index| render.out.references.get(index)).cloned() else {
                return Ok::<_, tera::Error>(text.to_owned());
            };
            render.out.references.push(known);
            let index = render.out.references.len() - 1;
            render.out.read_whole.push(index);
            Ok(marks::reference(index).to_string())
        })
    });
    tera.register_function("throw", |arguments: Kwargs, _: &State| {
        let message = arguments.must_get::<String>("message")?;
        if has_returned() { Ok(String::new()) } else { Err(tera::Error::message(message)) }
    });
    tera.register_function("elt_warn", |arguments: Kwargs, _: &State| {
        let message = arguments.must_get::<String>("message")?;
        if !has_returned() {
            with_render(|render| render.out.warnings.push(message));
        }
        Ok::<_, tera::Error>(String::new())
    });
    for (name, always_told) in [("print", true), ("log", false)] {
        tera.register_function(name, move |arguments: Kwargs, _: &State| {
            let told = always_told || arguments.get::<bool>("info")?.unwrap_or(false);
            message(arguments.must_get::<String>("msg")?, told);
            Ok::<_, tera::Error>(String::new())
        });
    }
    values::register(&mut tera);
    answered::register(&mut tera);
    tera
}

pub(super) fn part_of_target(part: &str) -> TeraResult<String> {
    let found = with_render(|render| match render.scope.target.get(part) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
        None if part == "schema" => Some(render.schema.clone()),
        None => None,
    });
    if let Some(text) = found {
        return Ok(text);
    }
    let known = with_render(|render| {
        let known = render.scope.target.keys().map(String::as_str).chain(["schema"]);
        did_you_mean(part, known.clone())
            .unwrap_or_else(|| format!("target knows: {}", known.collect::<Vec<_>>().join(", ")))
    });
    fail(format!("`target` has no part `{part}`"), &known)
}

/// A `ref` in a config is the name of what it refers to.
fn name_references(value: &mut Value, references: &[Reference]) {
    match value {
        Value::String(text) => {
            let mut chars = text.chars();
            let stand_in = chars.next().filter(|_| chars.next().is_none()).and_then(marks::index_of);
            if let Some(Reference::Ref(name)) = stand_in.and_then(|index| references.get(index)) {
                *text = name.clone();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name_references(item, references)),
        Value::Object(fields) => fields.values_mut().for_each(|field| name_references(field, references)),
        _ => {}
    }
}

/// `ref('package', 'model')`: the model, if it is the package's.
fn of_package(package: &str, model: String) -> TeraResult<String> {
    let fault = with_render(|render| {
        let packages = &render.scope.packages;
        match packages.get(package) {
            None => {
                let near = did_you_mean(package, packages.keys().map(String::as_str));
                Some((format!("there is no package `{package}`"), near))
            }
            Some(models) if !models.contains(&model) => {
                let near = did_you_mean(&model, models.iter().map(String::as_str));
                Some((format!("the package `{package}` has no model `{model}`"), near))
            }
            Some(_) => None,
        }
    });
    match fault {
        None => Ok(model),
        Some((message, near)) => fail(
            message,
            near.as_deref().unwrap_or("packages are named in packages.yml; `elt deps` brings them in"),
        ),
    }
}

fn refer(reference: Reference) -> TeraResult<String> {
    if has_returned() {
        return Ok(String::new());
    }
    let index = with_render(|render| {
        let known = render.out.references.iter().position(|known| *known == reference);
        known.unwrap_or_else(|| {
            render.out.references.push(reference);
            render.out.references.len() - 1
        })
    });
    if index >= marks::MAX_REFERENCES {
        return fail(
            format!("more than {} relations in one model", marks::MAX_REFERENCES),
            "split the model",
        );
    }
    Ok(marks::reference(index).to_string())
}

fn variable(arguments: Kwargs, _: &State) -> TeraResult<tera::Value> {
    let name = arguments.must_get::<String>("name")?;
    let found = with_render(|render| render.scope.vars.get(&name).map(tera::Value::from_serializable));
    if let Some(value) = found {
        return Ok(value);
    }
    if let Some(default) = arguments.get::<tera::Value>("default")? {
        return Ok(default);
    }
    if has_returned() {
        return Ok(tera::Value::none());
    }
    let near = with_render(|render| did_you_mean(&name, render.scope.vars.keys().map(String::as_str)));
    let hint = near.unwrap_or_else(|| {
        format!("set it in profiles.yml under `vars:`, by `--vars '{name}: …'`, or give a default: var('{name}', …)")
    });
    fail(format!("the variable `{name}` is not set"), &hint)
}

fn environment(arguments: Kwargs, _: &State) -> TeraResult<String> {
    let name = arguments.must_get::<String>("name")?;
    let found = with_render(|render| {
        let value = render.scope.env.get(&name).cloned();
        if value.is_some() {
            render.out.env_used.push(name.clone());
        }
        value
    });
    match found.or(arguments.get::<tera::Value>("default")?.map(|value| value.to_string())) {
        Some(value) => Ok(value),
        None if has_returned() => Ok(String::new()),
        None => fail(
            format!("the environment variable `{name}` is not set"),
            &format!("export {name}=…, or give a default: env_var('{name}', '…')"),
        ),
    }
}
