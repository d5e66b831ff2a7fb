//! What there is to do, what has to wait for what, and how long each may take.

use std::collections::HashMap;

use crate::manifest::NodeId;
use crate::run::Begun;
use crate::run::plan::needed;
use crate::run::task::Task;
use crate::run::unchanged::Judge;

pub(super) fn tasks(run: &Begun) -> Vec<Task> {
    let builds = run.plan.build.iter().copied().map(Task::Build);
    builds.chain(run.plan.tests.iter().copied().map(Task::Test)).collect()
}

/// A test waits for what it reads; what comes after its home waits for it, unless it only warns.
pub(super) fn edges(run: &Begun, tasks: &[Task]) -> Vec<(usize, usize)> {
    let position: HashMap<NodeId, usize> = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| match task {
            Task::Build(id) => Some((*id, index)),
            Task::Test(_) => None,
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
        if !test.judged.warns_only {
            gates.entry(test.home).or_default().push(index);
        }
    }
    for (index, task) in tasks.iter().enumerate() {
        let Task::Build(id) = task else { continue };
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
        Task::Test(_) => 1,
    };
    tasks.iter().map(|task| u64::try_from(cost(task)).unwrap_or(1).max(1)).collect()
}
