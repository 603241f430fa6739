"""A contract for import-linter: some packages import what is listed and nothing else."""

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyImportsContract(Contract):
    """The modules import each other, the standard library and `allowed`, nothing else.

    Options:
        modules: packages, with all modules in them.
        allowed: packages they may import.
    """

    type_name = "only"

    modules = fields.SetField(subfield=fields.ModuleField())
    allowed = fields.SetField(subfield=fields.ModuleField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        own = {module.name for module in self.modules}  # type: ignore[attr-defined]
        allowed = own | {module.name for module in self.allowed}  # type: ignore[attr-defined]
        illegal = [
            (importer, imported)
            for importer in sorted(graph.modules)
            if _within(importer, own)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not _within(imported, allowed)
            and imported.partition(".")[0] not in sys.stdlib_module_names
        ]
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["illegal"]:
            output.print_error(f"{importer} is not allowed to import {imported}")


def _within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
