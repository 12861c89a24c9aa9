"""Checks the deployment files: container, compose, Prometheus rules, Helm charts, systemd units, and the settings that they hold.

    python -m venv target/deploy-lint && target/deploy-lint/bin/pip install --requirement deploy/lint/requirements.txt
    target/deploy-lint/bin/python deploy/lint/lint.py [TACITA]

TACITA is the binary that `check-config` of the settings and the units' `verify` is done with; without it both are skipped by name.
What is not checked: whether the images named in the files exist.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python
import kubernetes_validate
import yaml

DEPLOY = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
KUBERNETES = "1.34"
# Kinds that no released Kubernetes schema has: the Prometheus operator's.
FOREIGN_KINDS = {"ServiceMonitor"}
# What systemd-analyze calls exposure, in tenths: 12 is what the units have.
MOST_EXPOSURE = "15"

# Values that a chart must refuse, each with a word of the reason.
REFUSED = [
    ("tacita-collector", {"replicas": 2}, "one replica"),
    ("tacita-collector", {"replicas": 2, "store": {"engine": "postgresql", "urlSecret": "x"}}, "ReadWriteMany"),
    ("tacita-collector", {"store": {"engine": "postgresql"}}, "urlSecret"),
    ("tacita-collector", {"settings": {"listen": "0.0.0.0:1"}}, "settings"),
    ("tacita-collector", {"tls": {"clientCaSecret": "x"}}, "secret"),
    ("tacita-relay", {}, "signingKey"),
]

failures = 0
skipped = 0
passed = 0


def check(name, problems):
    global failures, passed
    if problems:
        failures += 1
        print(f"FAILED {name}")
        for problem in problems:
            print(f"    {problem}")
    else:
        passed += 1
        print(f"ok     {name}")


def skip(name, reason):
    global skipped
    skipped += 1
    print(f"skipped: {name} ({reason})")


def run(*words):
    """What the command said, if it failed."""
    done = subprocess.run([str(word) for word in words], cwd=DEPLOY, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    return [] if done.returncode == 0 else said or [f"exit code {done.returncode}"]


def container():
    check("container: hadolint", run(BIN / "hadolint", "--failure-threshold", "style", "container/Containerfile"))


def compose():
    files = sorted((DEPLOY / "compose").glob("*.y*ml")) + sorted((DEPLOY / "helm").glob("*/[Cv]*.yaml")) + sorted((DEPLOY / "prometheus").glob("*.yml"))
    check("yamllint", run(BIN / "yamllint", "--strict", "--config-file", "lint/yamllint.yaml", *files))
    check("compose: schema", run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose/compose.yaml"))
    named = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["configs"]
    missing = [entry["file"] for entry in named.values() if not (DEPLOY / "compose" / entry["file"]).is_file()]
    check("compose: the files it names", missing)


def alerts():
    """Each alert names a part of the runbook that is there."""
    runbook = (DEPLOY / "RUNBOOK.md").read_text()
    problems = []
    for group in yaml.safe_load((DEPLOY / "prometheus/tacita.rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            named = re.fullmatch(r"deploy/RUNBOOK\.md, section (\d)(?:: (.+))?", rule["annotations"].get("runbook", ""))
            if named is None:
                problems.append(f"{rule['alert']}: no annotation `runbook: \"deploy/RUNBOOK.md, section N: PART\"`")
                continue
            section = re.search(rf"^## {named[1]}\. .*?(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL)
            if section is None or (named[2] and f"**{named[2]}" not in section[0]):
                problems.append(f"{rule['alert']}: the runbook has no part '{named[0]}'")
    check("alerts: the parts of the runbook that they name", problems)


def prometheus():
    rules = yaml.safe_load((DEPLOY / "prometheus/tacita.rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    tests = (DEPLOY / "prometheus/tacita.test.yml").read_text()
    check("prometheus: each alert has a test", sorted(f"{alert} has none" for alert in alerts if f'"{alert}"' not in tests))
    name = "prometheus: promtool"
    if shutil.which("promtool") is None:
        skip(name, "no promtool here: Debian's package prometheus has it")
        return
    check(f"{name} check rules", run("promtool", "check", "rules", "prometheus/tacita.rules.yml"))
    check(f"{name} test rules", run("promtool", "test", "rules", "prometheus/tacita.test.yml"))
    check(f"{name} check config", run("promtool", "check", "config", "--syntax-only", "compose/prometheus.yml"))


def rendered(chart, values):
    """Every object of a chart, as Kubernetes would be given it."""
    with helm_python.Chart.load(str(chart)) as loaded:
        texts = loaded.render(values, name="lint", namespace="tacita")
    for path, text in texts.items():
        if path.endswith(".yaml"):
            yield from (document for document in yaml.safe_load_all(text) if document)


def charts(tacita):
    for chart in sorted((DEPLOY / "helm").iterdir()):
        for case in sorted(chart.glob("ci/*-values.yaml")):
            name = f"{chart.name} with {case.stem}"
            values = yaml.safe_load(case.read_text())
            report = helm_python.lint(str(chart), values, strict=True, kube_version=f"v{KUBERNETES}.0")
            check(f"{name}: helm lint", [message["error"] for message in report["messages"] if message["severity"] > 1])
            problems = []
            for document in rendered(chart, values):
                problems += problems_of(document)
                if document["kind"] == "ConfigMap":
                    settings(tacita, name, document["data"])
            check(f"{name}: Kubernetes {KUBERNETES}", problems)


def problems_of(document):
    if document["kind"] in FOREIGN_KINDS:
        return []
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{document['kind']}: {'.'.join(map(str, error.path))}: {error.message}"]
    return []


def refusals():
    for name, values, reason in REFUSED:
        chart = DEPLOY / "helm" / name
        try:
            list(rendered(chart, values))
            said = "it was taken"
        except helm_python.HelmError as error:
            said = str(error)
        check(f"{name} refuses {json.dumps(values)}", [] if reason in said else [said])


def settings(tacita, name, files):
    """Settings that a deployment file holds, as the binary reads them."""
    for file, text in files.items():
        party = file.removesuffix(".toml")
        title = f"{name}: check-config {party}"
        if tacita is None:
            skip(title, "no binary was given")
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / file
            # Folders and files of the machine that it is for are not here; the SDK's build is in the image.
            text = re.sub(r'^sdk = "/usr/share/tacita/sdk"$', "", text.replace("/var/lib/tacita", folder), flags=re.MULTILINE)
            for secret in ("tls/tls.crt", "tls/tls.key", "client-ca/ca.crt"):
                text = text.replace(f"/etc/tacita/{secret}", str(certificates() / secret.split("/")[1]))
            key = Path(folder) / "key"
            key.write_text("tacita_1_" + "A" * 43)
            for secret in ("/etc/tacita/key/key", "/run/secrets/relay-key"):
                text = text.replace(secret, str(key))
            path.write_text(text)
            check(title, run(tacita, "check-config", party, "--config", path))


def certificates(made=[]):
    """A certificate of a made-up authority, once."""
    if not made:
        folder = Path(tempfile.mkdtemp())
        words = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=lint", "-days", "1"]
        subprocess.run([*words, "-keyout", folder / "tls.key", "-out", folder / "tls.crt"], check=True, capture_output=True)
        shutil.copy(folder / "tls.crt", folder / "ca.crt")
        made.append(folder)
    return made[0]


def units(tacita):
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        name = f"{unit.name}: systemd-analyze"
        if shutil.which("systemd-analyze") is None:
            skip(name, "no systemd here")
            continue
        check(f"{name} security", run("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", unit))
        if tacita is None:
            skip(f"{name} verify", "no binary was given")
            continue
        with tempfile.TemporaryDirectory() as root:
            shutil.copytree("/lib/systemd/system", f"{root}/lib/systemd/system", symlinks=True)
            binaries = {"tacita": tacita, "kill": shutil.which("kill")}
            files = {f"usr/bin/{name}": file for name, file in binaries.items()} | {f"etc/systemd/system/{unit.name}": unit}
            for where, file in files.items():
                place = Path(root) / where
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
            check(f"{name} verify", run("systemd-analyze", "verify", "--man=no", f"--root={root}", unit.name))


def main():
    tacita = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    container()
    compose()
    alerts()
    prometheus()
    charts(tacita)
    refusals()
    for party in ("collector", "relay"):
        file = DEPLOY / "compose" / f"{party}.toml"
        settings(tacita, "compose", {file.name: file.read_text()})
    units(tacita)
    print(f"{passed} passed, {failures} failed, {skipped} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
