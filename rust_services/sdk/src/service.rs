//! A framework and its tasks.

use std::process::ExitCode;

use crate::{Error, Inputs, Job, Origin, Params, serve_with};

/// Builds a task's job out of its tensors and parameters.
pub type Build = Box<dyn Fn(&mut Inputs, &mut Params) -> Result<Box<dyn Job>, Error>>;

/// An algorithm and one operation, and how its job is built.
pub struct Task {
    /// `<algorithm>.<operation>`, such as "kmeans.fit".
    pub name: &'static str,
    /// Whether the framework's own code does the work.
    pub origin: Origin,
    /// The kernel library that does the work.
    pub kernels: &'static str,
    /// Builds the job; runs on the main thread, as all of the framework's work.
    pub build: Build,
}

/// A pool of threads that a framework owns.
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) start: fn(usize) -> usize,
}

/// One framework behind the interface: its identity and its tasks.
pub struct Service {
    pub(crate) framework: &'static str,
    pub(crate) version: String,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) pools: Vec<Pool>,
    pub(crate) devices: Vec<String>,
    /// The tasks, open to those who wrap them.
    pub tasks: Vec<Task>,
}

impl Service {
    /// A service without tasks; `framework` as the framework calls itself, `version` the one that is linked.
    #[must_use]
    pub fn new(framework: &'static str, version: impl Into<String>) -> Self {
        Self {
            framework,
            version: version.into(),
            facts: Vec::new(),
            pools: Vec::new(),
            devices: vec!["cpu".to_owned()],
            tasks: Vec::new(),
        }
    }

    /// Adds a task, whose function takes each tensor and parameter once by a typed getter.
    #[must_use]
    pub fn task<J: Job + 'static>(
        mut self,
        name: &'static str,
        origin: Origin,
        kernels: &'static str,
        build: impl Fn(&mut Inputs, &mut Params) -> Result<J, Error> + 'static,
    ) -> Self {
        self.tasks.push(Task {
            name,
            origin,
            kernels,
            build: Box::new(move |inputs, params| Ok(Box::new(build(inputs, params)?))),
        });
        self
    }

    /// Adds a fact about the build for the reader of a report: a library below, and its version.
    #[must_use]
    pub fn fact(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// Adds a device that this process can compute on beside the CPU: "cuda", "cuda:1".
    #[must_use]
    pub fn device(mut self, device: impl Into<String>) -> Self {
        let device = device.into();
        if !self.devices.contains(&device) {
            self.devices.push(device);
        }
        self
    }

    /// Adds a thread pool. `start` gets the number of threads asked for, starts the pool before anything is served, and
    /// returns the number that the pool itself reports.
    #[must_use]
    pub fn pool(mut self, name: &'static str, version: impl Into<String>, start: fn(usize) -> usize) -> Self {
        self.pools.push(Pool {
            name,
            version: version.into(),
            start,
        });
        self
    }

    /// Serves until SIGTERM or SIGINT. Exit status: 0 when told to stop, 2 on a wrong environment, 1 on another failure.
    #[must_use]
    pub fn serve(self) -> ExitCode {
        serve_with(self, |rpc| rpc)
    }
}
