"""A YAML file into a dataclass, every mistake named by file, line and key. For settings and policies alike."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from proxy.config.files import text_of
from proxy.core.errors import ConfigError, Place

T = TypeVar("T")
Key = tuple[str, ...]
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Document:
    """Plain values of a YAML file together with the line of each key.

    Scalars may say `${NAME}` or `${NAME:-default}` for an environment variable. Raises ConfigError where the file is
    missing, not UTF-8, not YAML, repeats a key, or names a variable that is not set.
    """

    def __init__(self, text: str, file: str, environment: Mapping[str, str] | None = None) -> None:
        self.file = file
        self.text = text
        self.lines: dict[Key, int] = {}
        self._origins: dict[Key, str] = {}
        self._environment = os.environ if environment is None else environment
        self._problems: list[tuple[Place, str]] = []
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as wrong:
            raise ConfigError([_yaml_problem(file, wrong)]) from wrong
        self.values: Any = {} if root is None else self._build(root, ())
        if self._problems:
            raise ConfigError(self._problems)

    @classmethod
    def read(cls, path: Path, environment: Mapping[str, str] | None = None) -> Document:
        """Read a file. Raises ConfigError."""
        return cls(text_of(path), str(path), environment)

    def put(self, key: Key, value: Any, origin: str) -> None:
        """Set a value from outside the file; `origin` is named in errors. Raises ConfigError."""
        spot = self.values
        for part in key[:-1]:
            spot = spot.setdefault(part, {})
            if not isinstance(spot, dict):
                raise ConfigError([(Place(origin), f"`{part}` is not a section")])
        spot[key[-1]] = value
        self._origins[key] = origin

    def place(self, key: Key) -> Place:
        """Where a key stands; the nearest parent's line where the key itself is not in the file."""
        if key in self._origins:
            return Place(self._origins[key], None, ".".join(key))
        line = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), None)
        return Place(self.file, line, ".".join(key))

    def _build(self, node: yaml.Node, key: Key) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*key, str(index))) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            line = name_node.start_mark.line + 1
            if name in out:
                first = self.lines[(*key, name)]
                text = f"stands twice (first in line {first}); remove one"
                self._problems.append((Place(self.file, line, ".".join((*key, name))), text))
            self.lines[(*key, name)] = line
            out[name] = self._build(value_node, (*key, name))
        return out

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        if "${" not in node.value:
            return _CONSTRUCT.construct_object(node, deep=True)
        expanded = _REFERENCE.sub(lambda match: self._variable(match, key, node), node.value)
        plain = node.style is None  # unquoted: 8080 from a variable is a number again
        return yaml.safe_load(expanded) if plain and expanded else expanded

    def _variable(self, match: re.Match[str], key: Key, node: yaml.ScalarNode) -> str:
        name, default = match.group(1), match.group(2)
        value = self._environment.get(name, default)
        if value is None:
            text = f"environment variable {name} is not set; set it or write ${{{name}:-DEFAULT}}"
            self._problems.append((Place(self.file, node.start_mark.line + 1, ".".join(key)), text))
            return ""
        return value


_CONSTRUCT: Final = yaml.SafeLoader("")


def validate(cls: type[T], document: Document) -> T:
    """The document as an instance of `cls`. Raises ConfigError with every problem, each with its line and key."""
    try:
        return TypeAdapter(cls).validate_python(document.values)
    except ValidationError as wrong:
        raise ConfigError(list(_problems(cls, document, wrong))) from wrong


def _problems(cls: type[Any], document: Document, wrong: ValidationError) -> Iterator[tuple[Place, str]]:
    for error in wrong.errors(include_url=False):
        key = tuple(str(part) for part in error["loc"])
        if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            yield document.place(key), _unknown(cls, key)
        else:
            given = "" if isinstance(error["input"], dict | list) else f" (given: {error['input']!r})"
            yield document.place(key), error["msg"] + given


def _unknown(cls: type[Any], key: Key) -> str:
    known = sorted(_names_at(cls, key[:-1]))
    close = difflib.get_close_matches(key[-1], known, n=1)
    return f"unknown key; did you mean `{close[0]}`?" if close else f"unknown key; known here: {', '.join(known)}"


def _names_at(kind: Any, key: Key) -> set[str]:
    """The field names of the dataclass that stands at this key."""
    for part in key:
        if is_dataclass(kind):
            kind = get_type_hints(kind).get(part)
        else:
            arguments = [one for one in get_args(kind) if one is not ...]  # tuple[X, ...] is a list of X
            kind = arguments[-1] if arguments else None
    return {f.name for f in fields(kind)} if is_dataclass(kind) else set()


def _yaml_problem(file: str, wrong: yaml.YAMLError) -> tuple[Place, str]:
    mark = getattr(wrong, "problem_mark", None)
    text = getattr(wrong, "problem", None) or str(wrong)
    return Place(file, None if mark is None else mark.line + 1), f"not valid YAML: {text}"
