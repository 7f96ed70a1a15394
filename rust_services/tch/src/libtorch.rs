//! Which libtorch this process runs, read off the library that is loaded, and its threads.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mlfleet_sdk::sha256;

const HASHED_BYTES: u64 = 1 << 20;

/// First of all: libtorch takes the number between operators only before its first work.
pub(crate) fn limit_interop_threads() {
    tch::set_num_interop_threads(1);
}

/// Between operators, as libtorch reports them.
pub(crate) fn interop_threads(_: usize) -> usize {
    count(tch::get_num_interop_threads())
}

/// Sets the threads of an operator; gives their number as libtorch reports it.
pub(crate) fn limit_intraop_threads(threads: usize) -> usize {
    tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    count(tch::get_num_threads())
}

fn count(threads: i32) -> usize {
    usize::try_from(threads).unwrap_or(0)
}

/// A loaded libtorch, and what its build says of itself.
pub(crate) struct Libtorch {
    /// Of `libtorch_cpu.so`.
    library: PathBuf,
    /// Of version.py, which torch's wheel has beside the libraries: `git_version`, `cuda`, ...
    says: BTreeMap<String, String>,
    evidence: String,
}

impl Libtorch {
    /// The one that this process has mapped. The whole of it is half a gigabyte; size and first MiB, which holds its table
    /// of symbols, tell builds apart.
    pub(crate) fn loaded() -> io::Result<Self> {
        let maps = fs::read_to_string("/proc/self/maps")?;
        let library = maps
            .lines()
            .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
            .find(|path| path.ends_with("libtorch_cpu.so"))
            .ok_or(io::ErrorKind::NotFound)?
            .to_owned();
        // torch/version.py beside torch/lib/.
        let version = fs::read_to_string(library.with_file_name("..").join("version.py"))?;
        let mut first = Vec::new();
        let mut file = File::open(&library)?;
        let bytes = file.metadata()?.len();
        file.by_ref().take(HASHED_BYTES).read_to_end(&mut first)?;
        Ok(Self {
            library,
            says: version.lines().filter_map(assigned).collect(),
            evidence: format!("{bytes} bytes, sha256 of the first MiB {}", sha256(&first)),
        })
    }

    /// Of the release, without the local part that names its CUDA: "2.11.0".
    pub(crate) fn release(&self) -> &str {
        let version = self.said("__version__");
        version.split_once('+').map_or(version, |(release, _)| release)
    }

    /// The library of that name beside the one that is loaded.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.library.with_file_name(name)
    }

    pub(crate) fn facts(&self) -> [(&'static str, String); 4] {
        [
            ("libtorch", self.said("__version__").to_owned()),
            ("libtorch_git", self.said("git_version").to_owned()),
            ("libtorch_cuda", self.said("cuda").to_owned()),
            ("libtorch_cpu.so", self.evidence.clone()),
        ]
    }

    fn said(&self, name: &str) -> &str {
        self.says.get(name).map_or("not said", String::as_str)
    }
}

/// Name and value of a line such as `cuda: Optional[str] = '13.0'`.
fn assigned(line: &str) -> Option<(String, String)> {
    let (target, value) = line.split_once(" = ")?;
    let name = target.split_once(':').map_or(target, |(name, _)| name);
    Some((name.to_owned(), value.trim_matches('\'').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaded_library_says_which_one_it_is() {
        let libtorch = Libtorch::loaded().unwrap();
        assert!(libtorch.release().starts_with("2.11."));
        assert!(libtorch.facts().iter().all(|(_, value)| value != "not said"));
        assert!(libtorch.beside("libc10.so").is_file());
    }

    #[test]
    fn a_version_is_read_with_and_without_its_type() {
        let read = |line| assigned(line).unwrap();
        assert_eq!(
            read("cuda: Optional[str] = '13.0'"),
            ("cuda".to_owned(), "13.0".to_owned())
        );
        assert_eq!(read("debug = False"), ("debug".to_owned(), "False".to_owned()));
    }
}
