"""Calls a gRPC method that only the server knows: by reflection, with JSON in and out."""

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)


class CallFailedError(Exception):
    """A call that failed; the message is for people."""


class ReflectionCaller:
    """A server seen through its reflection service; `timeout` in seconds, for each call."""

    def __init__(self, channel: grpc.Channel, timeout: float = 5.0) -> None:
        self._channel = channel
        self._timeout = timeout
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self) -> list[str]:
        """Full names of the services."""
        try:
            grpc.channel_ready_future(self._channel).result(self._timeout)
        except grpc.FutureTimeoutError:
            raise CallFailedError("nobody answers there") from None
        try:
            return sorted(self._database.get_services())
        except grpc.RpcError as error:
            raise CallFailedError(_status(error)) from error

    def methods(self, service: str) -> list[str]:
        """Full names of the methods of a service."""
        return [method.full_name for method in self._service(service).methods]

    def call(self, method: str, data: str) -> str:
        """Calls a unary method named `package.Service/Method` with a JSON request.

        Returns the response as JSON.

        Raises:
            CallFailedError: no such method, JSON that does not fit, or the call failed.
        """
        descriptor = self._method(method)
        request = GetMessageClass(descriptor.input_type)()
        try:
            json_format.Parse(data, request, descriptor_pool=self._pool)
        except json_format.ParseError as error:
            raise CallFailedError(
                f"the request is not a {request.DESCRIPTOR.name}: {error}"
            ) from None
        call = self._channel.unary_unary(
            f"/{descriptor.containing_service.full_name}/{descriptor.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )
        try:
            response = call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise CallFailedError(_status(error)) from error
        return json_format.MessageToJson(response, descriptor_pool=self._pool, ensure_ascii=False)

    def _service(self, name: str) -> ServiceDescriptor:
        there = self.services()
        if name not in there:
            raise CallFailedError(f"no service {name!r}; there are: {', '.join(there)}")
        return self._pool.FindServiceByName(name)

    def _method(self, name: str) -> MethodDescriptor:
        service, _, method = name.replace("/", ".").rpartition(".")
        descriptor = self._service(service)
        if method not in descriptor.methods_by_name:
            there = ", ".join(descriptor.methods_by_name)
            raise CallFailedError(f"{service} has no method {method!r}; it has: {there}")
        return descriptor.methods_by_name[method]


def _status(error: grpc.RpcError) -> str:
    return f"{error.code().name}: {error.details()}"
