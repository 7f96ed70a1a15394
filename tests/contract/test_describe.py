"""Identity, health, and a client that knows nothing but reflection."""

from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from contract.launched import CALL_S, THREADS
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from mlfleet import tasks
from mlfleet.classify import ONE_EACH
from mlfleet.client import PROTOCOL, SERVICE_NAME
from mlfleet_stubs import benchmark_pb2 as pb

HEALTH = "grpc.health.v1.Health"


def test_describe_agrees_with_compose_the_launcher_and_the_orchestrator(launched):
    found = launched.client.describe(CALL_S)
    service, environment = launched.spec.service, launched.spec.environment
    assert found.framework
    assert (found.language, found.version, found.protocol) == (service.language, service.tag, PROTOCOL)
    assert environment.device in found.devices
    assert found.optimised
    assert not found.debug_assertions
    assert found.cpus == environment.cpus
    assert found.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for pool in found.thread_pools:
        assert pool.pool
        assert pool.library
        assert pool.asked == THREADS
        assert pool.effective == (1 if pool.pool.endswith(ONE_EACH) else THREADS)


def test_every_task_has_origin_and_kernels_and_is_known(launched):
    found = launched.client.describe(CALL_S).tasks
    assert len({task.name for task in found}) == len(found) > 0
    for task in found:
        assert task.origin in ("stock", "in_repo")
        assert task.kernels
        assert tasks.get(task.name).name == task.name


def test_describe_repeats_itself(launched, offered):
    first = launched.stub.Describe(pb.DescribeRequest(), timeout=CALL_S)
    assert launched.stub.Describe(pb.DescribeRequest(), timeout=CALL_S) == first


@pytest.mark.parametrize("name", ["", SERVICE_NAME])
def test_health_is_serving(launched, name):
    health = health_pb2_grpc.HealthStub(launched.channel)
    request = health_pb2.HealthCheckRequest(service=name)
    assert health.Check(request, timeout=CALL_S).status == health_pb2.HealthCheckResponse.SERVING
    watch = health.Watch(request, timeout=CALL_S)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def test_health_does_not_know_other_services(launched):
    request = health_pb2.HealthCheckRequest(service="mlfleet.v1.Other")
    with pytest.raises(grpc.RpcError) as error:
        health_pb2_grpc.HealthStub(launched.channel).Check(request, timeout=CALL_S)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1alpha", "v1"])
def test_a_client_that_knows_only_reflection_can_describe(launched, version):
    database = ProtoReflectionDescriptorDatabase(launched.channel)
    # The messages of both versions are equal on the wire; the library asks for the older one.
    database._stub = SimpleNamespace(
        ServerReflectionInfo=launched.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
    )
    assert {SERVICE_NAME, HEALTH} <= set(database.get_services())
    pool = descriptor_pool.DescriptorPool(database)
    method = pool.FindServiceByName(SERVICE_NAME).methods_by_name["Describe"]
    request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    describe = launched.channel.unary_unary(
        f"/{SERVICE_NAME}/Describe",
        request_serializer=request.SerializeToString,
        response_deserializer=answer.FromString,
    )
    found = describe(request(), timeout=CALL_S)
    assert found.version == launched.spec.service.tag
    assert [task.name for task in found.tasks] == [task.name for task in launched.client.describe(CALL_S).tasks]


def test_reflection_knows_every_service_it_lists(launched):
    database = ProtoReflectionDescriptorDatabase(launched.channel)
    pool = descriptor_pool.DescriptorPool(database)
    for name in (SERVICE_NAME, HEALTH):
        assert pool.FindServiceByName(name).methods
