"""What the images, the compose file and the manifest name is there: no Docker runs in tests."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cinemill.catalogue import operations
from cinemill.engines import engines
from cinemill.settings import Settings
from command import Cinemill

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "Dockerfile", ROOT / ".runpod" / "Dockerfile"]


def steps(path: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def stages(path: Path) -> list[str]:
    return [rest.split(" AS ")[1] for word, rest in steps(path) if word == "FROM"]


def commands(path: Path) -> list[list[str]]:
    """What an image starts."""
    return [json.loads(rest) for word, rest in steps(path) if word == "CMD"]


@pytest.mark.parametrize("path", FILES, ids=str)
def test_dockerfile_refers_to_what_there_is(path: Path) -> None:
    known: list[str] = []
    arguments: set[str] = set()
    for word, rest in steps(path):
        if word == "ARG":
            arguments.add(rest.partition("=")[0])
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            assert base in known or re.fullmatch(r"\$\{(\w+)\}", base).group(1) in arguments, base
            known.append(name)
        if word == "COPY" and rest.startswith("--from="):
            assert rest.split()[0].removeprefix("--from=") in known[:-1]
        elif word == "COPY":
            *sources, _ = rest.split()
            assert all((ROOT / source).exists() for source in sources), rest
        if word == "RUN":
            for script in re.findall(r"/(?:src|opt)/(docker/\w+\.sh)", rest):
                assert (ROOT / script).stat().st_mode & 0o111, script
    assert "USER cinemill" in path.read_text() or path.parent.name == ".runpod"
    ignored = {line.strip("/") for line in (ROOT / ".dockerignore").read_text().split()}
    assert not ignored & {"docker", "src", "constraints.txt", "pyproject.toml", "README.md", ".runpod"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_images_install_extras_and_engines_that_there_are(path: Path) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = [rest.split()[-1].split(",") for word, rest in steps(path) if word == "RUN" and "install.sh" in rest]
    assert installed
    assert {extra for one in installed for extra in one} <= set(known)
    named = [rest.partition("=")[2].strip('"') for word, rest in steps(path) if rest.startswith("ENGINES=")]
    assert {engine for one in named for engine in one.split()} <= set(engines)
    settings = {f"CINEMILL_{name.upper()}" for name in Settings.model_fields}
    told = re.findall(r"CINEMILL_\w+", path.read_text())
    assert set(told) <= settings | {"CINEMILL_TARGET"}


def test_images_start_what_the_command_line_takes(cinemill: Cinemill) -> None:
    started = {tuple(command) for path in FILES for command in commands(path)}
    assert {command[0] for command in started} == {"cinemill", "python3"}
    for program, word, *options in started:
        if program == "cinemill":
            said = cinemill(word, "--help").out
            assert all(option in said for option in options if option.startswith("--")), word
        else:
            assert (ROOT / ".runpod" / word).exists()
    said = cinemill("worker", "runpod", "--help").out
    assert "--preload" in said


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_file_refers_to_what_there_is() -> None:
    told = compose()
    services = told["services"]
    for name, service in services.items():
        target = service.get("build", {}).get("target", "")
        target = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", target)
        assert service.get("image") or target in stages(FILES[0]), name
        assert set(service.get("depends_on", ())) <= set(services)
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith(".") or source in told["volumes"], volume
    shared = services["studio"]["environment"]
    assert shared["STORAGE_ENDPOINT_URL"].endswith("http://minio:9000}")
    assert shared["STORAGE_BUCKET"] == services["minio"]["environment"]["BUCKET"], "it is made before anybody asks"


def test_rays_own_commands_know_the_options() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="ray is not installed")
    known = {option for each in scripts.start.params for option in each.opts}
    wanted = [word for name in ("head", "node") for word in shlex.split(compose()["services"][name]["command"])]
    wanted += re.findall(r"--[\w-]+", "\n".join(re.findall(r"ray start .*", (ROOT / "docs" / "farm.md").read_text())))
    assert {word.partition("=")[0] for word in wanted if word.startswith("--")} <= known
    (manifest,) = manifests()
    groups = [manifest["spec"]["headGroupSpec"], *manifest["spec"]["workerGroupSpecs"]]
    assert {f"--{name}" for group in groups for name in group["rayStartParams"]} <= known


def manifests() -> list[dict[str, Any]]:
    return [
        yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "farm.md").read_text(), re.S)
    ]


def test_manifest_mounts_what_it_claims() -> None:
    (manifest,) = manifests()
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayCluster")
    groups = [manifest["spec"]["headGroupSpec"], *manifest["spec"]["workerGroupSpecs"]]
    tokens = []
    for group in groups:
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"].removeprefix("cinemill-") in stages(FILES[0])
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
        tokens.append(container["env"])
    assert tokens[0] == tokens[1], "all know the same token"


def test_preloading_without_engines_does_nothing() -> None:
    subprocess.run([ROOT / "docker" / "preload.sh"], env={"PATH": "/usr/bin:/bin"}, check=True)


def test_scripts_are_bash_that_can_be_read() -> None:
    for script in sorted((ROOT / "docker").glob("*.sh")):
        subprocess.run(["bash", "-n", script], check=True)


def test_what_farm_page_runs_is_known() -> None:
    text = (ROOT / "docs" / "farm.md").read_text()
    named = set(re.findall(r"cinemill ([a-z-]+) [\w.:/-]+ -o", text))
    assert named
    assert named <= set(operations)
