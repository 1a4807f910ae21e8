"""`fulfillment upkeep`: merge, archive and let go of what the platform leaves behind, and tell what that brought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from fulfillment_pipelines.commands.opening import Config, opened_platform
from fulfillment_pipelines.commands.output import AsJson, console, show_json, show_rows
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import Platform
from fulfillment_pipelines.upkeep.effects import Effect
from fulfillment_pipelines.upkeep.parts import PARTS, run_part

app = typer.Typer()

_DAGSTER: Final = "dagster"
_ALL: Final = (*PARTS, _DAGSTER)
_KILOBYTE: Final = 1024


@app.command()
def upkeep(
    only: Annotated[list[str] | None, typer.Option(help=f"Only this part, of {', '.join(_ALL)}; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Merge small files, archive old decisions and let go of what is older than the retention policy asks to keep.

    Example: fulfillment upkeep --only lake --dry-run
    """
    parts = _known(only or _ALL)
    with opened_platform(config) as platform:
        effects = list(_effects(platform, parts, dry_run=dry_run))
    if as_json:
        rows = [{**asdict(effect), "bytes_freed": effect.bytes_freed, "dry_run": dry_run} for effect in effects]
        show_json(rows)
        return
    show_rows("Upkeep, dry run" if dry_run else "Upkeep", [_row(effect) for effect in effects], as_json=False)
    for sentence in (sentence for effect in effects for sentence in effect.kept):
        console().print(sentence, markup=False)


def _effects(platform: Platform, parts: list[str], *, dry_run: bool) -> Iterator[Effect]:
    for part in parts:
        if part != _DAGSTER:
            yield run_part(platform, part, dry_run=dry_run)
        elif (effect := _pruned(platform, dry_run=dry_run)) is not None:
            yield effect


def _pruned(platform: Platform, *, dry_run: bool) -> Effect | None:
    """Prune the runs of the instance of `fulfillment up`; there is nothing to prune where it never ran."""
    # Dagster takes seconds to import, which only this part needs.
    from fulfillment_pipelines.orchestration.live import dagster_home  # noqa: PLC0415 - see above
    from fulfillment_pipelines.orchestration.pruning import prune_home  # noqa: PLC0415 - see above

    home = dagster_home(platform.settings)
    if not (home / "dagster.yaml").exists():
        return None
    return prune_home(home, _days(platform), now=platform.machine_clock.now(), dry_run=dry_run)


def _days(platform: Platform) -> int:
    return platform.policies.retention.platform.dagster_days


def _known(parts: list[str] | tuple[str, ...]) -> list[str]:
    unknown = sorted(set(parts) - set(_ALL))
    if unknown:
        raise ConfigurationError(
            f"There is no part {', '.join(unknown)} of the upkeep.",
            expected=f"one or more of {', '.join(_ALL)}",
            found=", ".join(parts),
            remedy="leave `--only` out to run them all",
        )
    return [part for part in _ALL if part in parts]


def _row(effect: Effect) -> dict[str, Any]:
    done = [f"{name.replace('_', ' ')} {count:,}" for name, count in effect.counts.items() if count]
    return {
        "part": effect.part,
        "files_before": effect.before.files,
        "files_after": effect.after.files,
        "freed": _size(effect.bytes_freed),
        "rows_removed": effect.rows_removed,
        "seconds": f"{effect.seconds:.2f}",
        "done": ", ".join(done) or "nothing was old enough",
    }


def _size(content_bytes: int) -> str:
    size, units = float(content_bytes), ["bytes", "KB", "MB", "GB"]
    while abs(size) >= _KILOBYTE and len(units) > 1:
        size /= _KILOBYTE
        units.pop(0)
    return f"{size:,.0f} {units[0]}"
