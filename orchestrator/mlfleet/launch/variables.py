"""The variables of a service: a closed list, set alike for every framework and by both runtimes."""

from collections.abc import Mapping

from mlfleet.launch.base import LaunchSpec

# Pools of threads, each set to the environment's count; a CPU quota is never used.
THREADS = (
    "MLFLEET_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "CANDLE_NUM_THREADS",
    "MATMUL_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
FIXED: Mapping[str, str] = {
    "OMP_DYNAMIC": "false",
    "MKL_DYNAMIC": "false",
    "OMP_MAX_ACTIVE_LEVELS": "1",
    "TOKIO_WORKER_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "HF_HUB_OFFLINE": "1",
    "USER": "mlfleet",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
}
# Compiler and library caches; all go to one folder from which code may be executed.
CACHES = ("XDG_CACHE_HOME", "HF_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH")
NVIDIA: Mapping[str, str] = {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}


def variables(spec: LaunchSpec, *, socket: str, payloads: str, home: str, cache: str) -> dict[str, str]:
    """All variables of one launch but PATH; the four paths are as the service sees them."""
    environment = spec.environment
    chosen = {
        **dict.fromkeys(THREADS, str(environment.threads)),
        **FIXED,
        **dict.fromkeys(CACHES, cache),
        "TOKENIZERS_PARALLELISM": "true" if environment.threads > 1 else "false",
        "HOME": home,
        "MLFLEET_SOCKET": socket,
        "MLFLEET_PAYLOADS": payloads,
        "MLFLEET_DEVICE": environment.visible_device,
    }
    if environment.gpu is not None:
        chosen |= NVIDIA
    if spec.fault is not None:
        chosen["MLFLEET_FAULT"] = spec.fault
    return chosen
