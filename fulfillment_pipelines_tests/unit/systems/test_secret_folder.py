from __future__ import annotations

from pathlib import Path

import pytest

from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.systems.declaration import Reference
from fulfillment_pipelines.systems.references import References
from fulfillment_pipelines.systems.secrets import FolderSecrets


def found(folder: Path, name: str = "ERP_KEY") -> str | None:
    value = FolderSecrets(folder).find(name)
    return value.get_secret_value() if value is not None else None


@pytest.mark.parametrize(
    ("content", "value"), [("abc", "abc"), ("abc\n", "abc"), ("abc\r\n", "abc"), (" a b \n\n", " a b \n"), ("", None)]
)
def test_file_holds_its_value_with_at_most_one_line_break_behind_it(
    tmp_path: Path, content: str, value: str | None
) -> None:
    (tmp_path / "ERP_KEY").write_bytes(content.encode())
    assert found(tmp_path) == value


def test_file_may_be_named_in_small_letters_as_docker_does(tmp_path: Path) -> None:
    (tmp_path / "erp_key").write_text("small", encoding="utf-8")
    assert found(tmp_path) == "small"
    (tmp_path / "ERP_KEY").write_text("capital", encoding="utf-8")
    assert found(tmp_path) == "capital"


def test_rotated_file_counts_at_once_also_when_a_link_is_moved_as_kubernetes_does(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "ERP_KEY").write_text(version, encoding="utf-8")
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "one")
    assert found(link) == "one"
    link.unlink()
    link.symlink_to(tmp_path / "two")
    assert found(link) == "two"


def test_folder_that_is_not_there_has_no_values_and_says_so(tmp_path: Path) -> None:
    assert found(tmp_path / "absent") is None
    assert "(does not exist)" in FolderSecrets(tmp_path / "absent").place


@pytest.mark.parametrize("content", [b"\xffhunter2\xfe", b"hunter2" * 10_000])
def test_what_is_no_secret_is_refused_without_being_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ERP_KEY").write_bytes(content)
    with pytest.raises(ConfigurationError, match="ERP_KEY cannot be read") as raised:
        found(tmp_path)
    assert "hunter2" not in f"{raised.value} {raised.value!r} {raised.value.__cause__!r}"


def test_folder_is_asked_after_the_environment_and_the_files(tmp_path: Path) -> None:
    (tmp_path / "ERP_KEY").write_text("folder", encoding="utf-8")
    reference, sources = Reference(ref="ERP_KEY"), [FolderSecrets(tmp_path)]
    assert References({}, (), sources).resolve(reference, system="erp").get_secret_value() == "folder"
    given = References({"ERP_KEY": "environment"}, (), sources).resolve(reference, system="erp")
    assert given.get_secret_value() == "environment"
    with pytest.raises(ConfigurationError, match=r"export OTHER=…, or mount a file OTHER in"):
        References({}, (), sources).resolve(Reference(ref="OTHER"), system="erp")
