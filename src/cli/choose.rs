//! From `--select` and its kin to what a command is about.

use std::path::Path;

use super::args::{IndirectSelection, Resource, Selection, Work};
use super::{Context, Stop};
use crate::artifacts::{former, former_relations};
use crate::manifest::Manifest;
use crate::manifest::select::{Chosen, Former, Indirect, NamedSelectors, Query, ResourceType, choose};
use crate::name::Relation;
use crate::project::{self, Project};
use crate::run::Defer;

impl Context {
    pub fn choose(
        &self,
        project: &Project,
        manifest: &Manifest,
        written: &Selection,
    ) -> Result<Chosen, Stop> {
        let indirect = match written.indirect_selection {
            IndirectSelection::Eager => Indirect::Eager,
            IndirectSelection::Cautious => Indirect::Cautious,
            IndirectSelection::Buildable => Indirect::Buildable,
            IndirectSelection::Empty => Indirect::Empty,
        };
        self.choose_with(project, manifest, written, indirect)
    }

    /// The same, where the command itself says how tests come along.
    pub fn choose_with(
        &self,
        project: &Project,
        manifest: &Manifest,
        written: &Selection,
        indirect: Indirect,
    ) -> Result<Chosen, Stop> {
        let selectors = match &project.selectors_file {
            Some(file) => Some(NamedSelectors::read(file).map_err(Stop::Problems)?),
            None => None,
        };
        let former = match &written.state {
            Some(folder) => Some(self.former(project, folder)?),
            None => None,
        };
        let types = |written: &[Resource]| -> Vec<ResourceType> {
            written.iter().flat_map(|one| one.types().iter().copied()).collect()
        };
        let query = Query {
            select: &written.select,
            exclude: &written.exclude,
            selector: written.selector.as_deref(),
            selectors: selectors.as_ref(),
            indirect,
            resource_types: &types(&written.resource_type),
            exclude_resource_types: &types(&written.exclude_resource_type),
            former: former.as_ref(),
            library: Some(&project.library),
        };
        Ok(choose(manifest, &query)?)
    }

    /// Where to read what this target does not have: as typed, else as the profile says.
    pub fn defer(&self, project: &Project, manifest: &Manifest, work: &Work) -> Result<Option<Defer>, Stop> {
        let written = work.defer.defer.as_deref().or(project.target.defer.as_deref());
        let favor = work.defer.favor_state;
        let to = match written.filter(|_| !work.defer.no_defer) {
            None => return Ok(None),
            Some("") => return self.defer_to_state(manifest, work).map(Some),
            Some(name) => name,
        };
        let other = project::target(&project.root, &self.setting, to).map_err(Stop::Problems)?;
        if other.url != project.target.url {
            return Err(Stop::Error {
                message: format!("target `{to}` is another database than `{}`", project.target.name),
                hint: Some("what is deferred to must stand in the same database".into()),
            });
        }
        let there = |id| {
            let node = manifest.node(id);
            Relation::new(other.schema(node.layer).clone(), node.name.clone())
        };
        let built = manifest.ids().filter(|id| manifest.node(*id).is_built());
        Ok(Some(Defer { to: to.to_owned(), relations: built.map(|id| (id, there(id))).collect(), favor }))
    }

    fn defer_to_state(&self, manifest: &Manifest, work: &Work) -> Result<Defer, Stop> {
        let Some(folder) = &work.selection.state else {
            return Err(Stop::Error {
                message: "--defer says to defer, but not to what".into(),
                hint: Some(
                    "name a target, --defer prod, or the folder of a manifest.json with --state".into(),
                ),
            });
        };
        let former = former_relations(folder).map_err(|error| Stop::error(error.to_string()))?;
        let key = |id| Former::key(&manifest.unique_id(id), &manifest.project);
        let built = manifest.ids().filter(|id| manifest.node(*id).is_built());
        let there = built.filter_map(|id| Some((id, former.get(&key(id))?.clone())));
        Ok(Defer {
            to: folder.display().to_string(),
            relations: there.collect(),
            favor: work.defer.favor_state,
        })
    }

    fn former(&self, project: &Project, folder: &Path) -> Result<Former, Stop> {
        former(folder, &self.target_path(project)).map_err(|error| Stop::Error {
            message: error.to_string(),
            hint: Some("`elt compile` writes one: keep its target folder, and name it with --state".into()),
        })
    }
}
