"""What a dialect is: the meaning of one API's bytes. A dialect reads; it never writes and never keeps anything.

Bodies come plain (chunks joined, content-encodings undone). What cannot be read is `Unreadable`, and nothing else is
ever raised: bytes from the network must not be able to bring analysis down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

CHOICES_MAX: Final = 256  # completions of one exchange; an index beyond it is malformed, so that memory stays bounded
SHORT_TURN_WORDS: Final = 4  # "yes, go on" is judged together with the turn before it
SYSTEM_ROLES: Final = ("system", "developer")

# Every API's own words for how an answer ended are read as one of these; a word that none of them fits stays as sent.
STOP: Final = "stop"
LENGTH: Final = "length"  # a limit came before the model's own end
TOOL_CALLS: Final = "tool_calls"
FILTERED: Final = "content_filter"


@dataclass(frozen=True, slots=True)
class Plain:
    """A decoded body. `truncated`: the capture or the decoding stopped at a bound, so that bytes are missing."""

    data: bytes
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` as sent ("user", "assistant", "tool", ...); `text` has the text parts, joined by newlines."""

    role: str
    text: str


def system_of(messages: Iterable[Message]) -> str:
    """The system and developer turns, joined by newlines."""
    return "\n".join(message.text for message in messages if message.role in SYSTEM_ROLES)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    `prompts` is for dialects that take several prompts at once; a conversation leaves it empty. `n` is the number of
    completions asked for each prompt, at least 1. `system` joins system and developer turns. `tools`: tools were
    offered. `echo`: the answer repeats the prompt first. `user` is the end user as the client names them, "" where it
    does not. `offered` and `sampling` are canonical texts of tool definitions and sampling parameters, "" for none:
    to be hashed, not to be read. `schema`: the JSON schema that the answer must fit; empty where any JSON will do,
    None where none was asked for.
    """

    model: str = ""
    messages: tuple[Message, ...] = ()
    prompts: tuple[str, ...] = ()
    system: str = ""
    n: int = 1
    stream: bool = False
    tools: bool = False
    echo: bool = False
    user: str = ""
    schema: Mapping[str, Any] | None = None
    offered: str = field(default="", compare=False, repr=False)
    sampling: str = field(default="", compare=False, repr=False)

    @property
    def turns(self) -> int:
        """How often the user spoke."""
        return len(self.prompts) or len(self._user_turns())

    @property
    def user_text(self) -> str:
        """Everything that the user said, oldest first."""
        return "\n".join(self.prompts or self._user_turns())

    def prompt_of(self, choice: int) -> str:
        """The text that completion `choice` answers: its prompt, or the last user turn.

        A last turn below SHORT_TURN_WORDS words is taken together with the user turn before it. "" where there is none.
        """
        if self.prompts:
            return self.prompts[min(choice // self.n, len(self.prompts) - 1)]
        turns = self._user_turns()
        if len(turns) > 1 and len(turns[-1].split()) < SHORT_TURN_WORDS:
            return "\n".join(turns[-2:])
        return turns[-1] if turns else ""

    def _user_turns(self) -> tuple[str, ...]:
        return tuple(message.text for message in self.messages if message.role == "user")


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer.

    `text` is what the user reads; `refusal` is the API's own refusal field; `reasoning` is what the model thought
    aloud (never judged). `finish_reason` is STOP, LENGTH, TOOL_CALLS, FILTERED, a server's own word, or "" where the
    server did not say that the answer came to an end. `tool_arguments` are the texts of the calls' arguments, as
    they were sent; "{}" for those that the API sends as objects.
    """

    index: int
    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    tool_calls: int = 0
    finish_reason: str = ""
    tool_arguments: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the server counted them; None where it does not say.

    Of the prompt's, `cached_tokens` were read from a cache and `cache_written_tokens` written to it; of the
    completion's, `reasoning_tokens` were thought aloud. All of these are among the counts of the whole.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = field(default=None, compare=False)
    cache_written_tokens: int | None = field(default=None, compare=False)
    reasoning_tokens: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered; completions are in order of their index.

    `error` is the message of an error object inside a success. `done`: the body came to its own end (a whole JSON
    document, or a stream's end mark), so that no later bytes would change what was read. `id` is the server's name for
    the answer and `model` its name for what answered, "" where it has none.
    """

    completions: tuple[Completion, ...] = ()
    usage: Usage | None = None
    error: str = ""
    done: bool = False
    id: str = field(default="", compare=False)
    model: str = field(default="", compare=False)


class Dialect(Protocol):
    """One API. Add a dialect as one file and one line in `registry.DIALECTS`."""

    @property
    def name(self) -> str:
        """As it stands in logs and metrics."""
        ...

    def matches(self, method: str, path: str) -> bool:
        """Whether a request line is of this API; `path` may carry a query."""
        ...

    def request(self, body: bytes) -> Request:
        """Raises Unreadable where the body is not one of this API's requests."""
        ...

    def response(self, content_type: str, body: bytes, truncated: bool) -> Response:
        """Reads a unary or streamed success body, as far as it came. Raises Unreadable where nothing can be read.

        truncated: its end is missing: a bound stopped the capture or the decoding, or the exchange broke off
        """
        ...
