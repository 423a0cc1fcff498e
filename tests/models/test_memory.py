"""How much memory is left, by what the system writes down."""

from __future__ import annotations

from pathlib import Path

from cinemill.models import memory


def test_free_memory_is_what_is_available_within_the_groups_limit(tmp_path: Path) -> None:
    meminfo, group = tmp_path / "meminfo", tmp_path / "group"
    meminfo.write_text("MemTotal: 8000 kB\nMemAvailable: 4000 kB\n")
    group.mkdir()
    assert memory.free(meminfo, group) == 4000 << 10, "no group, no limit"
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("100")
    (group / "memory.stat").write_text("anon 60\ninactive_file 40\n")
    assert memory.free(meminfo, group) == 4000 << 10
    (group / "memory.max").write_text("1000\n")
    assert memory.free(meminfo, group) == 940, "caches of files are given back when memory is needed"


def test_systems_without_meminfo_say_something(tmp_path: Path) -> None:
    assert memory.free(tmp_path / "none", tmp_path / "none") > 1 << 20
