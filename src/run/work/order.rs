//! What there is to do, what has to wait for what, and how long each may take.

use std::collections::HashMap;

use crate::manifest::NodeId;
use crate::run::Begun;
use crate::run::plan::{made_of, needed};
use crate::run::task::Task;
use crate::run::unchanged::Judge;

pub(super) fn tasks(run: &Begun) -> Vec<Task> {
    let builds = run.plan.build.iter().copied().map(Task::Build);
    let tests = run.plan.tests.iter().copied().map(Task::Test);
    builds.chain(tests).chain(run.plan.unit_tests.iter().copied().map(Task::UnitTest)).collect()
}

/// A test waits for what it reads; what comes after its home waits for it, unless it only warns. A unit test
/// waits for what has the types of its inputs, and its model for it.
pub(super) fn edges(run: &Begun, tasks: &[Task]) -> Vec<(usize, usize)> {
    let position: HashMap<NodeId, usize> = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| match task {
            Task::Build(id) => Some((*id, index)),
            Task::Test(_) | Task::UnitTest(_) => None,
        })
        .collect();
    let mut gates: HashMap<NodeId, Vec<usize>> = HashMap::new();
    let mut edges = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let Task::Test(test) = task else { continue };
        let test = &run.manifest.tests[*test];
        let read = test.text.targets.iter().flat_map(|target| {
            if run.manifest.node(*target).is_built() { vec![*target] } else { needed(&run.manifest, *target) }
        });
        edges.extend(read.filter_map(|target| position.get(&target)).map(|before| (*before, index)));
        if let Some(home) = test.home.filter(|_| !test.judged.warns_only) {
            gates.entry(home).or_default().push(index);
        }
    }
    let mut units: HashMap<NodeId, Vec<usize>> = HashMap::new();
    for (index, task) in tasks.iter().enumerate() {
        let Task::UnitTest(test) = task else { continue };
        let test = &run.manifest.unit_tests[*test];
        units.entry(test.model).or_default().push(index);
        let inputs = run.manifest.unit_inputs(test).into_iter().filter(|id| *id != test.model);
        let read = inputs.chain(needed(&run.manifest, test.model));
        edges.extend(read.filter_map(|id| position.get(&id)).map(|before| (*before, index)));
    }
    for (index, task) in tasks.iter().enumerate() {
        let Task::Build(id) = task else { continue };
        let tested = made_of(&run.manifest, *id);
        edges.extend(tested.iter().filter_map(|id| units.get(id)).flatten().map(|test| (*test, index)));
        for parent in needed(&run.manifest, *id) {
            edges.extend(position.get(&parent).map(|before| (*before, index)));
            edges.extend(gates.get(&parent).into_iter().flatten().map(|gate| (*gate, index)));
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// What each task took last time, in milliseconds; 1 where nobody knows.
pub(super) fn costs(run: &Begun, judge: &Judge, tasks: &[Task]) -> Vec<u64> {
    let cost = |task: &Task| match task {
        Task::Build(id) => judge.last_duration(&run.manifest, *id).unwrap_or(1),
        Task::Test(_) | Task::UnitTest(_) => 1,
    };
    tasks.iter().map(|task| u64::try_from(cost(task)).unwrap_or(1).max(1)).collect()
}
