"""The ready systems, and the JSON Schema that every system file follows."""

import tomllib
from pathlib import Path

import jsonschema
import pytest

from microlith.system.check import check
from microlith.system.document import ready_systems
from microlith.system.jsonschema import schema
from microlith.system.systemfile import load

BROKEN = Path(__file__).with_name("broken")

#: Broken files whose error is one of shape, so that an editor can show it.
STRUCTURAL = [
    "unknown_table",
    "stray_key",
    "servers_is_a_list",
    "server_is_a_string",
    "array_of_tables",
    "no_servers",
    "bad_name",
    "bad_device_name",
    "reserved_operator",
    "reserved_kernel",
    "no_class",
    "class_form",
    "class_is_a_number",
    "server_command",
    "device_key",
    "device_no_kind",
    "device_unknown_kind",
    "device_timer",
    "device_unknown_mode",
    "device_no_path",
    "device_path_number",
    "device_create_no_size",
    "device_create_directory",
    "device_size_words",
    "device_size_useless",
    "confine_key",
    "confine_type",
    "confine_string",
    "quota_key",
    "quota_low",
    "quota_type",
    "restart_policy",
    "restart_period",
    "start_key",
    "start_type",
    "start_string",
    "app_start",
    "app_start_table",
    "app_nothing",
    "app_both",
    "command_string",
    "plan_key",
    "plan_is_a_list",
    "plan_shape",
    "plan_empty_domain",
    "plan_placement",
    "plan_placement_type",
]

#: What a schema cannot know, because it depends on classes or on the host.
FINE_IN_SHAPE = ["cycle", "unknown_class", "superfluous_setting", "device_missing", "unknown_server"]


@pytest.fixture
def image(tmp_path, monkeypatch):
    path = tmp_path / "my.img"
    path.touch()
    monkeypatch.setenv("MICROLITH_DISK", str(path))


@pytest.mark.parametrize("name", ready_systems())
def test_ready_system_is_accepted(name, image):
    system = load(name)
    check(system)
    assert system.name == name


def test_ready_systems_are_these():
    assert set(ready_systems()) >= {"five", "unix", "disk"}


def test_five_is_about_five_lines():
    assert len(ready_systems()["five"].read_text().splitlines()) <= 6


def test_disk_names_the_image_in_the_environment(tmp_path, monkeypatch):
    (tmp_path / "my.img").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROLITH_DISK", "my.img")
    assert load("disk").devices["hd0"].path == str(tmp_path / "my.img")


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("path", ready_systems().values(), ids=lambda path: path.stem)
def test_schema_accepts_ready_system(path, validator):
    validator.validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("name", STRUCTURAL)
def test_schema_refuses_broken_shape(name, validator):
    assert not validator.is_valid(tomllib.loads((BROKEN / f"{name}.toml").read_text()))


@pytest.mark.parametrize("name", FINE_IN_SHAPE)
def test_schema_knows_no_classes(name, validator):
    validator.validate(tomllib.loads((BROKEN / f"{name}.toml").read_text()))


def test_schema_describes_everything():
    def undescribed(part, path=""):
        for name, value in part.get("properties", {}).items():
            if isinstance(value, dict):
                if "description" not in value:
                    yield f"{path}.{name}"
                yield from undescribed(value, f"{path}.{name}")
        if isinstance(part.get("additionalProperties"), dict):
            yield from undescribed(part["additionalProperties"], f"{path}.*")

    assert list(undescribed(schema())) == []
