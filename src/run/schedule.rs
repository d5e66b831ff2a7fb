//! The order of work: what is ready, what is most urgent, what must not happen any more. Pure.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Tasks are numbers; each waits for others.
#[derive(Debug)]
pub struct Schedule {
    waits: Vec<usize>,
    unlocks: Vec<Vec<usize>>,
    /// Length of the longest way from a task to an end, itself included.
    urgency: Vec<u64>,
    state: Vec<State>,
    ready: BinaryHeap<(u64, Reverse<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
    Skipped,
}

impl Schedule {
    /// `costs[i]` is what task `i` is expected to take; `edges` are (before, after). The edges must make no
    /// circle.
    pub fn new(costs: &[u64], edges: &[(usize, usize)]) -> Self {
        let mut waits = vec![0; costs.len()];
        let mut unlocks = vec![Vec::new(); costs.len()];
        for (before, after) in edges {
            waits[*after] += 1;
            unlocks[*before].push(*after);
        }
        let urgency = urgency(costs, &waits, &unlocks);
        let ready = (0..costs.len()).filter(|task| waits[*task] == 0);
        let ready = ready.map(|task| (urgency[task], Reverse(task))).collect();
        let state = vec![State::Open; costs.len()];
        Self { waits, unlocks, urgency, state, ready }
    }

    /// The most urgent task that waits for nothing.
    pub fn next(&mut self) -> Option<usize> {
        while let Some((_, Reverse(task))) = self.ready.pop() {
            if self.state[task] == State::Open {
                return Some(task);
            }
        }
        None
    }

    /// Only a success unlocks what waits.
    pub fn succeeded(&mut self, task: usize) {
        self.state[task] = State::Done;
        for next in std::mem::take(&mut self.unlocks[task]) {
            self.waits[next] -= 1;
            if self.waits[next] == 0 {
                self.ready.push((self.urgency[next], Reverse(next)));
            }
        }
    }

    /// A failure takes with it all that waits for it; these are returned, each once.
    pub fn failed(&mut self, task: usize) -> Vec<usize> {
        self.state[task] = State::Done;
        let mut skipped = Vec::new();
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            for next in self.unlocks[task].clone() {
                if self.state[next] == State::Open {
                    self.state[next] = State::Skipped;
                    skipped.push(next);
                    open.push(next);
                }
            }
        }
        skipped.sort_unstable();
        skipped
    }

    /// Everything that has not begun is skipped.
    pub fn abandon(&mut self, running: &[usize]) -> Vec<usize> {
        self.ready.clear();
        let open =
            (0..self.state.len()).filter(|task| self.state[*task] == State::Open && !running.contains(task));
        let skipped: Vec<usize> = open.collect();
        for task in &skipped {
            self.state[*task] = State::Skipped;
        }
        skipped
    }
}

fn urgency(costs: &[u64], waits: &[usize], unlocks: &[Vec<usize>]) -> Vec<u64> {
    let mut waits = waits.to_vec();
    let mut order: Vec<usize> = (0..costs.len()).filter(|task| waits[*task] == 0).collect();
    let mut at = 0;
    while let Some(task) = order.get(at).copied() {
        at += 1;
        for next in &unlocks[task] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                order.push(*next);
            }
        }
    }
    let mut urgency = costs.to_vec();
    for task in order.iter().rev() {
        let longest = unlocks[*task].iter().map(|next| urgency[*next]).max().unwrap_or(0);
        urgency[*task] = costs[*task] + longest;
    }
    urgency
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_goes_first_and_success_unlocks() {
        // 0 -> 2 -> 3, 1 alone and dear; 0's way costs more.
        let mut schedule = Schedule::new(&[1, 5, 5, 1], &[(0, 2), (2, 3)]);
        assert_eq!((schedule.next(), schedule.next(), schedule.next()), (Some(0), Some(1), None));
        schedule.succeeded(0);
        assert_eq!(schedule.next(), Some(2));
        schedule.succeeded(2);
        assert_eq!(schedule.next(), Some(3));
    }

    #[test]
    fn a_failure_skips_all_that_waits_for_it_and_nothing_else() {
        let mut schedule = Schedule::new(&[1; 5], &[(0, 1), (1, 2), (3, 4), (0, 4)]);
        assert_eq!(schedule.next(), Some(0));
        assert_eq!(schedule.failed(0), [1, 2, 4]);
        assert_eq!(schedule.next(), Some(3));
        schedule.succeeded(3);
        assert_eq!(schedule.next(), None);
    }
}
