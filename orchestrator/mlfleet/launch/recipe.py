"""The container recipe, one table: create arguments and the comparison with inspect are both derived from its rows.

compose.yaml gives an image its name and limits; nothing else of it reaches a measured container.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.sockets import NAME
from mlfleet.launch.variables import variables

VERSION = "1"
LABEL = "dev.mlfleet.recipe"
USER = "65532:65532"
TMPFS = "rw,{},nosuid,nodev,size=256m,mode=1777"
SHM_BYTES = 256 << 20
PIDS = 512
SOCKETS = "/run/mlfleet"
PAYLOADS = "/payload"
CACHE = "/jit"

# A part of docker's JSON; its shape is docker's.
Json = Any
Agrees = Callable[[Json, Json], bool]


def _equal(awaited: Json, found: Json) -> bool:
    """Equal, or both nothing: docker says null, "", 0, [] or {} for what was not asked for."""
    return bool(awaited == found) or (not awaited and not found)


def _contains(awaited: Json, found: Json) -> bool:
    """The image adds labels of its own."""
    return dict(awaited).items() <= dict(found or {}).items()


def _variables(awaited: Json, found: Json) -> bool:
    """Ours, and of the image's own at most PATH."""
    return set(awaited) <= set(found) and {v.partition("=")[0] for v in set(found) - set(awaited)} <= {"PATH"}


def _mounts(awaited: Json, found: Json) -> bool:
    """Exactly these, by type, source, target and writability."""
    return sorted((m["Type"], m["Source"], m["Target"], not m["ReadOnly"]) for m in awaited) == sorted(
        (m["Type"], m.get("Source"), m["Destination"], m["RW"]) for m in found or []
    )


def _limits(awaited: Json, found: Json) -> bool:
    """The same limits in any order."""
    return sorted(awaited, key=str) == sorted(found or [], key=str)


@dataclass(frozen=True)
class Row:
    """One row: where it stands in the create request and in inspect, and what must stand there."""

    name: str
    # "HostConfig.PidsLimit" or "Config.User": the latter is top level in the request.
    place: str
    value: Json
    agrees: Agrees = _equal
    # Where inspect shows it elsewhere.
    shown: str | None = None

    def found(self, inspected: Mapping[str, Json]) -> Json:
        """What inspect shows; None where it shows nothing."""
        value: Json = inspected
        for part in (self.shown or self.place).split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


def rows(spec: LaunchSpec, nodes: str) -> tuple[Row, ...]:
    """The whole recipe of one launch; `nodes` are the memory nodes of its CPUs, "" where the kernel has none."""
    return (*_identity(spec), *_privileges(), *_files(spec), *_limits_of(spec, nodes), *_life())


def _identity(spec: LaunchSpec) -> Iterable[Row]:
    chosen = variables(spec, socket=f"{SOCKETS}/{NAME}", payloads=PAYLOADS, home="/tmp", cache=CACHE)  # noqa: S108
    yield Row("image", "Config.Image", spec.image_id, shown="Image")
    yield Row("labels", "Config.Labels", {**spec.labels, LABEL: VERSION}, _contains)
    yield Row("variables", "Config.Env", [f"{name}={value}" for name, value in sorted(chosen.items())], _variables)


def _privileges() -> Iterable[Row]:
    yield Row("user", "Config.User", USER)
    yield Row("privileged", "HostConfig.Privileged", value=False)
    yield Row("cap_drop", "HostConfig.CapDrop", ["ALL"])
    yield Row("cap_add", "HostConfig.CapAdd", [])
    # Nothing else here means the default seccomp filter and the default LSM profile.
    yield Row("security_opt", "HostConfig.SecurityOpt", ["no-new-privileges:true"])
    yield Row("group_add", "HostConfig.GroupAdd", [])
    yield Row("network_mode", "HostConfig.NetworkMode", "none")
    yield Row("ports", "HostConfig.PortBindings", {})
    yield Row("publish_all", "HostConfig.PublishAllPorts", value=False)
    yield Row("pid", "HostConfig.PidMode", "")
    yield Row("ipc", "HostConfig.IpcMode", "private")
    yield Row("uts", "HostConfig.UTSMode", "")
    yield Row("userns", "HostConfig.UsernsMode", "")
    yield Row("devices", "HostConfig.Devices", [])
    yield Row("device_cgroup_rules", "HostConfig.DeviceCgroupRules", [])
    # A parent outlives the trial and needs root to delete.
    yield Row("cgroup_parent", "HostConfig.CgroupParent", "")
    yield Row("sysctls", "HostConfig.Sysctls", {})


def _files(spec: LaunchSpec) -> Iterable[Row]:
    mounts = [_bind(spec.socket_folder, SOCKETS, read_only=False)]
    if spec.payload is not None:
        mounts.append(_bind(spec.payload, f"{PAYLOADS}/{spec.payload.name}", read_only=True))
    yield Row("mounts", "HostConfig.Mounts", mounts, _mounts, shown="Mounts")
    yield Row("binds", "HostConfig.Binds", [])
    yield Row("volumes_from", "HostConfig.VolumesFrom", [])
    yield Row("read_only", "HostConfig.ReadonlyRootfs", value=True)
    tmpfs = {"/tmp": TMPFS.format("noexec"), CACHE: TMPFS.format("exec")}  # noqa: S108
    yield Row("tmpfs", "HostConfig.Tmpfs", tmpfs)


def _limits_of(spec: LaunchSpec, nodes: str) -> Iterable[Row]:
    environment = spec.environment
    yield Row("mem_limit", "HostConfig.Memory", environment.memory_bytes)
    # Without it the engine allows as much swap again.
    yield Row("memswap_limit", "HostConfig.MemorySwap", environment.memory_bytes)
    yield Row("oom_kill_disable", "HostConfig.OomKillDisable", value=False)
    yield Row("shm_size", "HostConfig.ShmSize", SHM_BYTES)
    yield Row("pids_limit", "HostConfig.PidsLimit", PIDS)
    ulimits = [{"Name": "core", "Soft": 0, "Hard": 0}, {"Name": "nofile", "Soft": 4096, "Hard": 4096}]
    yield Row("ulimits", "HostConfig.Ulimits", ulimits, _limits)
    yield Row("cpuset_cpus", "HostConfig.CpusetCpus", ",".join(map(str, environment.cpus)))
    yield Row("cpuset_mems", "HostConfig.CpusetMems", nodes)
    yield Row("nano_cpus", "HostConfig.NanoCpus", 0)
    yield Row("cpu_quota", "HostConfig.CpuQuota", 0)
    yield Row("cpu_shares", "HostConfig.CpuShares", 0)
    gpu = {"Driver": "", "DeviceIDs": [environment.gpu], "Capabilities": [["gpu"]], "Count": 0, "Options": {}}
    yield Row("device_requests", "HostConfig.DeviceRequests", [gpu] if environment.gpu is not None else [])


def _life() -> Iterable[Row]:
    # Without init PID 1 ignores SIGTERM, and an abort does not end it.
    yield Row("init", "HostConfig.Init", value=True)
    yield Row("restart", "HostConfig.RestartPolicy", {"Name": "no", "MaximumRetryCount": 0})
    # The evidence of how it ended would go with it.
    yield Row("auto_remove", "HostConfig.AutoRemove", value=False)
    # A probe costs CPU time, and fails while frozen.
    yield Row("healthcheck", "Config.Healthcheck", {"Test": ["NONE"]})
    log = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}
    yield Row("log_config", "HostConfig.LogConfig", log)


def _bind(source: Path, target: str, *, read_only: bool) -> Json:
    # A mount of type bind is an error where the source is missing; docker would make a root-owned folder of -v.
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only}


# What only a launcher can give: images by id, its own labels and closed list of variables, one payload, memory nodes,
# an end that stays. Every other row holds for containers that compose starts, too.
LAUNCHER_ONLY = frozenset({"image", "labels", "variables", "mounts", "binds", "cpuset_mems", "restart"})


def shared(table: Iterable[Row]) -> tuple[Row, ...]:
    """The rows that hold for compose's containers."""
    return tuple(row for row in table if row.name not in LAUNCHER_ONLY)


def create_body(table: Iterable[Row]) -> dict[str, Json]:
    """The JSON of docker's create request."""
    host: dict[str, Json] = {}
    body: dict[str, Json] = {"HostConfig": host}
    for row in table:
        section, _, key = row.place.partition(".")
        (host if section == "HostConfig" else body)[key] = copy.deepcopy(row.value)
    return body


def differences(table: Iterable[Row], inspected: Mapping[str, Json]) -> list[str]:
    """Every row that inspect shows otherwise, and networks beyond none, as `name: found ..., awaited ...`."""
    found = [
        f"{row.name}: found {row.found(inspected)!r}, awaited {row.value!r}"
        for row in table
        if not row.agrees(row.value, row.found(inspected))
    ]
    networks = sorted((inspected.get("NetworkSettings") or {}).get("Networks") or {})
    return found if networks == ["none"] else [*found, f"networks: found {networks!r}, awaited ['none']"]


# They differ between containers by design; all other rows are equal for every framework of a block.
_OWN_ROWS = ("image", "labels")


def recorded(table: Iterable[Row], inspected: Mapping[str, Json]) -> dict[str, str]:
    """The rows as read back, for the record: JSON texts, mounts without their path on this host."""
    found = {row.name: row.found(inspected) for row in table if row.name not in _OWN_ROWS}
    found["mounts"] = sorted([m["Destination"], m["RW"]] for m in found["mounts"])
    return {name: json.dumps(value, sort_keys=True) for name, value in found.items()}


STATUS: Mapping[str, int] = {"CapEff": 0, "NoNewPrivs": 1, "Seccomp": 2}


def status_differences(status: str) -> list[str]:
    """The lines of /proc/<pid>/status that are not as a confined process has them."""
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return [
        f"/proc/<pid>/status {name}: found {fields.get(name)!r}, awaited {awaited}"
        for name, awaited in STATUS.items()
        if name not in fields or int(fields[name], 16) != awaited
    ]


def memory_nodes(cpus: Iterable[int], nodes: Path = Path("/sys/devices/system/node")) -> str:
    """The NUMA nodes that the CPUs belong to, as docker takes them; "" on a kernel without nodes."""
    wanted = set(cpus)
    own = {
        int(folder.name.removeprefix("node"))
        for folder in nodes.glob("node[0-9]*")
        if wanted & _cpu_list((folder / "cpulist").read_text())
    }
    return ",".join(map(str, sorted(own)))


def _cpu_list(text: str) -> set[int]:
    """The CPUs of a kernel list such as 0-3,8."""
    parts = [part.partition("-") for part in text.strip().split(",") if part]
    return {cpu for low, _, high in parts for cpu in range(int(low), int(high or low) + 1)}
