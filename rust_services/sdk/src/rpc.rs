//! The contract on the wire: receives, checks, hands over to the main thread, answers.

use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::{Notify, oneshot};
use tokio_stream::Iter;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::now_ns;
use crate::payload::Payload;
use crate::proto::benchmark_server::Benchmark;
use crate::proto::{
    Closing, CollectRequest, CollectResponse, DescribeRequest, DescribeResponse, MeasureRequest, MeasureResponse,
    PrepareRequest, PrepareResponse, Setup, Transport, collect_response, prepare_request,
};
use crate::worker::{Command, Reply};
use crate::{Error, describe, device, digest, job, require};

/// Bytes of a chunk of outputs, by the contract.
const CHUNK: usize = 1 << 20;

/// The contract's implementation. Public so that a test can wrap it, see [`crate::serve_with`].
pub struct Rpc {
    commands: Sender<Command>,
    description: DescribeResponse,
    payloads: PathBuf,
    /// Told when the outputs of a trial were sent whole.
    collected: Arc<Notify>,
}

impl Rpc {
    pub(crate) fn new(
        commands: Sender<Command>,
        description: DescribeResponse,
        payloads: PathBuf,
        collected: Arc<Notify>,
    ) -> Self {
        Self {
            commands,
            description,
            payloads,
            collected,
        }
    }

    /// Sends a command to the main thread and waits for its reply.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Status> {
        let gone = || Status::unavailable("the service is stopping");
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())??)
    }

    fn check(&self, setup: &Setup) -> Result<(), Error> {
        let tasks = &self.description.tasks;
        if !tasks.iter().any(|task| task.name == setup.task) {
            let known: Vec<_> = tasks.iter().map(|task| task.name.as_str()).collect();
            let (found, known) = (&setup.task, known.join(", "));
            return Err(Error::unsupported(format!(
                "no task {found:?}; this service has: {known}"
            )));
        }
        let devices = &self.description.devices;
        if !devices.contains(&setup.device) {
            let (found, known) = (&setup.device, devices.join(", "));
            return Err(Error::params(format!(
                "device {found:?} is not here; this service computes on: {known}"
            )));
        }
        let own = device();
        require(setup.device == own, || {
            let found = &setup.device;
            format!("device {found:?} is not what this process was started for: {own}")
        })?;
        Ok(())
    }
}

/// The setup, which is the first message of Prepare.
async fn first(requests: &mut Streaming<PrepareRequest>) -> Result<Setup, Status> {
    match requests.message().await?.and_then(|request| request.part) {
        Some(prepare_request::Part::Setup(setup)) => Ok(setup),
        _ => Err(Error::params("Prepare did not start with its setup").into()),
    }
}

/// A streamed payload; what goes beyond the declared size is not kept.
async fn receive(requests: &mut Streaming<PrepareRequest>, setup: &Setup) -> Result<Payload, Status> {
    let mut bytes = Payload::reserve(setup)?;
    while let Some(request) = requests.message().await? {
        match request.part {
            Some(prepare_request::Part::Chunk(chunk)) => Payload::append(&mut bytes, &chunk, setup)?,
            _ => return Err(Error::params("a message of Prepare is no chunk; awaited chunks after the setup").into()),
        }
    }
    Ok(Payload::Streamed(bytes))
}

/// The messages of Collect: chunks, then the closing one. Asked for what follows it, the server has sent them all.
fn parts(file: Vec<u8>, collected: Arc<Notify>) -> Parts {
    let closing = collect_response::Part::Closing(Closing {
        bytes: file.len() as u64,
        sha256: digest::sha256(&file),
    });
    let chunks = (0..file.len()).step_by(CHUNK).map(move |start| {
        let end = file.len().min(start + CHUNK);
        collect_response::Part::Chunk(file[start..end].to_vec())
    });
    let end = iter::from_fn(move || {
        collected.notify_one();
        None
    });
    let messages = chunks.chain(iter::once(closing)).chain(end);
    Box::new(messages.map(|part| Ok(CollectResponse { part: Some(part) })))
}

type Parts = Box<dyn Iterator<Item = Result<CollectResponse, Status>> + Send>;

#[tonic::async_trait]
impl Benchmark for Rpc {
    type CollectStream = Iter<Parts>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Ok(Response::new(DescribeResponse {
            cpus: describe::cpus()?,
            ..self.description.clone()
        }))
    }

    async fn prepare(&self, request: Request<Streaming<PrepareRequest>>) -> Result<Response<PrepareResponse>, Status> {
        self.ask(Command::Forget).await?;
        let mut requests = request.into_inner();
        let setup = first(&mut requests).await?;
        self.check(&setup)?;
        let payload = match setup.transport() {
            Transport::Streamed => receive(&mut requests, &setup).await?,
            Transport::Mapped => Payload::map(&self.payloads, &setup)?,
            Transport::Unspecified => {
                return Err(Error::params("transport is unspecified; awaited mapped or streamed").into());
            }
        };
        let received_ns = now_ns();
        let prepare = |reply| Command::Prepare(Box::new(setup), payload, received_ns, reply);
        Ok(Response::new(self.ask(prepare).await?))
    }

    async fn measure(&self, request: Request<MeasureRequest>) -> Result<Response<MeasureResponse>, Status> {
        let iterations = request.into_inner().iterations;
        job::check_schedule(&iterations)?;
        let samples = self.ask(|reply| Command::Measure(iterations, reply)).await?;
        Ok(Response::new(MeasureResponse { samples }))
    }

    async fn collect(&self, _: Request<CollectRequest>) -> Result<Response<Self::CollectStream>, Status> {
        let file = self.ask(Command::Collect).await?;
        Ok(Response::new(tokio_stream::iter(parts(file, self.collected.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_travel_in_chunks_and_close_with_their_digest() {
        let file: Vec<u8> = (0..=u8::MAX).cycle().take(2 * CHUNK + 5).collect();
        let mut received = Vec::new();
        let mut closing = None;
        for message in parts(file.clone(), Arc::default()) {
            match message.unwrap().part.unwrap() {
                collect_response::Part::Chunk(chunk) => {
                    assert!(closing.is_none() && chunk.len() <= CHUNK);
                    received.extend(chunk);
                }
                collect_response::Part::Closing(last) => closing = Some(last),
            }
        }
        let closing = closing.unwrap();
        assert_eq!(received, file);
        assert_eq!(closing.bytes, file.len() as u64);
        assert_eq!(closing.sha256, digest::sha256(&file));
    }
}
