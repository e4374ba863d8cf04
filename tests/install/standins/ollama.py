"""`ollama` without Ollama: the commands of docs/install/ollama.md against a small server that speaks its API.

Its calls are those of Ollama's own command line (`/api/pull`, `/api/create`, `/api/show`, `/api/generate`). That Ollama
itself builds a model from such a Modelfile is not shown by this.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

URL = os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434")
MODELS: set[str] = set()


def whole(name: str) -> str:
    """The name as Ollama lists it."""
    return name if ":" in name else f"{name}:latest"


class Handler(BaseHTTPRequestHandler):
    """Its API, as far as the page needs it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        listed = [{"id": one, "object": "model", "owned_by": "library"} for one in sorted(MODELS)]
        self.say(200, {"object": "list", "data": listed} if self.path == "/v1/models" else {"version": "0"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = whole(asked["model"])
        if self.path in ("/api/pull", "/api/create"):
            if asked.get("from") and whole(asked["from"]) not in MODELS:
                return self.say(404, {"error": f"pull model manifest: {asked['from']}"})
            MODELS.add(name)
            return self.say(200, {"status": "success"})
        if name not in MODELS:
            return self.say(404, {"error": f"model '{asked['model']}' not found"})
        said = {"model": asked["model"], "response": f"I am {name}.", "done": True, "done_reason": "stop"}
        return self.say(200, {"capabilities": ["completion"]} if self.path == "/api/show" else said)

    def say(self, status: int, body: Any) -> None:
        """One JSON answer."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def call(path: str, **body: Any) -> Any:
    """One call of the command line. Raises HTTPError."""
    request = Request(f"{URL}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def create(name: str) -> None:
    """From the Modelfile of this folder. Raises ValueError for an instruction or an adapter that is not there."""
    words = dict(line.split(maxsplit=1) for line in Path("Modelfile").read_text().splitlines())
    if set(words) != {"FROM", "ADAPTER"} or not Path(words["ADAPTER"]).exists():
        raise ValueError(f"Modelfile: {words}")
    call("/api/create", model=name, **{"from": words["FROM"]})


def main(command: str, *names: str) -> None:
    """`serve`, `pull NAME`, `create NAME` or `run NAME`, with the prompt on stdin."""
    if command == "serve":
        ThreadingHTTPServer(("127.0.0.1", int(URL.rpartition(":")[2])), Handler).serve_forever()
    elif command == "pull":
        call("/api/pull", model=names[0])
    elif command == "create":
        create(names[0])
    else:
        call("/api/show", model=names[0])
        print(call("/api/generate", model=names[0], prompt=sys.stdin.read(), stream=False)["response"])


if __name__ == "__main__":
    main(*sys.argv[1:])
