"""What a stream's deltas, or a unary body's choices, add up to: one gathered answer for each index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from proxy.core.errors import Unreadable
from proxy.dialects.contract import CHOICES_MAX, Completion, Response, Usage
from proxy.dialects.fields import Json, a_text, healed

OPEN_THINKING: Final = "<think>"
CLOSE_THINKING: Final = "</think>"
ID_CHARS_MAX: Final = 512


@dataclass(slots=True)
class Gathered:
    """One answer as it grows. Parts are joined once, at the end."""

    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    tool_calls: set[Any] = field(default_factory=set)
    arguments: dict[Any, list[str]] = field(default_factory=dict)
    finish_reason: str = ""

    def fill(self, whole: Gathered) -> None:
        """Takes from the whole answer, which some servers send at the end again, what did not come before."""
        self.text = self.text if any(self.text) else whole.text
        self.refusal = self.refusal if any(self.refusal) else whole.refusal
        self.reasoning = self.reasoning if any(self.reasoning) else whole.reasoning
        self.tool_calls = self.tool_calls or whole.tool_calls
        self.arguments = whole.arguments or self.arguments

    def call(self, index: Any, arguments: Any = "") -> None:
        """A tool call, or more of one. Arguments that come as an object parsed already."""
        self.tool_calls.add(index)
        text = "{}" if isinstance(arguments, dict) else arguments
        if isinstance(text, str) and text:
            self.arguments.setdefault(index, []).append(text)

    def paragraph(self) -> None:
        """What comes next stands apart from what was said before."""
        if any(self.text):
            self.text.append("\n")

    def completion(self, index: int) -> Completion:
        """The answer so far, with thinking that the server left in the text moved out of it."""
        thought, text = split_thinking(healed("".join(self.text)))
        return Completion(
            index=index,
            text=text,
            refusal=healed("".join(self.refusal)),
            reasoning=healed("".join(self.reasoning)) + thought,
            tool_calls=len(self.tool_calls),
            finish_reason=self.finish_reason,
            tool_arguments=tuple(healed("".join(parts)) for parts in self.arguments.values()),
        )


class Gathering:
    """All answers of an exchange, by index. An index outside 0..CHOICES_MAX-1 raises Unreadable("malformed")."""

    __slots__ = ("_by_index",)

    def __init__(self) -> None:
        self._by_index: dict[int, Gathered] = {}

    def at(self, index: int) -> Gathered:
        """The answer of that index, begun where it is new."""
        if not 0 <= index < CHOICES_MAX:
            raise Unreadable("malformed", f"choice index {index} is not in 0..{CHOICES_MAX - 1}")
        return self._by_index.setdefault(index, Gathered())

    def completions(self) -> tuple[Completion, ...]:
        """All answers in order of their index."""
        return tuple(self._by_index[index].completion(index) for index in sorted(self._by_index))


@dataclass(slots=True)
class Draft:
    """A response as it is read, document by document; the fields mean what they mean in `Response`."""

    answers: Gathering = field(default_factory=Gathering)
    usage: Usage | None = None
    error: str = ""
    done: bool = False
    id: str = ""
    model: str = ""

    def response(self) -> Response:
        """What was read so far."""
        names = self.id[:ID_CHARS_MAX], healed(self.model)[:ID_CHARS_MAX]
        return Response(self.answers.completions(), self.usage, self.error, self.done, *names)

    def name(self, document: Json) -> None:
        """Takes who answers from a document that says so; what came first stays."""
        self.id = self.id or a_text(document.get("id"))
        self.model = self.model or a_text(document.get("model"))


def split_thinking(text: str) -> tuple[str, str]:
    """(thought, answer) of a text in which a reasoning model thinks aloud first, in <think> tags.

    The opening tag may be missing (chat templates put it into the prompt); an unclosed one leaves no answer.
    """
    opened = text.lstrip().startswith(OPEN_THINKING)
    thought, closed, answer = text.partition(CLOSE_THINKING)
    if closed:
        return thought.replace(OPEN_THINKING, "", 1).strip(), answer.lstrip()
    return (text.replace(OPEN_THINKING, "", 1).strip(), "") if opened else ("", text)
