//! Compiles the contract without protoc, and notes how this binary was built, for Describe.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use prost::Message;

const PROTO_ROOT: &str = "../../proto";
const CONTRACT: &str = "mlfleet/v1/benchmark.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO_ROOT}/{CONTRACT}");
    println!("cargo::rerun-if-changed=../Cargo.lock");
    let descriptors = protox::compile([CONTRACT], [PROTO_ROOT])?;
    fs::write(
        Path::new(&env::var("OUT_DIR")?).join("benchmark.descriptors"),
        descriptors.encode_to_vec(),
    )?;
    tonic_prost_build::configure()
        .build_client(false)
        .compile_fds(descriptors)?;

    let rustc = Command::new(env::var("RUSTC")?).arg("--version").output()?;
    println!(
        "cargo::rustc-env=MLFLEET_RUSTC={}",
        String::from_utf8(rustc.stdout)?.trim()
    );
    for (fact, variable) in [
        ("MLFLEET_PROFILE", "PROFILE"),
        ("MLFLEET_OPT_LEVEL", "OPT_LEVEL"),
        ("MLFLEET_TARGET", "TARGET"),
        ("MLFLEET_TARGET_FEATURES", "CARGO_CFG_TARGET_FEATURE"),
    ] {
        println!("cargo::rustc-env={fact}={}", env::var(variable)?);
    }
    // They tell of a target-cpu, which the features alone would not name. Cargo separates them by U+001F.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags = if flags.is_empty() {
        "none".to_owned()
    } else {
        flags.replace('\u{1f}', " ")
    };
    println!("cargo::rustc-env=MLFLEET_RUSTFLAGS={flags}");
    Ok(())
}
