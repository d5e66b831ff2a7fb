//! A pipeline whose runs end when and how a test says.

use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::pipeline::{
    Answer, Begun, Figures, NodeRecord, NodeStatus, Pipeline, PlannedNode, Refused, RunRecord, RunStatus,
    Step, Steps,
};

#[derive(Default)]
pub struct FakePipeline {
    inner: std::sync::Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    runs: Vec<RunRecord>,
    /// Ends the run that is under way.
    end: Option<oneshot::Sender<()>>,
    /// Runs wait for [`FakePipeline::end`].
    holds: bool,
    /// Of the run that is under way.
    steps: Option<watch::Sender<Vec<Step>>>,
    fails: bool,
    mood: Mood,
}

#[derive(Default, Clone, Copy, PartialEq)]
pub enum Mood {
    #[default]
    Well,
    /// Refuses, with inside words.
    Broken,
    Panics,
}

impl FakePipeline {
    pub fn hold(&self) {
        self.inner.lock().unwrap().holds = true;
    }

    pub fn end(&self) {
        if let Some(end) = self.inner.lock().unwrap().end.take() {
            end.send(()).unwrap();
        }
    }

    pub fn fail(&self) {
        self.inner.lock().unwrap().fails = true;
    }

    pub fn be(&self, mood: Mood) {
        self.inner.lock().unwrap().mood = mood;
    }

    /// The run under way takes a step.
    pub fn step(&self, step: Step) {
        self.inner.lock().unwrap().steps.as_ref().unwrap().send_modify(|steps| steps.push(step));
    }

    fn mood(&self) -> Mood {
        self.inner.lock().unwrap().mood
    }
}

fn inside_words() -> String {
    "select 1 from prod.secret on /tmp/socket".to_owned()
}

impl Pipeline for FakePipeline {
    fn begin(&self, _: Option<String>) -> Answer<Result<Begun, Refused>> {
        if self.mood() == Mood::Broken {
            return Box::pin(async { Err(Refused::Failed(inside_words())) });
        }
        let mut inner = self.inner.lock().unwrap();
        if let Some(busy) = inner.runs.iter().find(|run| run.status == RunStatus::Running) {
            let refused = Refused::Busy { id: busy.id, since: busy.started_at };
            return Box::pin(async move { Err(refused) });
        }
        let id = inner.runs.len() as i64 + 1;
        let (end, ended) = oneshot::channel();
        inner.steps = Some(watch::channel(Vec::new()).0);
        if inner.holds {
            inner.end = Some(end)
        } else {
            end.send(()).unwrap()
        }
        inner.runs.push(RunRecord {
            id,
            target: "dev".into(),
            status: RunStatus::Running,
            started_at: Timestamp::now(),
            finished_at: None,
            failed_step: None,
            error: None,
            excerpt: None,
            nodes: Vec::new(),
            doing: Vec::new(),
            log: Vec::new(),
        });
        drop(inner);
        let shared = self.inner.clone();
        Box::pin(async move {
            // On its own, as a real run: it ends whether or not somebody waits.
            let run = tokio::spawn(async move {
                let _ = ended.await;
                let mut inner = shared.lock().unwrap();
                let fails = inner.fails;
                let run = &mut inner.runs[id as usize - 1];
                run.finished_at = Some(Timestamp::now());
                run.status = if fails { RunStatus::Failed } else { RunStatus::Succeeded };
                run.failed_step = fails.then(|| "stage segments".to_owned());
                run.error = fails.then(|| "column \"x\" does not exist".to_owned());
                run.nodes = vec![NodeRecord {
                    node: "segments".into(),
                    kind: "table".into(),
                    status: if fails { NodeStatus::Failed } else { NodeStatus::Built },
                    started_at: None,
                    rows: Some(8),
                    duration_ms: 12,
                    message: None,
                    excerpt: None,
                }];
                let run = run.clone();
                inner.steps = None;
                run
            });
            Ok(Begun { id, finished: Box::pin(async move { run.await.unwrap() }) })
        })
    }

    fn runs(&self, limit: i64) -> Answer<Result<Vec<RunRecord>, String>> {
        match self.mood() {
            Mood::Well => {}
            Mood::Broken => return Box::pin(async { Err(inside_words()) }),
            Mood::Panics => panic!("{}", inside_words()),
        }
        let runs = self.inner.lock().unwrap().runs.iter().rev().take(limit as usize).cloned().collect();
        Box::pin(async move { Ok(runs) })
    }

    fn run(&self, id: i64) -> Answer<Result<Option<RunRecord>, String>> {
        let mood = self.mood();
        let run = self.inner.lock().unwrap().runs.iter().find(|run| run.id == id).cloned();
        Box::pin(async move {
            match mood {
                Mood::Well => Ok(run),
                Mood::Broken => Err(inside_words()),
                Mood::Panics => panic!("{}", inside_words()),
            }
        })
    }

    fn plan(&self, _: i64) -> Answer<Result<Vec<PlannedNode>, String>> {
        let node = |node: &str, parents| PlannedNode { node: node.into(), kind: "table".into(), parents };
        Box::pin(async move { Ok(vec![node("segments", vec![]), node("quality", vec![0])]) })
    }

    fn steps(&self, _: i64) -> Option<Steps> {
        self.inner.lock().unwrap().steps.as_ref().map(watch::Sender::subscribe)
    }

    fn watch(&self, _: i64) -> Steps {
        watch::channel(Vec::new()).1
    }

    fn figures(&self) -> Answer<Result<Figures, String>> {
        Box::pin(async { Ok(Figures::default()) })
    }
}
