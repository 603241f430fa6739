"""Build hook: generates the gRPC stubs from protos/ into gen/ when the project is installed."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProtoBuildHook(BuildHookInterface[Any]):
    """Runs `protoc -I protos`, so that a proto's path is its Python import path."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from grpc_tools import protoc

        root = Path(self.root)
        protos = sorted(root.glob("protos/recsys/**/*.proto"))
        out = root / "gen"
        out.mkdir(exist_ok=True)
        well_known = Path(protoc.__file__).parent / "_proto"
        arguments = [
            "protoc",
            f"-I{root / 'protos'}",
            f"-I{well_known}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            *map(str, protos),
        ]
        if protoc.main(arguments) != 0:
            raise RuntimeError("protoc failed; its message is above")
