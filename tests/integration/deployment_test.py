#!/usr/bin/env python3
"""What is shipped to deploy the service agrees with the service and with itself: deployment_test.py CXRD FAKE_CXRD BUILD

Containers and clusters are not started here; that their files say what the program understands is what this holds.
"""

import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

import service
from service import ROOT

BUILD, FAKE, BINARY = (pathlib.Path(sys.argv.pop(i)).resolve() for i in (3, 2, 1))
DOCKER = ROOT / "docker"
BASE = DOCKER / "kubernetes/base"
# Options that say where something is on the machine that serves.
HERE = ("--listen", "127.0.0.1:0", "--probe-listen", "127.0.0.1:0")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, **options)


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def objects(folder):
    """Every Kubernetes object in the files below, by kind and name; of patches only those that are files."""
    return {(one["kind"], one["metadata"]["name"]): one for path in sorted(folder.rglob("*.yaml"))
            for one in documents(path) if "kind" in one and "metadata" in one}


def options():
    return set(re.findall(r"^  --([a-z-]+)", run(BINARY, "serve", "--help").stdout, re.MULTILINE))


def instructions(path):
    """A Dockerfile's instructions, lines joined, without comments."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    return [line.split(None, 1) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def starts(configuration, *more):
    """Serves for a moment with this file of options: what it says where it refuses one, else ""."""
    with subprocess.Popen([FAKE, "--config", configuration, *HERE, "--grace-ms", "0", *more], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        while (line := process.stdout.readline()) not in ("ready\n", ""):
            pass
        process.terminate()
        words = process.stderr.read()
    return "" if line and process.returncode == 0 and "is no option" not in words else words or "it ended"


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        assert done.returncode == 0, done.stdout + done.stderr
        described = json.loads(run("meson", "introspect", BUILD, "--buildoptions").stdout)
        found = {option["name"]: option["value"] for option in described}
        cls.folder = pathlib.Path(folder)
        cls.prefix = pathlib.Path(found["prefix"])
        cls.etc = cls.prefix / found["sysconfdir"]

    def here(self, path):
        """Where a path of the installed system lies in this folder."""
        return self.folder / str(path).lstrip("/")

    def test_what_the_unit_names_is_there(self):
        unit = self.here(self.prefix / "lib/systemd/system/cxrd.service").read_text()
        self.assertNotRegex(unit, "@[a-z]+@")
        program, serve, config, path = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
        self.assertEqual((serve, config), ("serve", "--config"))
        self.assertTrue(self.here(program).is_file())
        self.assertEqual(path, str(self.etc / "cxrd/cxrd.yaml"))
        self.assertTrue(self.here(path).is_file())
        self.assertTrue(self.here(re.search(r"file:(\S+)", unit)[1]).is_file())
        stop, left = (int(re.search(pattern, text)[1]) for pattern, text in
                      ((r"TimeoutStopSec=(\d+)", unit), (r"drain-timeout-ms N .*\((\d+)\)", run(BINARY, "serve", "--help").stdout)))
        self.assertGreater(stop, left / 1000 + 5)

    def test_the_unit_is_confined(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        unit = self.here(self.prefix / "lib/systemd/system/cxrd.service")
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
        exposure = re.search(r"Overall exposure level for cxrd.service: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(exposure, done.stdout + done.stderr)
        self.assertLess(float(exposure[1]), 2.0, done.stdout)
        self.assertEqual(done.returncode, 0)

    def test_the_options_are_known_and_the_model_is_whole(self):
        path = self.here(self.etc / "cxrd/cxrd.yaml")
        text = path.read_text()
        self.assertEqual(starts(path), "")
        every = path.with_name("every.yaml")
        every.write_text(re.sub(r"^#([a-z-]+:)", r"\1", text, flags=re.MULTILINE).replace("api-keys:", "cors-origins: '*' #"))
        self.assertEqual(starts(every), "")
        model = yaml.safe_load(text)["model"][0]
        self.assertEqual(run(self.here(self.prefix / "bin/cxrd"), "inspect", self.here(model)).returncode, 0)

    def test_the_manual_names_every_command(self):
        page = self.here(self.prefix / "share/man/man1/cxrd.1").read_text()
        commands = set(re.findall(r"^  ([a-z]+)  ", run(BINARY, "--help").stdout, re.MULTILINE))
        self.assertGreater(len(commands), 8)
        self.assertEqual(set(re.findall(r"^\.TP\n\.B ([a-z]+)$", page, re.MULTILINE)), commands)

    def test_documents_link_to_what_is_there(self):
        folder = self.here(self.prefix / "share/doc/cxrd")
        for name in ("README.md", "operating.md", "openapi.yaml", "monitoring/alerts.yaml", "examples/haproxy.cfg", "examples/nginx.conf"):
            self.assertTrue((folder / name).is_file(), name)


class Containers(unittest.TestCase):
    def test_variables_are_options(self):
        known = {"CXRD_" + name.upper().replace("-", "_") for name in options()}
        named = set(re.findall(r"\b(CXRD_[A-Z_]+)=", "\n".join(rest for word, rest in instructions(DOCKER / "Dockerfile") if word == "ENV")))
        self.assertIn("CXRD_MODEL", named)
        named |= set(yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["cxrd"]["environment"])
        for (_, name), one in objects(DOCKER / "kubernetes").items():
            if name != "cxrd-proxy":
                named |= {name for name in re.findall(r"CXRD_[A-Z_]+", json.dumps(one))}
        self.assertLessEqual(named, known)

    def test_the_image_has_what_the_program_is_linked_with(self):
        # What a library needs in turn its package brings.
        itself = re.findall(r"\(NEEDED\).*\[(\S+)\]", run("readelf", "-d", BINARY).stdout)
        files = [file for name, file in re.findall(r"(\S+) => (/\S+)", run("ldd", BINARY).stdout) if name in itself]
        self.assertTrue(files)
        needed = set()
        for file in files:
            places = (file, re.sub("^/lib/", "/usr/lib/", file), re.sub("^/usr/lib/", "/lib/", file))
            owners = run("dpkg", "-S", *places).stdout
            needed |= {re.sub(r"t64$", "", line.split(":")[0]) for line in owners.splitlines()}
        needed -= {"libc6", "libgcc-s1", "libstdc++6", "libasan8", "libubsan1"}
        named = next(rest for word, rest in instructions(DOCKER / "Dockerfile") if word == "RUN" and "libcivetweb1" in rest)
        given = {re.sub("t64$", "", name) for name in re.findall(r"\b(?:lib[a-z0-9.+-]+|zlib1g)\b", named.split("&&")[1])}
        self.assertLessEqual(needed, given)
        self.assertLessEqual(given, needed | {"libgcc-s1", "libstdc++6"}, "the image has a library that the program does not use")

    def test_who_runs_is_nobody_and_the_same_everywhere(self):
        users = [rest for word, rest in instructions(DOCKER / "Dockerfile") if word == "USER" and rest != "root"]
        self.assertEqual(set(users), {"10001:10001"})
        compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["cxrd"]
        pod = objects(BASE)["Deployment", "cxrd"]["spec"]["template"]["spec"]
        self.assertEqual((compose["user"], compose["read_only"]), ("10001:10001", True))
        self.assertEqual((pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]), (10001, 10001))
        last = [rest for word, rest in instructions(DOCKER / "Dockerfile") if word in ("USER", "FROM")][-1]
        self.assertEqual(last, "10001:10001")

    def test_files_that_are_mounted_are_there(self):
        for name, one in yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"].items():
            for volume in one.get("volumes", []):
                source = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", volume).split(":")[0]
                self.assertTrue("/" not in source or (DOCKER / source).exists(), f"{name}: {source}")

    def test_it_is_given_time_to_stop(self):
        grace = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["cxrd"]["stop_grace_period"]
        self.assertGreater(int(grace.rstrip("s")), 5 + 30)

    def test_the_bill_of_materials_can_be_read(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name in ("usr/bin", "etc", "var/lib/dpkg"):
                (root / name).mkdir(parents=True)
            shutil.copy("/etc/os-release", root / "etc")
            (root / "usr/bin/cxrd").symlink_to(BINARY)
            (root / "var/lib/dpkg/status").write_text("Package: libodd++1\nStatus: install ok installed\nArchitecture: amd64\n"
                                                      "Source: odd (1:2.0)\nVersion: 1:2.0+b1~x\nMaintainer: a\nDescription: b\n\n")
            done = run("sh", DOCKER / "sbom.sh", "cxrd-test", root)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            names = {package["name"]: package for package in found["packages"]}
            self.assertEqual(set(names), {"cxrd", "libodd++1"})
            odd = names["libodd++1"]
            self.assertEqual((odd["versionInfo"], odd["sourceInfo"]), ("1:2.0+b1~x", "built from odd 1:2.0"))
            self.assertTrue(odd["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/debian/libodd%2B%2B1@1%3A2.0%2Bb1~x?arch=amd64&distro="))
            identifiers = [package["SPDXID"] for package in found["packages"]]
            self.assertEqual(len(identifiers), len(set(identifiers)))
            for relation in found["relationships"]:
                self.assertIn(relation["relatedSpdxElement"], identifiers)
            self.assertRegex(names["cxrd"]["versionInfo"], r"^\d+\.\d+\.\d+$")


class Cluster(unittest.TestCase):
    def setUp(self):
        self.base = objects(BASE)
        self.deployment = self.base["Deployment", "cxrd"]["spec"]
        self.pod = self.deployment["template"]["spec"]
        self.container = self.pod["containers"][0]

    def test_options_are_known(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write(f"a:{'0' * 64}\n")
            keys.flush()
            self.assertEqual(starts(BASE / "cxrd.yaml", "--model", "demo", "--api-keys", keys.name), "")

    def test_probes_ask_what_is_there(self):
        ports = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        given = yaml.safe_load((BASE / "cxrd.yaml").read_text())
        self.assertEqual((given["listen"], given["probe-listen"]), (f"0.0.0.0:{ports['http']}", f"0.0.0.0:{ports['probes']}"))
        kserve = objects(DOCKER / "kubernetes/kserve")["ServingRuntime", "cxrd"]["spec"]["containers"][0]
        for container in (self.container, kserve):
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                asked = container[kind]["httpGet"]
                self.assertIsNotNone(service.DESCRIPTION.operation("GET", asked["path"]), asked)
                self.assertIn(asked["port"], [*ports, *ports.values()])
                # The probes' listener has no others.
                self.assertTrue(asked["path"] in ("/healthz", "/readyz") or asked["port"] == ports["http"], asked)
            self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/healthz")
        for (kind, name), one in self.base.items():
            for port in one["spec"]["ports"] if kind == "Service" else []:
                self.assertIn(port["targetPort"], ports, name)

    def test_it_is_given_time_to_stop(self):
        given = yaml.safe_load((BASE / "cxrd.yaml").read_text())
        sleep = int(self.container["lifecycle"]["preStop"]["exec"]["command"][1])
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], sleep + (given["grace-ms"] + given["drain-timeout-ms"]) / 1000)
        start = self.container["startupProbe"]
        self.assertGreater(self.deployment["progressDeadlineSeconds"], start["periodSeconds"] * start["failureThreshold"])

    def test_selectors_find_the_pods(self):
        labels = {"app.kubernetes.io/name": "cxrd"}
        kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
        self.assertEqual(kustomization["labels"], [{"pairs": labels, "includeTemplates": True}])
        self.assertEqual(self.deployment["selector"]["matchLabels"], labels)
        for name in ("cxrd", "cxrd-pods"):
            self.assertEqual(self.base["Service", name]["spec"]["selector"], labels)
        self.assertEqual(self.base["PodDisruptionBudget", "cxrd"]["spec"]["selector"]["matchLabels"], labels)
        self.assertEqual(self.base["NetworkPolicy", "cxrd"]["spec"]["podSelector"]["matchLabels"], labels)

    def test_mounts_have_their_volumes_and_files(self):
        volumes = {volume["name"] for volume in self.pod["volumes"]}
        for container in [*self.pod["containers"], *self.pod["initContainers"]]:
            self.assertLessEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)
            self.assertTrue(container["securityContext"]["readOnlyRootFilesystem"])
        for path in (DOCKER / "kubernetes").rglob("kustomization.yaml"):
            for name in yaml.safe_load(path.read_text()).get("resources", []):
                self.assertTrue((path.parent / name).exists(), f"{path}: {name}")

    def test_an_archive_has_a_shard_a_pod(self):
        job = objects(DOCKER / "kubernetes/archive")["Job", "cxrd-archive"]["spec"]
        pod = job["template"]["spec"]
        container = pod["containers"][0]
        shell, flag, script = container["command"]
        self.assertEqual((shell, flag), ("sh", "-c"))
        words = shlex.split(script.replace("$((JOB_COMPLETION_INDEX + 1))", "I"))
        self.assertEqual(words[:3], ["exec", "cxrd", "predict"])
        self.assertEqual(words[words.index("--shard") + 1], f"I/{job['completions']}")
        given = {word for word in words if word.startswith("--")}
        self.assertLessEqual(given, set(re.findall(r"^  (--[a-z-]+)", run(BINARY, "predict", "--help").stdout, re.MULTILINE)))
        self.assertLessEqual({"--resume", "--output"}, given)
        volumes = {volume["name"] for volume in pod["volumes"]}
        for one in [container, *pod["initContainers"]]:
            self.assertLessEqual({mount["name"] for mount in one["volumeMounts"]}, volumes)
            self.assertEqual(one["securityContext"], self.container["securityContext"])
        self.assertEqual(pod["securityContext"], self.pod["securityContext"])
        # A drained node costs none of a shard's tries; the first rule that fits counts.
        ignored, given_up = job["podFailurePolicy"]["rules"]
        self.assertEqual((ignored["action"], ignored["onPodConditions"]), ("Ignore", [{"type": "DisruptionTarget"}]))
        self.assertEqual((given_up["action"], given_up["onExitCodes"]["values"]), ("FailIndex", [2]))
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        for name in ("--model", "--output"):
            self.assertIn(words[words.index(name) + 1], mounts)
        self.assertIn(words[-1], mounts)

    def test_patches_name_what_is_there(self):
        for path in (DOCKER / "kubernetes").rglob("kustomization.yaml"):
            for patch in yaml.safe_load(path.read_text()).get("patches", []):
                self.assertIn((patch["target"]["kind"], patch["target"]["name"]), self.base, path)
                body = yaml.safe_load(patch["patch"])
                if isinstance(body, dict):
                    names = [container["name"] for container in body["spec"]["template"]["spec"]["containers"]]
                    self.assertEqual(names, [self.container["name"]], path)
                    continue
                for step in body:
                    found = self.base["Deployment", "cxrd"]
                    for part in step["path"].strip("/").split("/"):
                        found = found[int(part) if part.isdigit() else part]
                    self.assertTrue(step["op"] == "remove" or found["name"] == step["value"]["name"] == "models", step)

    def test_scaling_asks_for_a_metric_that_is_there(self):
        described = service.DESCRIPTION.operation("GET", "/metrics")["responses"]["200"]["description"]
        metrics = set(re.findall(r"cxr_[a-z_]+", described))
        for path in (DOCKER / "kubernetes/components").rglob("*.yaml"):
            for name in re.findall(r"\bcxr_[a-z_]+", path.read_text()):
                self.assertIn(re.sub("_(bucket|sum|count)$", "", name), metrics, path)

    def test_the_proxy_is_the_one_that_is_tested(self):
        folder = DOCKER / "kubernetes/components/haproxy"
        self.assertEqual((folder / "haproxy.cfg").read_text(), (DOCKER / "haproxy.cfg").read_text())
        pod = objects(folder)["Deployment", "cxrd-proxy"]["spec"]["template"]
        text = (DOCKER / "haproxy.cfg").read_text()
        for port in pod["spec"]["containers"][0]["ports"]:
            self.assertIn(f"bind :{port['containerPort']}\n", text)
        variables = {variable["name"] for variable in pod["spec"]["containers"][0]["env"]}
        self.assertLessEqual(set(re.findall(r"\$\{([A-Z_]+)-", text)), variables)
        allowed = self.base["NetworkPolicy", "cxrd"]["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        self.assertLessEqual(allowed.items(), pod["metadata"]["labels"].items())

    def test_alerts_are_the_same_everywhere(self):
        rules = objects(DOCKER / "kubernetes/components")["PrometheusRule", "cxrd"]["spec"]["groups"]
        self.assertEqual(rules, yaml.safe_load((ROOT / "docs/monitoring/alerts.yaml").read_text())["groups"])


class Prometheus(unittest.TestCase):
    def setUp(self):
        if not shutil.which("promtool"):
            self.skipTest("no promtool")

    def test_rules_and_configuration_are_in_order(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / "docs/monitoring/alerts.yaml", folder)
            shutil.copy(DOCKER / "prometheus.yaml", folder)
            done = run("promtool", "check", "config", pathlib.Path(folder) / "prometheus.yaml")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("14 rules found", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
