//! From `--select` and its kin to what a command is about.

use std::path::Path;

use super::args::{self, IndirectSelection, Resource, Selection};
use super::{Context, Stop};
use crate::artifacts::{former, former_relations};
use crate::manifest::select::{Chosen, Former, Indirect, NamedSelectors, Query, ResourceType, choose};
use crate::manifest::{Manifest, compile};
use crate::project::{Project, Setting};
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

    /// Where to read what this target does not have: as typed, else as the profile says. `state` is the folder
    /// of an earlier manifest.
    pub fn defer(
        &self,
        project: &Project,
        manifest: &Manifest,
        typed: &args::Defer,
        state: Option<&Path>,
    ) -> Result<Option<Defer>, Stop> {
        let written = typed.defer.as_deref().or(project.target.defer.as_deref());
        let favor = typed.favor_state;
        let to = match written.filter(|_| !typed.no_defer) {
            None => return Ok(None),
            Some("") => return defer_to_state(manifest, state, favor).map(Some),
            Some(name) => name,
        };
        let setting = Setting { target: Some(to.to_owned()), ..self.setting.clone() };
        let (other, _) = Project::read(&project.root, &setting).map_err(Stop::Problems)?;
        if other.target.url != project.target.url {
            let message = format!("target `{to}` is another database than `{}`", project.target.name);
            return Err(
                Stop::error("defer", message).hint("what is deferred to must stand in the same database")
            );
        }
        // Schemas and aliases may go by the target. What is wrong with the project for that one is not asked here.
        let (other, _) = compile(&other);
        let there = |id| Some((id, other.published(other.find(manifest.node(id).model_name())?)));
        let built = manifest.ids().filter(|id| manifest.node(*id).is_built());
        Ok(Some(Defer { to: to.to_owned(), relations: built.filter_map(there).collect(), favor }))
    }

    fn former(&self, project: &Project, folder: &Path) -> Result<Former, Stop> {
        former(folder, &self.target_path(project)).map_err(|error| {
            Stop::error("state", error.to_string())
                .hint("`elt compile` writes one: keep its target folder, and name it with --state")
        })
    }
}

fn defer_to_state(manifest: &Manifest, folder: Option<&Path>, favor: bool) -> Result<Defer, Stop> {
    let Some(folder) = folder else {
        return Err(Stop::error("defer", "--defer says to defer, but not to what")
            .hint("name a target, --defer prod, or the folder of a manifest.json with --state"));
    };
    let former = former_relations(folder).map_err(|error| Stop::error("state", error.to_string()))?;
    let built = manifest.ids().filter(|id| manifest.node(*id).is_built());
    let key = |id| Former::key(&manifest.unique_id(id), &manifest.project);
    let there = built.filter_map(|id| Some((id, former.get(&key(id))?.clone())));
    Ok(Defer { to: folder.display().to_string(), relations: there.collect(), favor })
}
