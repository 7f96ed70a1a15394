//! The main thread: the framework's only one. gRPC hands it commands and waits for the replies.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::clock::now_ns;
use crate::payload::Payload;
use crate::proto::{PrepareResponse, Sample, Setup};
use crate::{Error, Job, Params, Task, digest, job};

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(crate) enum Command {
    /// Drops the job, before the payload of the next one arrives.
    Forget(Reply<()>),
    Prepare(Box<Setup>, Payload, i64, Reply<PrepareResponse>),
    Measure(Vec<u64>, Reply<Vec<Sample>>),
    /// The outputs as one safetensors file.
    Collect(Reply<Vec<u8>>),
}

/// What the last panic said and where, for the message of the call that it ended. A panic may start on a thread of the
/// framework's pool, so this is no thread-local.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

pub(crate) struct Worker {
    tasks: Vec<Task>,
    job: Option<Box<dyn Job>>,
    measured: bool,
}

impl Worker {
    pub(crate) fn new(tasks: Vec<Task>) -> Self {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
            report(panic);
        }));
        Self {
            tasks,
            job: None,
            measured: false,
        }
    }

    /// Serves commands until the gRPC side is gone.
    pub(crate) fn run(&mut self, commands: &Receiver<Command>) {
        for command in commands {
            // A caller that has left needs no reply: the failed send is ignored.
            match command {
                Command::Forget(reply) => {
                    self.forget();
                    let _ = reply.send(Ok(()));
                }
                Command::Prepare(setup, payload, received_ns, reply) => {
                    let _ = reply.send(self.guarded(|worker| worker.prepare(*setup, payload, received_ns)));
                }
                Command::Measure(iterations, reply) => {
                    let _ = reply.send(self.measure(&iterations));
                }
                Command::Collect(reply) => {
                    let _ = reply.send(self.collect());
                }
            }
        }
    }

    fn forget(&mut self) {
        self.job = None;
        self.measured = false;
    }

    fn prepare(&mut self, mut setup: Setup, payload: Payload, received_ns: i64) -> Result<PrepareResponse, Error> {
        let payload_sha256 = payload.verify(&setup)?;
        let mut inputs = payload.decode()?;
        drop(payload);
        let tensors_sha256 = digest::tensors_sha256(inputs.tensors())?;
        let verified_ns = now_ns();
        let mut params = Params::from_wire(std::mem::take(&mut setup.params), setup.seed)?;
        let task = self.tasks.iter().find(|task| task.name == setup.task);
        let task = task.ok_or_else(|| Error::unsupported(format!("no task {}", setup.task)))?;
        let job = (task.build)(&mut inputs, &mut params)?;
        inputs.finish()?;
        params.finish()?;
        self.job = Some(job);
        Ok(PrepareResponse {
            payload_sha256,
            tensors_sha256,
            received_ns,
            verified_ns,
            ready_ns: now_ns(),
        })
    }

    fn measure(&mut self, iterations: &[u64]) -> Result<Vec<Sample>, Error> {
        let mut job = self.job.take().ok_or_else(|| Error::order("Measure before Prepare"))?;
        self.measured = false;
        let samples = self.guarded(|_| job::run(&mut *job, iterations))?;
        self.job = Some(job);
        self.measured = true;
        Ok(samples)
    }

    fn collect(&mut self) -> Result<Vec<u8>, Error> {
        if !self.measured {
            return Err(Error::order("Collect before Measure"));
        }
        self.guarded(|worker| match &mut worker.job {
            Some(job) => job.outputs()?.serialize(),
            None => Err(Error::order("Collect before Prepare")),
        })
    }

    /// Runs the framework's code; a failure or panic leaves no job behind, and the service alive.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let result = catch_unwind(AssertUnwindSafe(|| work(self))).unwrap_or_else(|_| {
            let said = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(Error::bug(
                said.unwrap_or_else(|| "a panic without a message".to_owned()),
            ))
        });
        if result.is_err() {
            self.forget();
        }
        result
    }
}
