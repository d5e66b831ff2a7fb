//! Rules, the CSV files of a project, become nodes.

use super::read::Reader;
use super::{Body, Hooks, Node, endpoints};
use crate::diagnostic::Location;
use crate::project::{Config, Layer, Materialization};

impl Reader<'_> {
    pub(super) fn rules(&mut self) {
        for rule in &self.project.rules {
            let properties = self.properties.get(rule.name.as_str()).copied();
            let config = match properties {
                Some(own) => self.config(&own.config, &own.config_place),
                None => Config::default(),
            };
            self.add(&rule.name, Location::start_of(&rule.file), Vec::new(), |name| Node {
                name,
                layer: Layer::Stage,
                domain: String::new(),
                file: rule.file.clone(),
                materialization: Materialization::Seed,
                config,
                words: properties.map(|own| own.config.clone()).unwrap_or_default(),
                yaml_words: properties.map(|own| own.config.clone()).unwrap_or_default(),
                description: properties.map(|own| own.description.clone()).unwrap_or_default(),
                described_in: properties.map(|own| own.place.file.clone()),
                columns: properties.map(|own| own.columns.clone()).unwrap_or_default(),
                endpoint: endpoints::of(properties),
                constraints: Vec::new(),
                hooks: Hooks::default(),
                body: Body::Rule(rule.clone()),
                parents: Vec::new(),
            });
        }
    }
}
