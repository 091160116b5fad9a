//! Fitting several models on the same rows, with one pass over them for all
//! that have a question. Each solver runs in a thread of its own and waits
//! while the rows are read, so that argmin's solvers serve as they are.

use super::pass::{Answer, LANES, Pass, Question};
use super::{LogisticError, LogisticRegression, LogisticRegressionValidParams, Problem};
use crate::matrix::Rows;
use ndarray::Array1;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// One of the models.
#[derive(Clone, Debug)]
pub struct Job {
    /// How it is fitted.
    pub params: LogisticRegressionValidParams,
    /// What each row counts; zero leaves it out.
    pub weights: Array1<f32>,
}

/// Weights to be judged, and their intercept.
type Asked = (Vec<f32>, f64);

/// The thread's ends of a solver's two channels.
struct Solver {
    asks: Receiver<Asked>,
    answers: SyncSender<io::Result<Answer>>,
}

/// Fits the jobs, at most [`LANES`] of them at a time, and says so when one is
/// done. Each gives what it would give alone.
pub fn fit(
    rows: &Rows,
    targets: &Array1<f32>,
    jobs: &[Job],
    done: &dyn Fn(),
) -> Vec<Result<LogisticRegression, LogisticError>> {
    let columns = match rows.used_columns() {
        Ok(columns) => columns,
        Err(error) => return jobs.iter().map(|_| Err(again(&error).into())).collect(),
    };
    jobs.chunks(LANES).flat_map(|jobs| fit_lanes(rows, &columns, targets, jobs, done)).collect()
}

fn fit_lanes(
    rows: &Rows,
    columns: &[u32],
    targets: &Array1<f32>,
    jobs: &[Job],
    done: &dyn Fn(),
) -> Vec<Result<LogisticRegression, LogisticError>> {
    thread::scope(|scope| {
        let started: Vec<_> = jobs
            .iter()
            .map(|job| {
                let (ask, asks) = sync_channel::<Asked>(1);
                let (answers, answered) = sync_channel(1);
                let run = move || {
                    let problem = Problem::new(&job.params, rows, columns, targets, &job.weights)?;
                    problem.solve(None, |weights, intercept| {
                        // Whoever answers outlives the solver, or has panicked.
                        ask.send((weights, intercept))?;
                        let answer: io::Result<Answer> = answered.recv()?;
                        Ok(answer?)
                    })
                };
                (scope.spawn(run), Solver { asks, answers })
            })
            .collect();
        let (threads, solvers): (Vec<_>, Vec<_>) = started.into_iter().unzip();
        answer(rows, columns, targets, solvers.into_iter().zip(jobs).collect(), done);
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// Answers solvers until all have ended.
fn answer(
    rows: &Rows,
    columns: &[u32],
    targets: &Array1<f32>,
    mut live: Vec<(Solver, &Job)>,
    done: &dyn Fn(),
) {
    let mut pass = Pass::new(rows, columns);
    loop {
        let mut questions = Vec::with_capacity(live.len());
        // A solver either asks or hangs up.
        live.retain(|(solver, job)| {
            let Ok((weights, intercept)) = solver.asks.recv() else {
                done();
                return false;
            };
            questions.push(Question { weights, intercept, targets, row_weights: &job.weights });
            true
        });
        if live.is_empty() {
            return;
        }
        let answers = match pass.run(&questions) {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => live.iter().map(|_| Err(again(&error))).collect::<Vec<_>>(),
        };
        for ((solver, _), answer) in live.iter().zip(answers) {
            // One that has hung up is found out above.
            let _ = solver.answers.send(answer);
        }
    }
}

/// The same error, for all whom it concerns.
fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
