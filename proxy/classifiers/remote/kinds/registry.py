"""Providers by the name that the settings give them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from proxy.classifiers.remote.kinds.granite_guardian import GraniteGuardian
from proxy.classifiers.remote.kinds.llama_guard import LlamaGuard
from proxy.classifiers.remote.kinds.openai_moderation import OpenAIModeration
from proxy.classifiers.remote.kinds.perspective import Perspective
from proxy.classifiers.remote.kinds.provider import Provider
from proxy.classifiers.remote.kinds.wildguard import WildGuard
from proxy.config.sections.judging import RemoteClassifier

KINDS: Final[Mapping[str, Callable[[RemoteClassifier], Provider]]] = {
    "openai_moderation": lambda spec: OpenAIModeration(spec.model),
    "perspective": lambda spec: Perspective(),  # noqa: ARG005 - it serves one model and names none
    "llama_guard": lambda spec: LlamaGuard(spec.model, spec.logprobs),
    "wildguard": lambda spec: WildGuard(spec.model, spec.logprobs),
    "granite_guardian": lambda spec: GraniteGuardian(spec.model, spec.criterion, spec.logprobs),
}
