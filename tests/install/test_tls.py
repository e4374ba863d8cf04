"""The settings for a service behind TLS and a key: docs/install/gateway.md."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import trustme

from proxy.cli import main
from tests.http_server import QuietHandler, serving
from tests.install.blocks import block
from tests.install.shell import shell

MODELS = {"data": [{"id": "base", "parent": None}, {"id": "tuned", "parent": "base"}]}


@contextmanager
def locked(context: ssl.SSLContext, asked: list[str]) -> Iterator[int]:
    """A model service on TLS that lists its models to those with the key; what each call brought is in `asked`."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            self.answer_json(200 if asked[-1].startswith("Bearer ") else 401, MODELS)

    with serving(Handler, tls=context) as port:
        yield port


def test_tls_on_both_sides_and_a_key_of_its_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    (tmp_path / "models-key").write_text("Bearer of-groundwire\n")
    context, asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), list[str]()
    certificate.configure_cert(context)
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with locked(context, asked) as port, shell(tmp_path) as one:
        settings = block("install/gateway.md", "tls").with_words(
            {
                "models.internal:8443": f"localhost:{port}",
                "/etc/groundwire": str(tmp_path),
                "/run/secrets": str(tmp_path),
            }
        )
        (tmp_path / "groundwire.yaml").write_text(settings.text)
        assert main(["check", str(tmp_path / "groundwire.yaml")]) == 0
        one.serving(one.start("groundwire serve --config groundwire.yaml"))
        one.route("tuned")
        assert set(asked) == {"Bearer of-groundwire"}
        request = Request(f"https://localhost:{one.data}/v1/models", headers={"Authorization": "Bearer of-a-user"})
        with urlopen(request, timeout=30, context=client) as answer:
            assert json.load(answer) == MODELS
        assert "Bearer of-a-user" in asked
