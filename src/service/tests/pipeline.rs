//! A pipeline whose runs end when and how a test says.

use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::pipeline::{Answer, Begun, NodeRecord, NodeStatus, Pipeline, Refused, RunRecord, RunStatus};

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

    fn mood(&self) -> Mood {
        self.inner.lock().unwrap().mood
    }
}

fn inside_words() -> String {
    "select 1 from prod.secret on /tmp/socket".to_owned()
}

impl Pipeline for FakePipeline {
    fn begin(&self) -> Answer<Result<Begun, Refused>> {
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
            nodes: Vec::new(),
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
                }];
                run.clone()
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
}
