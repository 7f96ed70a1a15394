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
    # Time that its threads were ready and had no CPU, where there is no pressure: of the process runtime.
    CPU_WAIT = "cpu_wait_us"
    OOM_KILLS = "oom_kills"
    # Times that a fork was refused for the limit of tasks.
    TASKS_REFUSED = "tasks_refused"

    # Levels: of a turn, where it ended.
    CHARGED = "memory_charged"
    ANONYMOUS = "memory_anonymous"
    # Page cache without shmem: where the payload's pages show.
    FILE = "memory_file"
    # Of prepare alone: what the file pages grew by since import.
    PAYLOAD_PAGES = "memory_payload_pages"
    TASKS_PEAK = "tasks_peak"
    FROZEN = "frozen"

    # Of the machine. Counters: CPU time and steal of the measured CPU set and of all other CPUs, over all processes.
    SET_BUSY = "set_busy_ns"
    SET_STEAL = "set_steal_ns"
    OTHERS_BUSY = "others_busy_ns"
    OTHERS_STEAL = "others_steal_ns"
    HOST_CPU_PRESSURE = "host_cpu_pressure_us"
    # Times that a core of the set was slowed down for its heat.
    CORE_THROTTLES = "core_throttles"
    # Levels: how many CPUs the others are, and the clock of the set's first.
    OTHER_CPUS = "other_cpus"
    FREQUENCY = "set_frequency_hz"

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
    # Time that the orchestrator's own threads were ready and had no CPU.
    OWN_WAIT = "orchestrator_wait_us"


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
    Name.CPU_WAIT,
    Name.OOM_KILLS,
    Name.TASKS_REFUSED,
)
LEVELS = (Name.CHARGED, Name.ANONYMOUS, Name.FILE, Name.TASKS_PEAK, Name.FROZEN)
# What a service's meter reads.
EDGE = (*COUNTERS, *LEVELS, Name.MARK)
HOST_COUNTERS = (
    Name.SET_BUSY,
    Name.SET_STEAL,
    Name.OTHERS_BUSY,
    Name.OTHERS_STEAL,
    Name.HOST_CPU_PRESSURE,
    Name.CORE_THROTTLES,
)
HOST_LEVELS = (Name.OTHER_CPUS, Name.FREQUENCY)
# What the machine's meter reads, just inside of thaw and freeze.
HOST_EDGE = (*HOST_COUNTERS, *HOST_LEVELS)
