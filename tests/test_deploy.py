"""What is deployed fits what is there: workflows and pyproject, manifests and the server's own options, paths and metrics."""

import argparse
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="pyyaml (extra phone) is not installed")

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPLOY = ROOT / "deploy"


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOWS[name])["jobs"]
    return found


def documents(name: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")) if one]


# --- workflows ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit_and_say_their_version(name: str) -> None:
    used = re.findall(r"uses: (.+)", WORKFLOWS[name])
    assert used
    for line in used:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_one_action_is_one_commit_everywhere() -> None:
    used = {tuple(line.split("@")) for text in WORKFLOWS.values() for line in re.findall(r"uses: (.+)", text)}
    assert len(used) == len({action for action, _ in used})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_read_and_only_the_one_that_publishes_may_sign(name: str) -> None:
    assert yaml.safe_load(WORKFLOWS[name])["permissions"] == {}
    for job, what in jobs(name).items():
        writes = {scope for scope, access in what["permissions"].items() if access != "read"}
        assert writes == ({"id-token", "attestations"} if job == "publish" else set())
        assert "timeout-minutes" in what


def test_each_machine_builds_its_own_wheels_under_a_name_of_its_own() -> None:
    machines = jobs("wheels")["build"]["strategy"]["matrix"]["include"]
    assert len({m["name"] for m in machines}) == len({m["os"] for m in machines}) == len(machines) == 5
    settings = PROJECT["tool"]["cibuildwheel"]
    assert settings["archs"] == ["native"], "another architecture would need an emulator"
    assert not {"linux", "macos", "windows", "enable", "build-frontend"} & set(settings), (
        "cibuildwheel 4 builds 3.14t by itself"
    )
    assert settings["build"].split() == ["cp311-*", "cp314t-*"]
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    scripts = re.findall(r"\{project\}/(\S+)", " ".join([settings["test-command"], *settings["audit-command"]]))
    assert len(scripts) == 2
    assert all((ROOT / script).is_file() for script in scripts)


def test_what_is_published_was_uploaded() -> None:
    def of(job: str, action: str) -> list[dict[str, Any]]:
        return [step["with"] for step in jobs("wheels")[job]["steps"] if action in step.get("uses", "")]

    uploaded = {of(job, "upload-artifact")[0]["name"] for job in ("build", "sdist", "audit")}
    taken = {one.get("name", one.get("pattern")) for one in of("publish", "download-artifact")}
    assert uploaded == {"wheels-${{ matrix.name }}", "sdist", "sbom"}
    assert taken == {"wheels-*", "sdist", "sbom"}
    (name,) = [one["name"] for one in of("audit", "download-artifact")]
    assert name.removeprefix("wheels-") in {m["name"] for m in jobs("wheels")["build"]["strategy"]["matrix"]["include"]}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_scripts_that_they_run_are_there(name: str) -> None:
    ran = " ".join(step["run"] for job in jobs(name).values() for step in job["steps"] if "run" in step)
    scripts = re.findall(r"(?<![\w/.])((?:\.ci|wheels|deploy|tests)/[\w./-]+)", ran.replace('"$GITHUB_WORKSPACE/', " "))
    assert scripts
    for script in scripts:
        assert (ROOT / script).exists() or list(ROOT.glob(f"{script}*")), script


# --- manifests ----------------------------------------------------------------------------------------------------------------------


def options(arguments: list[str]) -> argparse.Namespace:
    """As `talkpath serve` reads them; an argument that is none ends the test."""
    from talkpath.cli.serve import add_serve

    parser = argparse.ArgumentParser(exit_on_error=False)
    add_serve(parser.add_subparsers())
    return parser.parse_args(["serve", *arguments])


def image() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return dict(re.findall(r"^([A-Z]+) (.+)$", text, re.M))


def container() -> dict[str, Any]:
    found: dict[str, Any] = documents("kubernetes/deployment.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_image_starts_the_server_as_nobody_who_may_do_much() -> None:
    said = image()
    assert yaml.safe_load(said["ENTRYPOINT"]) == ["talkpath", "serve"]
    given = options(yaml.safe_load(said["CMD"]))
    assert given.port == int(said["EXPOSE"]) == container()["ports"][0]["containerPort"]
    module = given.app.partition(":")[0]
    assert f"/app/{module}.py" in said["COPY"]
    assert (ROOT / "examples" / f"{module}.py").is_file()
    pod = documents("kubernetes/deployment.yaml")[0]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == int(said["USER"].partition(":")[0]) >= 10_000


def test_what_the_image_is_built_of_is_sent_to_the_builder() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / name).exists() for name in sent)
    needed = {
        "csrc",
        "src",
        "setup.py",
        "pyproject.toml",
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
    }
    assert needed <= set(sent)


def test_a_pod_has_the_time_to_drain() -> None:
    given = options(container()["args"])
    waits = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = documents("kubernetes/deployment.yaml")[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= waits + given.drain + 10
    probe = container()["readinessProbe"]
    assert waits >= probe["periodSeconds"] * probe["failureThreshold"], "nobody sends it calls any more when it drains"


def test_a_server_that_drains_is_not_ready_and_not_dead() -> None:
    pytest.importorskip("websockets", reason="extra server is not installed")
    from talkpath.server.door import Door

    class Hub:
        calls, lines = 3, ()
        limits = None

    class Counts:
        def total(self) -> int:
            return 3

    import asyncio

    async def answers() -> tuple[int, int]:
        door = Door(Hub(), Counts(), max_calls=10, authentication=None)  # type: ignore[arg-type]
        path = container()["readinessProbe"]["httpGet"]["path"]
        ready = door.answer(path, {})
        door.is_draining = True
        drains = door.answer(path, {})
        assert ready is not None
        assert drains is not None
        return ready.status, drains.status

    assert asyncio.run(answers()) == (200, 503)
    assert "httpGet" not in container()["livenessProbe"]


def test_scaling_goes_by_a_metric_that_is_exported() -> None:
    from talkpath.server.metrics import Metrics, render

    scaler = documents("kubernetes/autoscaling.yaml")[0]["spec"]
    (pods,) = [metric["pods"] for metric in scaler["metrics"]]
    name = pods["metric"]["name"]
    page = render(Metrics().snapshot(calls=7, max_calls=9, draining=False, live=[], unsent_s=0.0, cpu_s=0.0, memory_bytes=0))  # fmt: skip
    assert f"\n{name} 7\n" in page
    (rule,) = documents("kubernetes/prometheus-adapter.yaml")[0]["rules"]["custom"]
    assert rule["name"]["as"] == name
    assert rule["seriesQuery"].startswith(name)
    given = options(container()["args"])
    assert 0.5 <= int(pods["target"]["averageValue"]) / given.max_calls <= 0.8
    assert scaler["scaleTargetRef"]["name"] == documents("kubernetes/deployment.yaml")[0]["metadata"]["name"]


def test_a_pod_has_a_core_for_each_process() -> None:
    given = options(container()["args"])
    resources = container()["resources"]
    assert resources["requests"] == resources["limits"], "a throttled core is a late frame"
    assert int(resources["requests"]["cpu"]) >= given.workers + 1
    memory_mb = 1024 * int(resources["requests"]["memory"].removesuffix("Gi"))
    assert memory_mb >= 1.5 * (0.45 * given.max_calls + 45 * (given.workers + 1))


@pytest.mark.parametrize("arguments", [container()["args"], documents("compose.yaml")[0]["services"]["talkpath"]["command"]], ids=["Kubernetes", "compose"])  # fmt: skip
def test_the_server_takes_what_it_is_started_with(arguments: list[str]) -> None:
    given = options(arguments)
    assert given.host == "0.0.0.0"
    assert given.token is None, f"a secret on a command line: {shlex.join(arguments)}"


def test_no_door_is_open_to_the_world() -> None:
    service = documents("compose.yaml")[0]["services"]["talkpath"]
    assert "TALKPATH_TOKEN" in service["environment"]
    assert ":?" in service["environment"]["TALKPATH_TOKEN"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert [one["name"] for one in container()["env"] if "secretKeyRef" in one["valueFrom"]] == ["TALKPATH_TOKEN"]
    assert int(service["stop_grace_period"].removesuffix("s")) >= options(service["command"]).drain + 10
