"""YAML that people write: a key that is there twice is an error, where YAML takes the last one."""

from typing import Any

import yaml


class UniqueKeys(yaml.SafeLoader):
    """A safe loader for `yaml.load`; raises YAMLError for a key that is there twice, with lines."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping as it is written, before anything is merged into it."""
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in lines:
                    first = lines[name]
                    raise yaml.YAMLError(
                        f"line {line}: {key.value} is there twice, first in line {first}"
                    )
                lines[name] = line
        return node
