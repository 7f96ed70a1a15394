"""Names of readings, defined once: keys of `Turn.readings` and `Phase.readings`."""

from enum import StrEnum


class Name(StrEnum):
    """What is read. The unit is in the name of counters; levels and peaks are bytes."""

    # Counters: at an edge since the service's start, of a turn the difference.
    CPU = "cpu_ns"
    USER = "user_us"
    SYSTEM = "system_us"
    THROTTLED_PERIODS = "throttled_periods"
    THROTTLED = "throttled_us"
    FAULTS = "page_faults"
    MAJOR_FAULTS = "major_faults"
    IO_READ = "io_read_bytes"
    IO_WRITE = "io_write_bytes"
    IO_READS = "io_reads"
    IO_WRITES = "io_writes"
    # Time that some task waited (PSI).
    CPU_PRESSURE = "cpu_pressure_us"
    MEMORY_PRESSURE = "memory_pressure_us"
    IO_PRESSURE = "io_pressure_us"
    OOM_KILLS = "oom_kills"
    # Times that a fork was refused for the limit of tasks.
    TASKS_REFUSED = "tasks_refused"

    # Levels: of a turn, where it ended.
    CHARGED = "memory_charged"
    ANONYMOUS = "memory_anonymous"
    # Page cache without shmem: where the payload's pages show.
    FILE = "memory_file"
    TASKS_PEAK = "tasks_peak"
    FROZEN = "frozen"

    # The kernel's high-water mark of what is charged, since its last reset.
    MARK = "memory_mark"

    # Only of a turn.
    PEAK_CHARGED = "memory_peak_charged"
    PEAK_ANONYMOUS = "memory_peak_anonymous"
    # Where the mark could not be reset and did not rise: the peak may be as high as this.
    PEAK_BOUND = "memory_peak_bound"
    SAMPLER_CPU = "sampler_cpu_ns"
    SAMPLER_SAMPLES = "sampler_samples"
    SAMPLER_MISSED = "sampler_missed"
    SAMPLER_GAP = "sampler_gap_ns"


COUNTERS = (
    Name.CPU,
    Name.USER,
    Name.SYSTEM,
    Name.THROTTLED_PERIODS,
    Name.THROTTLED,
    Name.FAULTS,
    Name.MAJOR_FAULTS,
    Name.IO_READ,
    Name.IO_WRITE,
    Name.IO_READS,
    Name.IO_WRITES,
    Name.CPU_PRESSURE,
    Name.MEMORY_PRESSURE,
    Name.IO_PRESSURE,
    Name.OOM_KILLS,
    Name.TASKS_REFUSED,
)
LEVELS = (Name.CHARGED, Name.ANONYMOUS, Name.FILE, Name.TASKS_PEAK, Name.FROZEN)
EDGE = (*COUNTERS, *LEVELS, Name.MARK)
