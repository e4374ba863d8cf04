"""The patterns of the span scanner: what it passes over in one match in C. Pure; `model_spans.py` explains the whole.

They see a piece of the body with its escaped quotes and backslashes painted over, so that a string ends at the next
quote. Only single sets repeat possessively and no two alternatives overlap: backtracking is linear, and a bug of
possessive groups in CPython before 3.11.5 is not met.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, cast

MODEL_BYTES_MAX: Final = 4_096
"""Raw bytes of one `model` string, quotes left out; no server has such a name."""

# Fields by which a body chooses an adapter other than by `model`; null chooses nothing.
# llama.cpp: lora. TGI: adapter_id. LoRAX: adapter_id, merged_adapters. SGLang: lora_path. Triton's vLLM: lora_name.
TOP_SELECTORS: Final = frozenset({"lora", "lora_path", "adapter_id"})
PARAMETER_SELECTORS: Final = frozenset({"adapter_id", "merged_adapters", "lora_name"})
KNOWN: Final = TOP_SELECTORS | PARAMETER_SELECTORS | {"parameters"}

_LEVELS: Final = 7  # of brackets that one pattern follows; a tool's parameters stand six deep
_WS: Final = rb"[ \t\r\n]*+"
_SCALAR_START: Final = rb"\-0-9tfnNI"
_SCALAR_SET: Final = rb"0-9+\-.aefilnrstuyEIN"  # numbers, true, false, null, NaN, Infinity
_STRING: Final = rb'"[^"]*+"'
_PLAIN_KEY: Final = rb'[^"\\\x00-\x1f\x80-\xff]*+'


def _nested(levels: int) -> bytes:
    """A pattern of all that may stand inside a bracket, down to `levels` further brackets."""
    plain = rb"[ \t\r\n,:" + _SCALAR_SET + rb"]*+"
    token = _STRING + (rb"|[\[{]" + _nested(levels - 1) + rb"[\]}]" if levels else b"")
    return plain + rb"(?:(?:" + token + rb")" + plain + rb")*"


def _member() -> bytes:
    """A pattern of a member, with its comma or before the closing bracket, whose key is plain and not looked for."""
    known = b"|".join(sorted(name.encode() for name in KNOWN))
    key = rb'"(?!(?:[mM][oO][dD][eE][lL]|' + known + rb')")' + _PLAIN_KEY + rb'"'
    value = (
        rb"(?:"
        + _STRING
        + rb"|["
        + _SCALAR_START
        + rb"]["
        + _SCALAR_SET
        + rb"]*+|[\[{]"
        + _nested(_LEVELS)
        + rb"[\]}])"
    )
    return _WS + key + _WS + rb":" + _WS + value + _WS + rb"(?:,|(?=\}))"


def _named_member() -> bytes:
    """A pattern of a member whose key is `model` and whose value is plain: (the string, its text)."""
    text = rb'[^"\\\x00-\x1f\x7f-\xff]{0,%d}' % MODEL_BYTES_MAX
    return _WS + rb'"model"' + _WS + rb":" + _WS + rb'("(' + text + rb')")' + _WS


def _whole() -> bytes:
    """A pattern of a whole body with one plain `model` and else only members that are not looked for: the usual one."""
    members = rb"(?:" + _member() + rb")"
    return _WS + rb"\{" + members + rb"*" + _named_member() + rb"(?:," + members + rb"+(?<!,))?" + rb"\}" + _WS


_Always = Callable[[bytes, int], re.Match[bytes]]  # a pattern that matches nothing at worst
usual = re.compile(_whole()).fullmatch
space = cast(_Always, re.compile(_WS).match)
named = re.compile(_named_member() + rb"[,}]").match
plain_key = re.compile(_PLAIN_KEY).fullmatch
quote = cast(_Always, re.compile(rb'[^"]*+').match)
scalar = cast(_Always, re.compile(rb"[" + _SCALAR_SET + rb"]*+").match)
members = cast(_Always, re.compile(rb"(?:" + _member() + rb")*").match)
openers = cast(_Always, re.compile(rb"[\[{]++").match)
closers = cast(_Always, re.compile(rb"[\]}]++").match)
inside = cast(_Always, re.compile(_nested(_LEVELS)).match)
