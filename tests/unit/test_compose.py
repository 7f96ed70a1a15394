"""compose.yaml is read strictly: what it says is what runs, and what is wrong is said in one line."""

from pathlib import Path

import pytest
from mlfleet import compose, strict_yaml
from mlfleet.builders.layers import has_devel, layer_dockerfile
from mlfleet.errors import UsageError
from mlfleet.launch import recipe
from mlfleet.launch.base import LaunchSpec
from mlfleet.model import Environment

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
TEXT = FILE.read_text()


def load(tmp_path: Path, text: str | bytes, **environment: str) -> tuple[compose.Service, ...]:
    file = tmp_path / "compose.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return compose.load(file, environment)


def document(path: Path) -> dict:
    found = strict_yaml.read(path, {}).value
    assert isinstance(found, dict)
    return found


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    return str(caught.value)


def test_every_service_has_its_folder_and_dockerfile_and_every_language_a_control():
    services = compose.load(FILE, {})
    for service in services:
        home = {"python": "services", "rust": "rust_services"}[service.language]
        assert (ROOT / home / compose.folder(service.key, service.language)).is_dir()
    assert all((ROOT / dockerfile).is_file() for dockerfile in compose.DOCKERFILES)
    assert {s.language for s in services if s.control} == {s.language for s in services}
    assert not services[0].control  # the baseline


def test_variables_change_tags_and_memory_and_an_empty_one_is_the_default(tmp_path):
    environment = {"MLFLEET_SKLEARN_TAG": "1.5.2", "MLFLEET_LINFA_TAG": "", "MLFLEET_MEMORY": "512m"}
    found = {service.key: service for service in load(tmp_path, TEXT, **environment)}
    sklearn, linfa = found["sklearn"], found["linfa"]
    assert (sklearn.tag, linfa.tag) == ("1.5.2", "0.8.1")
    assert {sklearn.memory_bytes, linfa.memory_bytes} == {512 << 20}


def test_a_service_may_stand_on_a_layer_that_this_repository_makes(tmp_path):
    layers = {service.key: service.layer for service in load(tmp_path, TEXT)}
    assert (layers["sklearn"], layers["tch"]) == (None, layers["pytorch"])
    built = {key: stanza["build"]["args"] for key, stanza in document(FILE)["services"].items() if key in layers}
    for layer in {layer for layer in layers.values() if layer}:
        assert layer_dockerfile(layer, ROOT).is_file()
        on_it = [arguments for key, arguments in built.items() if layers[key] == layer]
        awaited = f"{layer}{compose.DEVEL_SUFFIX}" if has_devel(layer, ROOT) else None
        assert {arguments.get("DEVEL") for arguments in on_it} == {awaited}


def test_a_layer_that_nothing_makes_is_named():
    with pytest.raises(UsageError, match=r"LAYER is mlfleet/jax:1, .* awaited docker/jax.Dockerfile and services/jax"):
        layer_dockerfile("mlfleet/jax:1", ROOT)


def test_the_orchestrator_is_no_service_and_has_an_image(tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text(TEXT)
    assert compose.ORCHESTRATOR not in {service.key for service in compose.load(file, {})}
    assert compose.orchestrator_image(file, {"MLFLEET_ORCHESTRATOR_TAG": "9"}) == "mlfleet/orchestrator:9"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    image: mlfleet/sklearn", "    imgae: mlfleet/sklearn", "unknown key 'imgae'"),
        ("  linfa:\n", "  sklearn:\n", "'sklearn' stands twice"),
        ("    image: mlfleet/linfa", "    cap_drop: []\n    image: mlfleet/linfa", "cap_drop is []"),
        ("    image: mlfleet/linfa", "    privileged: true\n    image: mlfleet/linfa", "unknown key 'privileged'"),
        ("    image: mlfleet/linfa", "    network_mode: host\n    image: mlfleet/linfa", "network_mode is host"),
        (
            "    image: mlfleet/linfa",
            "    mem_limit: 9g\n    image: mlfleet/linfa",
            "mem_limit and memswap_limit differ",
        ),
        ("  linfa:\n    <<: *service\n", "  linfa:\n", "user is missing"),
        ("mlfleet/linfa:${MLFLEET_LINFA_TAG:-0.8.1}", "mlfleet/sklearn:0.8.1", "awaited mlfleet/linfa:"),
        ("mlfleet/linfa:${MLFLEET_LINFA_TAG:-0.8.1}", "mlfleet/linfa", "awaited mlfleet/linfa:"),
        ("${MLFLEET_LINFA_TAG:-0.8.1}", "${HOME}", "only ${MLFLEET_X:-default}"),
        ("${MLFLEET_LINFA_TAG:-0.8.1}", "${MLFLEET_LINFA_TAG}", "only ${MLFLEET_X:-default}"),
        ("SERVICE: linfa", "SERVICE: sklearn", "build is"),
        ('LAYER: "mlfleet/torch:2.11.0"', 'LAYER: "evil/torch:2.11.0"', "build is"),
        ('LAYER: "mlfleet/torch:2.11.0"', 'LAYER: "mlfleet/torch"', "build is"),
        ('DEVEL: "mlfleet/cuda:13.0-devel"', 'DEVEL: "mlfleet/cuda:12.8-devel"', "build is"),
        ("SERVICE: linfa}}\n    profiles: [rust]", "SERVICE: linfa}}\n    profiles: [all]", "awaited [rust]"),
        ("    pid: host", "    privileged: true", "privileged differs from x-service"),
        ("    network_mode: none\n    read_only", "    read_only", "network_mode is missing"),
        ("    pid: host", "    user: root", "user differs from x-service"),
        ("      - ./results", "      - /var/run/docker.sock:/x\n      - ./results", "the engine's socket"),
        ("    profiles: [orchestrator]\n", "", "awaited build"),
        ("image: mlfleet/orchestrator", "image: evil/orchestrator", "awaited mlfleet/orchestrator:"),
        ("dockerfile: docker/orchestrator.Dockerfile", "dockerfile: docker/rust.Dockerfile", "awaited build"),
        ("dockerfile: docker/rust.Dockerfile", "dockerfile: /etc/passwd", "awaited one of docker/python.Dockerfile"),
        ("context: ., dockerfile: docker/rust", "context: .., dockerfile: docker/rust", "build is"),
        ('control: "true"', 'control: "no"', "labels are"),
        ("\nvolumes:", "\nvolume:", "did you mean 'volumes'?"),
        ('user: "65532:65532"', 'user: !!str "65532:65532"', "tag "),
        ("  linfa:\n", '  "li\\u202Enfa":\n', "\\u202e"),
    ],
)
def test_a_wrong_stanza_is_refused_with_its_line(tmp_path, old, new, said):
    assert old in TEXT
    said_lines = refusal(tmp_path, TEXT.replace(old, new)).splitlines()
    assert any(said in line for line in said_lines), said_lines
    assert all(line.startswith("compose.yaml:") and line.split(":")[1].isdecimal() for line in said_lines)


def test_the_line_is_that_of_the_wrong_key(tmp_path):
    text = TEXT.replace("    image: mlfleet/sklearn", "    imgae: mlfleet/sklearn")
    number = 1 + text[: text.index("imgae")].count("\n")
    assert f"compose.yaml:{number}: service \"sklearn\": unknown key 'imgae'" in refusal(tmp_path, text)
    assert "did you mean 'image'?" in refusal(tmp_path, text)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
CHAIN = "a0: &a0 x\n" + "".join(f"a{i}: &a{i} [[[[[*a{i - 1}]]]]]\n" for i in range(1, 150))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "with aliases expanded"),
        (CHAIN, "with aliases expanded"),
        ("a: &a [*a]", "alias to what contains it"),
        ("[" * 100_000, "nested deeper"),
        ("a: [" + "x," * 100_000 + "]", "values"),
        ("a: &a x\nb: [" + "*a," * 201 + "]", "aliases"),
        ("a: " + "x" * strict_yaml.MAX_BYTES, "bytes"),
        ("a: 1\n---\nb: 1", "document"),
        ("a: " + "1" * 5000, "digits"),
        ("a: 1e400", "not finite"),
        ("a: !!python/object/apply:os.system [x]", "tag"),
        ("1: x", "no text"),
        ("a: \0", "unacceptable character"),
        (b"a: \xff", "UTF-8"),
        ("- a", "no mapping"),
        ("", "empty"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line(tmp_path, text, said):
    found = refusal(tmp_path, text)
    assert said in found
    assert "\n" not in found
    assert len(found) < 200


def test_scalars_are_those_of_yaml_1_2(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("a: [no, 1:30, 1e3, 010, 0o10, true, ~, 2026-01-01, '1']")
    document = strict_yaml.read(file, {})
    assert document.value == {"a": ["no", "1:30", 1000.0, 10, 8, True, None, "2026-01-01", "1"]}


def test_the_shared_fragment_is_the_container_recipe():
    document = strict_yaml.read(FILE, {})
    assert isinstance(document.value, dict)
    fragment = document.value[compose.FRAGMENT]
    assert isinstance(fragment, dict)
    service = compose.load(FILE, {})[0]
    environment = Environment("cpu", (0,), 1, service.memory_bytes, "docker", "streamed")
    spec = LaunchSpec(service, "sha256:0", environment, None, "mlf-0", Path("/socket"), {})
    row = {row.name: row.value for row in recipe.rows(spec, "")}
    same = ("user", "cap_drop", "security_opt", "network_mode", "ipc", "read_only", "pids_limit", "init")
    assert {name: fragment[name] for name in same} == {name: row[name] for name in same}
    assert dict(entry.split(":", 1) for entry in fragment["tmpfs"]) == row["tmpfs"]
    assert compose.memory_bytes(fragment["shm_size"]) == row["shm_size"]
    assert {u["Name"]: u["Hard"] for u in row["ulimits"]} == fragment["ulimits"]
    assert row["log_config"] == {"Type": fragment["logging"]["driver"], "Config": fragment["logging"]["options"]}
    assert row["healthcheck"] == {"Test": ["NONE"]}
    assert fragment["healthcheck"] == {"disable": True}
    assert all(compose.memory_bytes(fragment[name]) == row[name] for name in compose.MEMORY)
    variables = dict(entry.split("=", 1) for entry in row["variables"])
    # The socket's name is the image's; to leave after a trial is asked for by compose alone.
    del variables["MLFLEET_SOCKET"]
    assert fragment["environment"] == variables | {"MLFLEET_EXIT_AFTER_TRIAL": "10"}
    assert fragment["restart"] == "always"


# Known to one generation of compose only, or fatal on hosts without a GPU.
ONE_GENERATION = {"name", "include", "gpus", "deploy", "develop", "additional_contexts", "secrets", "start_interval"}


def test_only_keys_that_both_generations_of_compose_know():
    def keys(value):
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    assert not keys(strict_yaml.read(FILE, {}).value) & ONE_GENERATION
