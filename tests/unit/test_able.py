"""Services that need not be built or launched for a suite."""

from mlfleet.able import able
from mlfleet.model import Service


def service(key, language="python"):
    return Service(key, language, f"mlfleet/{key}:1.0", control=False, memory_bytes=1 << 30)


def test_a_service_may_do_what_its_sources_name(tmp_path):
    texts = {
        "services/one/service.py": '@service.task("kmeans.fit")',
        "services/two/service.py": "# kmeans.fit, but not as a name",
        "services/two/.venv/lib/x.py": '"kmeans.fit"',
        "rust_services/three/src/deep/main.rs": '.task("ridge.fit", x)',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    services = [service("one"), service("two"), service("three", "rust")]

    def keys(*tasks):
        return [found.key for found in able(services, tasks, tmp_path)]

    assert keys("kmeans.fit") == ["one"]
    assert keys("kmeans.fit", "ridge.fit") == ["one", "three"]
    assert keys("ridge.predict") == []
