"""docs/install/ollama.md, line by line, with a stand-in for Ollama: its commands, the settings, the way back."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from tests.install.blocks import block
from tests.install.shell import shell
from tests.support import free_ports, until


def test_a_model_of_its_own_and_the_way_back(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    here = f"127.0.0.1:{port}"
    (tmp_path / "adapter").mkdir()
    with shell(tmp_path, {"OLLAMA_HOST": f"http://{here}"}) as one:
        one.stand_in("ollama", "ollama")
        settings = block("install/ollama.md", "settings").with_words({"127.0.0.1:11434": here})
        (tmp_path / "groundwire.yaml").write_text(settings.text)
        ollama, *models = block("install/ollama.md", "models").commands()
        one.start(ollama)
        until(lambda: urlopen(f"http://{here}/v1/models", timeout=5), "the model server")
        for line in models:
            one.run(line)
        page = block("install/ollama.md", "run").with_words({"127.0.0.1:8900": f"127.0.0.1:{one.data}"})
        doctor, serve, client, routes = page.commands()
        one.run(doctor)
        one.serving(one.start(serve))
        one.route("support:latest")
        assert {line.split()[0] for line in one.run(routes).splitlines()} == {"ROUTE", "support", "support:latest"}
        assert one.run(f"echo Hello | {client}") == "I am support:latest.\n"
        one.run("groundwire route revert support --force --reason drill")
        until(lambda: one.run(f"echo Hello | {client}") == "I am llama3.2:latest.\n", "the base's answer")
