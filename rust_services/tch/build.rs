//! Links the libtorch that torch-sys was built against, and no more of it than the CPU needs: `libtorch_cuda` costs
//! 236 MB of memory by being loaded, and is opened at run time where the device is a GPU.

use std::env;
use std::error::Error;
use std::fs::canonicalize;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    // Told by torch-sys, to those that depend on it directly.
    let libraries = canonicalize(env::var("DEP_TCH_LIBTORCH_LIB")?)?;
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    println!("cargo::rustc-env=LIBTORCH_LIBRARIES={}", libraries.display());
    Ok(())
}
