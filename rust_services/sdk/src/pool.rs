//! The pool of threads that rayon shares work out to.

use rayon::ThreadPoolBuilder;

/// Starts rayon's pool with so many threads, and says how many it has. Set by call, so that the launcher's number holds
/// whatever else is in its environment. The calling thread, which is the one that jobs run on, is one of the pool's:
/// beside a pool it would wait, and each iteration change threads, which on one CPU costs more than small work itself.
#[must_use]
pub fn start_rayon(threads: usize) -> usize {
    if let Err(error) = ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
    {
        eprintln!("rayon keeps its own number of threads: {error}");
    }
    rayon::current_num_threads()
}
