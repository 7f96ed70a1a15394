from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_STOCK: _ClassVar[Origin]
    ORIGIN_IN_REPO: _ClassVar[Origin]

class Transport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSPORT_UNSPECIFIED: _ClassVar[Transport]
    TRANSPORT_MAPPED: _ClassVar[Transport]
    TRANSPORT_STREAMED: _ClassVar[Transport]
ORIGIN_UNSPECIFIED: Origin
ORIGIN_STOCK: Origin
ORIGIN_IN_REPO: Origin
TRANSPORT_UNSPECIFIED: Transport
TRANSPORT_MAPPED: Transport
TRANSPORT_STREAMED: Transport

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("framework", "version", "language", "protocol", "devices", "build", "thread_pools", "boot_id", "tasks", "cpus")
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    THREAD_POOLS_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    framework: str
    version: str
    language: str
    protocol: int
    devices: _containers.RepeatedScalarFieldContainer[str]
    build: Build
    thread_pools: _containers.RepeatedCompositeFieldContainer[ThreadPool]
    boot_id: str
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    cpus: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, framework: _Optional[str] = ..., version: _Optional[str] = ..., language: _Optional[str] = ..., protocol: _Optional[int] = ..., devices: _Optional[_Iterable[str]] = ..., build: _Optional[_Union[Build, _Mapping]] = ..., thread_pools: _Optional[_Iterable[_Union[ThreadPool, _Mapping]]] = ..., boot_id: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., cpus: _Optional[_Iterable[int]] = ...) -> None: ...

class Build(_message.Message):
    __slots__ = ("optimised", "debug_assertions", "facts")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OPTIMISED_FIELD_NUMBER: _ClassVar[int]
    DEBUG_ASSERTIONS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    optimised: bool
    debug_assertions: bool
    facts: _containers.ScalarMap[str, str]
    def __init__(self, optimised: bool = ..., debug_assertions: bool = ..., facts: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ThreadPool(_message.Message):
    __slots__ = ("pool", "library", "version", "asked", "effective")
    POOL_FIELD_NUMBER: _ClassVar[int]
    LIBRARY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ASKED_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    pool: str
    library: str
    version: str
    asked: int
    effective: int
    def __init__(self, pool: _Optional[str] = ..., library: _Optional[str] = ..., version: _Optional[str] = ..., asked: _Optional[int] = ..., effective: _Optional[int] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("name", "origin", "kernels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    KERNELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    origin: Origin
    kernels: str
    def __init__(self, name: _Optional[str] = ..., origin: _Optional[_Union[Origin, str]] = ..., kernels: _Optional[str] = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("integer", "real", "text", "flag")
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    REAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    integer: int
    real: float
    text: str
    flag: bool
    def __init__(self, integer: _Optional[int] = ..., real: _Optional[float] = ..., text: _Optional[str] = ..., flag: bool = ...) -> None: ...

class Setup(_message.Message):
    __slots__ = ("task", "params", "seed", "device", "payload_sha256", "payload_bytes", "transport")
    class ParamsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Parameter
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Parameter, _Mapping]] = ...) -> None: ...
    TASK_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    task: str
    params: _containers.MessageMap[str, Parameter]
    seed: int
    device: str
    payload_sha256: str
    payload_bytes: int
    transport: Transport
    def __init__(self, task: _Optional[str] = ..., params: _Optional[_Mapping[str, Parameter]] = ..., seed: _Optional[int] = ..., device: _Optional[str] = ..., payload_sha256: _Optional[str] = ..., payload_bytes: _Optional[int] = ..., transport: _Optional[_Union[Transport, str]] = ...) -> None: ...

class PrepareRequest(_message.Message):
    __slots__ = ("setup", "chunk")
    SETUP_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    setup: Setup
    chunk: bytes
    def __init__(self, setup: _Optional[_Union[Setup, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PrepareResponse(_message.Message):
    __slots__ = ("payload_sha256", "tensors_sha256", "received_ns", "verified_ns", "ready_ns")
    PAYLOAD_SHA256_FIELD_NUMBER: _ClassVar[int]
    TENSORS_SHA256_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_NS_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_NS_FIELD_NUMBER: _ClassVar[int]
    READY_NS_FIELD_NUMBER: _ClassVar[int]
    payload_sha256: str
    tensors_sha256: str
    received_ns: int
    verified_ns: int
    ready_ns: int
    def __init__(self, payload_sha256: _Optional[str] = ..., tensors_sha256: _Optional[str] = ..., received_ns: _Optional[int] = ..., verified_ns: _Optional[int] = ..., ready_ns: _Optional[int] = ...) -> None: ...

class MeasureRequest(_message.Message):
    __slots__ = ("iterations",)
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    iterations: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, iterations: _Optional[_Iterable[int]] = ...) -> None: ...

class MeasureResponse(_message.Message):
    __slots__ = ("samples",)
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[Sample]
    def __init__(self, samples: _Optional[_Iterable[_Union[Sample, _Mapping]]] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("iterations", "start_ns", "end_ns")
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    START_NS_FIELD_NUMBER: _ClassVar[int]
    END_NS_FIELD_NUMBER: _ClassVar[int]
    iterations: int
    start_ns: int
    end_ns: int
    def __init__(self, iterations: _Optional[int] = ..., start_ns: _Optional[int] = ..., end_ns: _Optional[int] = ...) -> None: ...

class CollectRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CollectResponse(_message.Message):
    __slots__ = ("chunk", "closing")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    CLOSING_FIELD_NUMBER: _ClassVar[int]
    chunk: bytes
    closing: Closing
    def __init__(self, chunk: _Optional[bytes] = ..., closing: _Optional[_Union[Closing, _Mapping]] = ...) -> None: ...

class Closing(_message.Message):
    __slots__ = ("bytes", "sha256")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    sha256: str
    def __init__(self, bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...
