//! candle's adapter: tasks in, jobs out.

mod bert;
mod descent;
mod device;
mod gpt2;
mod infer;
mod networks;
mod sgd;
mod train;
mod weights;

#[cfg(feature = "barrier-pool")]
use candle_core::utils::barrier_pool;
use candle_core::utils::{get_num_threads, with_avx};
use mlfleet_sdk::{Error, Inputs, Origin, Service, locked_version, require, start_rayon};
use ndarray::ArrayD;

use networks::{LeNet, Mlp, SIDE};

/// candle and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    let kernels = device::kernels();
    let service = Service::new("candle", locked_version("candle-core"))
        .task("mlp.train", Origin::InRepo, kernels, train::train::<Mlp>)
        .task("lenet.train", Origin::InRepo, kernels, train::train::<LeNet>)
        .task("lenet.infer", Origin::InRepo, kernels, infer::infer::<LeNet>)
        .task("gd_regression.fit", Origin::InRepo, kernels, descent::fit)
        .task("bert.infer", Origin::Stock, kernels, bert::infer)
        .task("gpt2.generate", Origin::InRepo, kernels, gpt2::generate)
        .task("gpt2.perplexity", Origin::InRepo, kernels, gpt2::perplexity)
        .task("gpt2.prefill", Origin::InRepo, kernels, gpt2::prefill)
        .task("gpt2.decode", Origin::InRepo, kernels, gpt2::decode)
        .fact("build", device::BUILD)
        .fact("gemm", locked_version("gemm"))
        .fact("avx2", if with_avx() { "used" } else { "absent" })
        .fact(
            "pooling",
            "in this crate: the gradient of candle's own max_pool2d is wrong",
        )
        .pool("rayon", locked_version("rayon-core"), start_rayon)
        // Read by candle itself, out of RAYON_NUM_THREADS and CANDLE_NUM_THREADS: no call sets them.
        .pool("gemm", locked_version("gemm"), |_| get_num_threads());
    #[cfg(feature = "barrier-pool")]
    let service = service.pool("elementwise", locked_version("candle-core"), |_| {
        barrier_pool().n_workers() + 1
    });
    let gpus = (0..device::gpus()).map(|number| format!("cuda:{number}"));
    gpus.fold(service, |service, gpu| {
        if gpu == "cuda:0" {
            service.device("cuda").device(gpu)
        } else {
            service.device(gpu)
        }
    })
}

/// Takes images, f32 (n, 1, 28, 28) with n of at least 1.
fn images(inputs: &mut Inputs, name: &str) -> Result<ArrayD<f32>, Error> {
    let images = inputs.f32(name, 4)?;
    let fits = matches!(images.shape(), [rows, 1, SIDE, SIDE] if *rows >= 1);
    require(fits, || {
        format!(
            "{name} has shape {:?}; awaited [1 or more, 1, {SIDE}, {SIDE}]",
            images.shape()
        )
    })?;
    Ok(images)
}

/// Takes token ids, i64 (rows, t): in the vocabulary, and no longer than the model has positions.
fn token_ids(inputs: &mut Inputs, name: &str, vocabulary: usize, positions: usize) -> Result<ArrayD<i64>, Error> {
    let ids = inputs.i64_2d(name)?;
    let (rows, tokens) = ids.dim();
    require(rows >= 1 && tokens >= 1, || {
        format!("{name} is empty: {rows} rows of {tokens} tokens")
    })?;
    require(tokens <= positions, || {
        format!("{name} has {tokens} tokens a row; the model has {positions} positions")
    })?;
    below(name, ids.iter(), vocabulary)?;
    Ok(ids.into_dyn())
}

/// Refuses numbers outside 0 .. limit - 1.
fn below<'a>(name: &str, numbers: impl IntoIterator<Item = &'a i64>, limit: usize) -> Result<(), Error> {
    let fits = |number: i64| usize::try_from(number).is_ok_and(|number| number < limit);
    match numbers.into_iter().find(|&&number| !fits(number)) {
        None => Ok(()),
        Some(found) => Err(Error::params(format!("{name} has {found}; awaited 0 to {}", limit - 1))),
    }
}
