"""Makes the Python package: what openapi-python-client makes of the contract, and beside it the layer written by hand.

The generator gets a copy of the contract, and what it makes is finished here, where the two do not suit a worker in Python.
Each change of that kind says why, and fails when it finds nothing to change, as after an update of the generator.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

HERE = Path(__file__).parent
PACKAGE = "numora_delivery_client"
GENERATOR = f"openapi-python-client {version('openapi-python-client')}"
GENERATED = f"Generated from openapi/delivery.yaml by {GENERATOR}. Do not edit."
COPIED = "Copied from openapi/sdk/python/{}. Edit it there."


def main(contract_file: str, out: str) -> None:
    contract = YAML(typ="safe").load(Path(contract_file))
    package = Path(out, PACKAGE)
    shutil.rmtree(out, ignore_errors=True)
    package.mkdir(parents=True)
    generate(adapted(contract), package / "generated")
    for source in sorted((HERE / "layer").glob("*.py")):
        copy(source, package / source.name, "# ")
    (package / "version.py").write_text(f'# {GENERATED}\n\n__version__ = "{contract["info"]["version"]}"\n')
    (package / "py.typed").write_text(f"# {GENERATED}\n")  # PEP 561: the package has types
    for name, before, after in ("pyproject.toml", "# ", ""), ("README.md", "<!-- ", " -->"):
        copy(HERE / name, Path(out, name), before, after)
        text = Path(out, name).read_text()
        Path(out, name).write_text(replace(r"@VERSION@", contract["info"]["version"], text))


def adapted(contract: dict[str, Any]) -> dict[str, Any]:
    """The contract as the generator gets it."""
    # Probes, the contract itself and its pages are not for workers; YAML and HTML are beyond the generator.
    for path, operations in list(contract["paths"].items()):
        if operations.get("get", {}).get("tags") == ["Service"]:
            del contract["paths"][path]

    # An instant that is sent may be a text. What is answered stays a datetime.
    schemas = contract["components"]["schemas"]
    datetime_or_text = {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]}
    schemas["Instant"] = {"description": schemas["Instant"]["description"], **datetime_or_text}
    for report in "SucceededReport", "FailedReport", "SkippedReport":
        properties = schemas[report]["properties"]
        properties["attempted_at"] = {"description": schemas["AttemptedAt"]["description"], **datetime_or_text}

    # Any JSON object would become a class of its own, with its members hidden in it; see finish.
    schemas["Metadata"] = {"description": schemas["Metadata"]["description"]}
    return contract


def generate(contract: dict[str, Any], out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copied, settings = Path(folder, "contract.json"), Path(folder, "settings.json")
        copied.write_text(json.dumps(contract))
        settings.write_text(json.dumps({"literal_enums": True, "post_hooks": []}))  # ruff runs below, with our settings
        said = subprocess.run(
            ["openapi-python-client", "generate", f"--path={copied}", f"--config={settings}", "--meta=none"]
            + [f"--custom-template-path={HERE / 'templates'}", f"--output-path={out}", "--fail-on-warning"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if said.returncode != 0:
        sys.exit(said.stdout)
    finish(out)
    ruff = ["ruff", "--isolated", "--quiet", "--config=target-version='py310'", "--config=line-length=120"]
    subprocess.run([*ruff, "check", "--no-cache", "--fix", "--select=F401,I", str(out)], check=True)
    subprocess.run([*ruff, "format", "--no-cache", str(out)], check=True)


def finish(out: Path) -> None:
    """What templates could only say by repeating all of the generator's own."""
    files = {file: file.read_text() for file in sorted(out.rglob("*.py"))}

    # A key must show in no log: the generated client's repr would print it, as token and in its headers.
    client = replace(r"token: str\n", "token: str = field(repr=False)\n", files[out / "client.py"])
    client = replace(r"(_headers: .* = field\()", r"\1repr=False, ", client)
    # Python 3.10 has no typing.Self; type checkers bring typing_extensions along.
    client = replace(r"from typing import Any, Self\n", "from typing import TYPE_CHECKING, Any\n", client)
    typed = "if TYPE_CHECKING:\n    from typing_extensions import Self\n"
    client = replace(r"(?=\n\n@define)", typed, client, count=1)
    files[out / "client.py"] = f"from __future__ import annotations\n{client}"

    everything = "\0".join(files.values())
    # Python 3.10 reads no instants like the server's, and an instant without a zone would be sent as one.
    everything = replace(r"datetime\.datetime\.fromisoformat\(", "parse_instant(", everything)
    everything = replace(r"([\w.]+)\.isoformat\(\)", r"instant_text(\1)", everything)
    imports = r"from \1.instants import instant_text, parse_instant" + "\n"  # ruff removes what is not used
    everything = replace(r"from (\.+)types import ", imports + r"\g<0>", everything)
    # An object is what JSON has there, or null.
    everything = replace(r"\bmetadata: Any\b", "metadata: dict[str, Any] | None", everything)
    everything = replace(r"\bmetadata \(Any\b", "metadata (dict[str, Any] | None", everything)

    for file, text in zip(files, everything.split("\0"), strict=True):
        file.write_text(f"# {GENERATED}\n\n{text}".rstrip() + "\n")


def replace(pattern: str, by: str, text: str, count: int = 0) -> str:
    text, replaced = re.subn(pattern, by, text, count=count)
    if not replaced:
        sys.exit(f"nothing matches {pattern}: generate.py has to follow what changed")
    return text


def copy(source: Path, to: Path, before: str, after: str = "") -> None:
    to.write_text(f"{before}{COPIED.format(source.relative_to(HERE))}{after}\n\n{source.read_text()}")


main(*sys.argv[1:])
