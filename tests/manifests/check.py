"""The compose file and the Kubernetes manifests under `deploy/`: linters first, then what no linter knows.
`check.py LARDER`, with the binary's path. What `larder check-config` says of each container's environment is what a node
started so would say; that settings exist, that ports and times agree, is checked here. Ends with status 1 at the first
thing that is wrong."""

import pathlib
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
TOOLS = pathlib.Path(sys.executable).parent
LARDER = sys.argv[1]


def fail(what):
    sys.exit(f"deploy: {what}")


def need(holds, what):
    if not holds:
        fail(what)


def lint(*command):
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, check=False)
    need(run.returncode == 0, f"{command[0].name}:\n{run.stdout}{run.stderr}")


def linters():
    compose = DEPLOY / "compose.yaml"
    lint(TOOLS / "yamllint", "--strict", "--config-file", ROOT / "tests/manifests/yamllint.yaml", compose, *MANIFESTS)
    lint(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", compose)
    # A kustomization is read by kubectl alone, so no schema of the cluster's describes it.
    of_cluster = [path for path in MANIFESTS if path.name != "kustomization.yaml"]
    lint(TOOLS / "kubernetes-validate", "--strict", "--quiet", *of_cluster)


def settings(environment, arguments):
    """What a node with this environment takes the settings for, by name."""
    run = subprocess.run(
        [LARDER, "check-config", *arguments], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    need(run.returncode == 0, f"check-config with {environment}: {run.stderr}")
    need("warning" not in run.stderr, run.stderr)
    pairs = (line.split(" = ", 1) for line in run.stdout.splitlines())
    return {name: value.strip('"') for name, value in pairs}


def image_environment():
    """What the Dockerfile sets."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if line.startswith("ENV "))
    return dict(pair.split("=", 1) for pair in line.split()[1:])


def with_secret(environment, secret):
    need("LARDER_CLUSTER_SECRET_FILE" in environment, "no file for the cluster's secret")
    return {**image_environment(), **environment, "LARDER_CLUSTER_SECRET_FILE": secret}


def seconds(text):
    need(text.endswith("s"), f"{text} is no number of seconds")
    return int(text[:-1])


def compose(secret):
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = document["services"]
    need(len(services) >= 3, "a region has three nodes")
    expected_peers = {f"{name}:6381" for name in services}
    zones, volumes = set(), set()
    for name, service in services.items():
        environment = dict(service["environment"])
        need(environment["LARDER_REQUIRE_PASSWORD"].startswith("${LARDER_REQUIRE_PASSWORD:?"), "a password in the file")
        environment["LARDER_REQUIRE_PASSWORD"] = "secret"
        found = settings(with_secret(environment, secret), [])
        need(found["advertise"] == name, f"{name} says that it is {found['advertise']}")
        need(set(found["join"].split(",")) == expected_peers, f"{name} joins {found['join']}")
        need(int(found["bootstrap-expect"]) == len(services), f"{name} expects {found['bootstrap-expect']} nodes")
        need(seconds(service["stop_grace_period"]) > int(found["shutdown-timeout"]), f"{name} is killed while it hands over")
        secrets = {f"/run/secrets/{secret}" for secret in service["secrets"]}
        need(environment["LARDER_CLUSTER_SECRET_FILE"] in secrets, f"{name} has no file for the secret")
        (volume,) = service["volumes"]
        need(volume.split(":") == [volume.split(":")[0], found["state-dir"]], f"{name} keeps its state at {volume}")
        need(volume.split(":")[0] in document["volumes"], f"{volume} is no volume")
        volumes.add(volume)
        zones.add(found["zone"])
        verb = service["healthcheck"]["test"]
        need(verb[:2] == ["CMD", "/usr/local/bin/larder"], "the health check runs something else")
        known(verb[2:])
    need(len(volumes) == len(services) and len(zones) == len(services), "nodes share a volume or a zone")


def known(words):
    """The verb and its flags exist: its help names them."""
    run = subprocess.run([LARDER, words[0], "--help"], capture_output=True, text=True, timeout=20, check=False)
    need(run.returncode == 0, f"larder {words[0]}: {run.stderr}")
    for flag in (word for word in words if word.startswith("--")):
        need(flag in run.stdout, f"larder {words[0]} has no {flag}")


def documents():
    found = {}
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            found[document["kind"], document.get("metadata", {}).get("name", path.name)] = document
    return found


def kubernetes(secret):
    found = documents()
    listed = found["Kustomization", "kustomization.yaml"]["resources"]
    need(sorted(listed) == sorted(path.name for path in MANIFESTS if path.name != "kustomization.yaml"), "a file is not listed")
    stateful = found["StatefulSet", "larder"]["spec"]
    pod = stateful["template"]["spec"]
    (container,) = pod["containers"]
    labels = stateful["selector"]["matchLabels"]
    need(labels.items() <= stateful["template"]["metadata"]["labels"].items(), "the set does not select its pods")
    node(container, stateful, pod, secret)
    headless = found["Service", stateful["serviceName"]]["spec"]
    need(headless["clusterIP"] == "None" and headless["publishNotReadyAddresses"], "nodes could not find each other")
    for service in (headless, found["Service", "larder"]["spec"]):
        need(service["selector"] == labels, "a service selects something else")
    budget = found["PodDisruptionBudget", "larder"]["spec"]
    need(budget["selector"]["matchLabels"] == labels and budget["maxUnavailable"] == 1, "more than one node at once")
    need(found["NetworkPolicy", "larder"]["spec"]["podSelector"]["matchLabels"] == labels, "the policy is of other pods")


def node(container, stateful, pod, secret):
    environment = {}
    for variable in container["env"]:
        value = variable.get("value") or {"POD_NAME": "larder-0", "POD_NAMESPACE": "cache"}.get(variable["name"], "secret")
        for name, known_value in environment.items():
            # As Kubernetes does: a variable may name those before it.
            value = value.replace(f"$({name})", known_value)
        need("$(" not in value, f"{variable['name']} names a variable that is not there yet: {value}")
        environment[variable["name"]] = value
    secret_file = environment["LARDER_CLUSTER_SECRET_FILE"]
    found = settings(with_secret(environment, secret), container["args"][1:])
    need(container["args"][0] == "node", "the container runs something else")
    port = int(found["port"])
    need([port["containerPort"] for port in container["ports"]] == list(range(port, port + 4)), "the ports are others")
    need(found["advertise"] == f"larder-0.{stateful['serviceName']}.cache.svc", f"it says that it is {found['advertise']}")
    need(found["join"] == f"{stateful['serviceName']}.cache.svc:{port + 2}", f"it joins {found['join']}")
    need(int(found["bootstrap-expect"]) <= stateful["replicas"], "it waits for more nodes than there are")
    need(stateful["podManagementPolicy"] == "Parallel", "the first node would wait for others for ever")
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    holds = lambda path: [name for mount, name in mounts.items() if path.startswith(mount + "/")]
    (claim,) = stateful["volumeClaimTemplates"]
    need(holds(found["state-dir"]) == [claim["metadata"]["name"]], "the state is not on a volume of its own")
    need(holds(secret_file) != [], "the secret is not mounted")
    probes = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]
    need([(probe["path"], probe["port"]) for probe in probes] == [("/livez", "admin"), ("/readyz", "admin")], "the probes")
    script = container["lifecycle"]["preStop"]["exec"]["command"][-1]
    waits = 0
    for command in script.replace(">/dev/null", "").split(";"):
        program, *words = command.split()
        need(program == "larder", f"preStop runs {program}")
        known(words)
        waits += int(words[words.index("--wait-healthy") + 1]) if "--wait-healthy" in words else 0
    need("drain" in script.split(), "preStop does not drain")
    grace = pod["terminationGracePeriodSeconds"]
    need(grace >= waits + 2 * int(found["shutdown-timeout"]), f"{grace} s are too few for {waits} s and a hand-over")
    user = next(line.split()[1] for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("USER "))
    context = pod["securityContext"]
    need(f"{context['runAsUser']}:{context['runAsGroup']}" == user and context["runAsNonRoot"], "another user than the image's")
    need(container["securityContext"]["readOnlyRootFilesystem"], "it may write where it need not")


def main():
    linters()
    with tempfile.NamedTemporaryFile("w", suffix=".secret") as file:
        file.write("a secret for this test alone\n")
        file.flush()
        compose(file.name)
        kubernetes(file.name)
    print("deploy: compose file and manifests are as they should be")


main()
