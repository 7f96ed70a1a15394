//! The process: bind, serve beside the framework, stop when told.

use std::error::Error;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use crate::environment::Environment;
use crate::proto::benchmark_server::{Benchmark, BenchmarkServer};
use crate::worker::Worker;
use crate::{Rpc, Service, describe, proto};

/// Bytes of a message, both ways.
const MESSAGE_LIMIT: usize = 8 << 20;

type Failure = Box<dyn Error + Send + Sync>;

/// [`Service::serve`] with something around the contract's implementation: tests wrap it to answer wrongly.
pub fn serve_with<B: Benchmark>(service: Service, wrap: impl FnOnce(Rpc) -> B) -> ExitCode {
    let (environment, listener) = match start() {
        Ok(started) => started,
        Err(line) => {
            eprintln!("{line}");
            return ExitCode::from(2);
        }
    };
    let (sender, commands) = mpsc::channel();
    let description = describe::describe(&service, environment.threads);
    let collected = Arc::new(Notify::new());
    let contract = wrap(Rpc::new(sender, description, environment.payloads, collected.clone()));
    let mut worker = Worker::new(service.tasks);
    let server = thread::spawn(move || listen(listener, contract, environment.exit_after_trial, &collected));
    worker.run(&commands);
    let result = server.join();
    // The launcher may have removed the folder already; then there is nothing left to remove.
    let _ = fs::remove_file(&environment.socket);
    match result {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("the server stopped: {error}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn start() -> Result<(Environment, UnixListener), String> {
    let environment = Environment::read()?;
    let socket = &environment.socket;
    let listener = bind(socket).map_err(|error| format!("cannot bind {}: {error}", socket.display()))?;
    Ok((environment, listener))
}

/// Binds a socket that every user may connect to; whoever owns the folder decides who reaches it.
fn bind(socket: &Path) -> io::Result<UnixListener> {
    // A socket outlives a killed process. Anything else at that path is not ours to remove.
    if fs::symlink_metadata(socket).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(socket)?;
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The gRPC side, on a thread and runtime of its own. When it returns, the last sender of commands is gone, and with it
/// the main thread's loop.
fn listen<B: Benchmark>(
    listener: UnixListener,
    contract: B,
    exit_after_trial: Option<Duration>,
    collected: &Notify,
) -> Result<(), Failure> {
    let started = Instant::now();
    // With timers, which calls with a deadline need.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let benchmark = BenchmarkServer::new(contract)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT);
        let name = BenchmarkServer::<B>::NAME;
        let health = HealthReporter::new();
        for watched in ["", name] {
            health.set_service_status(watched, ServingStatus::Serving).await;
        }
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let told_to_stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = trial_over(started, exit_after_trial, collected) => {}
            }
            end_watches(health.clone(), name).await;
        };
        Server::builder()
            .add_service(benchmark)
            .add_service(tonic_health::pb::health_server::HealthServer::new(
                HealthService::from_health_reporter(health.clone()),
            ))
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .serve_with_incoming_shutdown(UnixListenerStream::new(listener), told_to_stop)
            .await?;
        Ok(())
    })
}

/// Ends when a trial's outputs are sent and the process is as old as it must be; never where it is to stay.
async fn trial_over(started: Instant, exit_after_trial: Option<Duration>, collected: &Notify) {
    match exit_after_trial {
        Some(least_age) => {
            collected.notified().await;
            sleep_until(started + least_age).await;
        }
        None => std::future::pending().await,
    }
}

/// A server that is told to stop lets calls under way finish; health watches, which never finish, are ended here by
/// forgetting what they watch.
async fn end_watches(mut health: HealthReporter, name: &str) {
    for watched in ["", name] {
        health.clear_service_status(watched).await;
    }
}
