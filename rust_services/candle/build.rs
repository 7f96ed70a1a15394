//! What this build computes on, for Describe, and with the feature `cuda` where its libraries lie at run time.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CUDA_RPATH");
    println!("cargo::rerun-if-env-changed=CUDA_COMPUTE_CAP");
    let cuda = env::var_os("CARGO_FEATURE_CUDA").is_some();
    println!(
        "cargo::rustc-env=CANDLE_BUILD={}",
        if cuda { cuda_build() } else { "cpu".to_owned() }
    );
    // Not for libcuda, which belongs to the host's driver and must not be found elsewhere.
    if cuda && let Ok(folder) = env::var("CUDA_RPATH") {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{folder}");
    }
}

/// As candle's kernels read the variable: 80 is compute capability 8.0; without it they ask the building host's GPU.
fn cuda_build() -> String {
    match env::var("CUDA_COMPUTE_CAP").unwrap_or_default().split_at_checked(1) {
        Some((major, minor)) if !minor.is_empty() => format!("cuda, compute capability {major}.{minor}"),
        _ => "cuda, compute capability of the host that built it".to_owned(),
    }
}
