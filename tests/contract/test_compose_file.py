"""The compose file agrees with itself, with the settings of the services and with Prometheus."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recstack.container_secrets import READERS
from recstack.redis_users import OPERATOR, password_file
from services.chassis.address import is_loopback
from services.chassis.settings import RedisSettings, ServerSettings
from services.events.settings import EventsSettings
from services.feature_store.settings import FeatureStoreSettings
from services.gateway.settings import GatewaySettings
from services.prerank.settings import PrerankSettings
from services.rank.settings import RankSettings
from services.recall.settings import RecallSettings
from services.rerank.settings import RerankSettings
from services.rollout.settings import RolloutSettings

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "deploy/images/Dockerfile").read_text()
CONSTRAINTS = (ROOT / "deploy/images/constraints.txt").read_text()
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROMETHEUS = yaml.safe_load((ROOT / "deploy/observability/prometheus.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ONCE = ("secrets", "bootstrap")
SETTINGS: dict[str, type[ServerSettings]] = {
    "events": EventsSettings,
    "feature-store": FeatureStoreSettings,
    "recall": RecallSettings,
    "prerank": PrerankSettings,
    "rank": RankSettings,
    "rerank": RerankSettings,
    "rollout": RolloutSettings,
    "gateway": GatewaySettings,
    "gateway-2": GatewaySettings,
}
STAGES = ("feature_store", "recall", "prerank", "rank", "rerank")
SECRETS = "/recstack/var/secrets"
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def prefix(service: str) -> str:
    return str(SETTINGS[service].model_config["env_prefix"])


def port(service: str, field: str = "port") -> int:
    return int(SETTINGS[service].model_fields[field].default)


def given(service: str) -> dict[str, str]:
    """What a service is told, by the names of its settings."""
    start = prefix(service)
    environment = SERVICES[service]["environment"]
    assert all(name.startswith(start) for name in environment)
    return {name.removeprefix(start).lower(): str(value) for name, value in environment.items()}


def secret_folder(service: str) -> str:
    """Whose secrets a service is given; empty: nobody's."""
    found = [
        volume["volume"]["subpath"]
        for volume in SERVICES[service].get("volumes", ())
        if isinstance(volume, dict) and volume["target"] == SECRETS
    ]
    return "".join(found)


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_do_little(service: str) -> None:
    told = SERVICES[service]
    user, _, group = told.get("user", "").partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["tmpfs"]
    assert told["init"] is True
    for limit in ("cpus", "mem_limit", "pids_limit"):
        assert told[limit]
    assert "privileged" not in told
    assert "cap_add" not in told


@pytest.mark.parametrize("service", SERVICES)
def test_what_stays_is_watched_and_restarted(service: str) -> None:
    told = SERVICES[service]
    if service in ONCE:
        assert told["restart"] == "on-failure:3"
    else:
        assert told["restart"] == "unless-stopped"
        assert told["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("service", SETTINGS)
def test_a_probe_is_frequent_at_the_start_alone(service: str) -> None:
    """Each costs about 0.1 s of CPU."""
    told = SERVICES[service]["healthcheck"]
    assert told["start_interval"] == "1s"
    assert int(told["interval"].removesuffix("s")) >= 30


def test_a_container_may_drain_before_it_is_killed() -> None:
    for service, settings in SETTINGS.items():
        fields = settings.model_fields
        needs = fields["lame_duck_seconds"].default + fields["drain_seconds"].default
        assert 2 * needs < int(SERVICES[service]["stop_grace_period"].removesuffix("s"))


def test_ports_are_published_on_loopback_and_once() -> None:
    published = [
        DEFAULT.sub(r"\1", one) for told in SERVICES.values() for one in told.get("ports", ())
    ]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", one) for one in published)
    assert len({one.split(":")[1] for one in published}) == len(published)


def test_only_what_is_published_or_fetches_is_on_a_network_with_a_way_out() -> None:
    assert FILE["networks"]["inside"] == {"internal": True}
    outside = {name for name, told in SERVICES.items() if "outside" in told.get("networks", ())}
    assert outside == {name for name, told in SERVICES.items() if "ports" in told} | {"bootstrap"}


def test_load_reaches_the_gateways_and_nothing_behind_them() -> None:
    assert SERVICES["load"]["networks"] == ["outside"]
    assert all("outside" in SERVICES[name]["networks"] for name in ("gateway", "gateway-2"))


def test_images_of_others_have_a_version() -> None:
    built = {told["image"] for told in SERVICES.values() if "build" in told}
    for image in {told["image"] for told in SERVICES.values()} - built:
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", image), image
    for image in re.findall(r"^ARG (?:PYTHON|REDIS)=(\S+)$", DOCKERFILE, re.MULTILINE):
        assert re.search(r":\d", image), image


def test_every_target_is_in_the_dockerfile() -> None:
    targets = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {told["build"]["target"] for told in SERVICES.values() if "build" in told} <= {*targets}


def test_training_has_the_torch_that_the_package_names() -> None:
    train = PACKAGE["project"]["optional-dependencies"]["train"]
    (torch,) = (one for one in train if one.startswith("torch"))
    assert f"ARG TORCH={torch}\n" in DOCKERFILE
    assert DEFAULT.sub(r"\1", SERVICES["bootstrap"]["build"]["args"]["TORCH"]) == torch


def commands() -> list[str]:
    """What the Dockerfile runs of pip, where an index is reached or a wheel is built."""
    lines = DOCKERFILE.replace("\\\n", " ")
    return [
        " ".join(found.split()) for found in re.findall(r"\bpip (?:install|wheel) [^|&;\n]+", lines)
    ]


def test_every_package_of_an_image_has_one_version() -> None:
    lines = [line for line in CONSTRAINTS.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[^+]+", line) for line in lines)
    pins = {canonicalize_name(name): pin for name, _, pin in (x.partition("==") for x in lines)}
    extras = PACKAGE["project"]["optional-dependencies"]
    named = (
        *PACKAGE["build-system"]["requires"],
        *PACKAGE["project"]["dependencies"],
        *extras["train"],
        *extras["load"],
    )
    for wanted in map(Requirement, named):
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), wanted


def test_packages_are_installed_by_the_constraints() -> None:
    (made_by,) = (one for one in commands() if "--dry-run" in one)
    installs = [one for one in commands() if one.startswith("pip install") and one != made_by]
    assert len(installs) == 5  # of build, serving, torch, train and load
    for one in installs:
        assert "-c /requirements/constraints.txt --find-links /wheels " in one


def test_a_change_of_code_needs_no_network_to_build() -> None:
    (wheel,) = (one for one in commands() if one.startswith("pip wheel"))
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= {*wheel.split()}


def test_torch_is_asked_for_once() -> None:
    # A second try after a failure would take another build without a word.
    assert "||" not in DOCKERFILE


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_has_every_setting_that_it_is_told(service: str) -> None:
    module = prefix(service).removeprefix("RECSTACK_").removesuffix("_").lower()
    assert SERVICES[service]["command"] == ["python", "-m", f"services.{module}"]
    told = given(service)
    assert {*told} <= {*SETTINGS[service].model_fields}
    if service == "rollout":  # asked with a token, which goes over no network in plain text
        told = {"host": told.pop("metrics_host"), **told}
        assert is_loopback(RolloutSettings.model_fields["host"].default)
    assert told["host"] == "0.0.0.0"
    assert SERVICES[service]["healthcheck"]["test"][-1] == f"127.0.0.1:{port(service)}"


@pytest.mark.parametrize("service", ["gateway", "gateway-2"])
def test_a_gateway_finds_every_stage(service: str) -> None:
    told = given(service)
    for stage in STAGES:
        host, _, number = told[stage].partition(":")
        assert prefix(host) == f"RECSTACK_{stage.upper()}_"
        assert int(number) == port(host)
        assert SERVICES[service]["depends_on"][host] == {"condition": "service_healthy"}
    inside = {one.rpartition(":")[2] for one in SERVICES[service]["ports"]}
    assert inside == {str(port(service)), str(port(service, "http_port"))}


@pytest.mark.parametrize("service", ["gateway", "gateway-2"])
def test_a_gateway_keeps_its_copy_of_the_policy_on_a_volume_that_it_may_write(service: str) -> None:
    folder = Path("/recstack") / Path(given(service)["policy_file"]).parent
    mounts = [volume for volume in SERVICES[service]["volumes"] if isinstance(volume, str)]
    (name,) = (
        mount.partition(":")[0] for mount in mounts if mount.partition(":")[2] == str(folder)
    )
    assert name in FILE["volumes"]
    owned = (ROOT / "deploy/images/finish.sh").read_text()
    assert folder.name in re.findall(r"for folder in (.*);", owned)[0].split()


def test_both_gateways_are_told_the_same() -> None:
    assert SERVICES["gateway"]["environment"] == SERVICES["gateway-2"]["environment"]


@pytest.mark.parametrize("service", SETTINGS)
def test_secrets_are_files_of_the_folder_that_a_service_is_given(service: str) -> None:
    folder = secret_folder(service)
    told = {name: Path(value) for name, value in given(service).items() if name.endswith("_file")}
    files = {path.name for name, path in told.items() if name != "policy_file"}
    assert files == {*READERS.get(folder, ())}
    for name, value in given(service).items():
        if re.search("password|key|token", name):
            assert name.endswith("_file")
            assert Path(value).parent == Path("var/secrets")
    if issubclass(SETTINGS[service], RedisSettings):
        assert given(service)["redis_user"] == folder
    else:
        assert not folder


def test_every_folder_of_secrets_has_a_reader() -> None:
    assert {secret_folder(service) for service in SERVICES} - {""} == {*READERS}


def test_only_redis_has_the_password_of_the_user_who_may_do_all() -> None:
    name = password_file(Path(), OPERATOR).name
    assert [reader for reader, names in READERS.items() if name in names] == ["redis"]


def test_redis_reads_the_users_that_it_is_given() -> None:
    lines = (ROOT / "deploy/redis/redis.conf").read_text().splitlines()
    (users,) = (line.split()[1] for line in lines if line.startswith("aclfile "))
    assert Path(users) in {Path(SECRETS) / name for name in READERS[secret_folder("redis")]}


def test_prometheus_scrapes_every_service_where_its_metrics_are() -> None:
    jobs = {
        job["job_name"]: job["static_configs"][0]["targets"] for job in PROMETHEUS["scrape_configs"]
    }
    targets = {target for name, found in jobs.items() if name != "prometheus" for target in found}
    assert targets == {f"{service}:{port(service, 'metrics_port')}" for service in SETTINGS}


def test_the_build_sees_nothing_but_what_images_are_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    copied = re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for words in copied for source in words.split()}
    kept = [Path(rule.removeprefix("!")) for rule in rules if rule.startswith("!")]
    assert all((ROOT / path).exists() for path in kept)
    assert {s for s in sources if not any(Path(s).is_relative_to(path) for path in kept)} == set()
