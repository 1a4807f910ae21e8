"""`fulfillment systems new`: a first declaration from what a system shows; `systems sql`: what a mapping stands for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer
from rich.console import Console

from fulfillment_pipelines.canonical.feeds import snapshot_model
from fulfillment_pipelines.commands.opening import Config
from fulfillment_pipelines.commands.output import AsJson, console, show_json, show_rows
from fulfillment_pipelines.domain.snapshot import Role
from fulfillment_pipelines.errors import ConfigurationError
from fulfillment_pipelines.loop.platform import build_platform
from fulfillment_pipelines.onboarding.from_database import sample_database
from fulfillment_pipelines.onboarding.from_edi import sample_documents
from fulfillment_pipelines.onboarding.from_file import sample_files
from fulfillment_pipelines.onboarding.from_openapi import sample_openapi
from fulfillment_pipelines.onboarding.samples import SampledSystem
from fulfillment_pipelines.onboarding.scaffold import Scaffolded, scaffold, target_of
from fulfillment_pipelines.onboarding.synonyms import shipped_thesaurus
from fulfillment_pipelines.settings import read_settings
from fulfillment_pipelines.systems.references import References

_SAMPLED_ROWS: Final = 500

_Sources: TypeAlias = Mapping[str, tuple[object, Callable[[], SampledSystem]]]


def new_system(  # noqa: PLR0917 - Typer reads the options from the signature
    name: Annotated[str, typer.Argument(help="Its name, for example wms_south; it becomes part of table names.")],
    from_database: Annotated[
        str, typer.Option(help="SQLAlchemy URL of a live database, or the name of a reference that holds one.")
    ] = "",
    from_file: Annotated[
        list[Path] | None, typer.Option(help="A sample file: csv, xlsx, jsonl, xml or parquet; may be given again.")
    ] = None,
    from_openapi: Annotated[str, typer.Option(help="An OpenAPI document: a file, or where it is published.")] = "",
    from_edi: Annotated[Path | None, typer.Option(help="A folder of X12 documents.", file_okay=False)] = None,
    role: Annotated[Role | None, typer.Option(help="What it is to the distributor; guessed unless given.")] = None,
    node: Annotated[str, typer.Option(help="The site it speaks for; none for a system that speaks for all.")] = "",
    into: Annotated[Path, typer.Option(help="Folder the declaration is written to.", file_okay=False)] = Path(),
    rows: Annotated[int, typer.Option(help="How many rows of each list are looked at.", min=1)] = _SAMPLED_ROWS,
    schema: Annotated[str, typer.Option(help="Schema of the database, where it is not the user's own.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a declaration that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a system's first declaration, with every guess marked; secrets are never written.

    Example: fulfillment systems new wms_south --from-database WMS_SOUTH_DATABASE_URL --role wms --node SOUTH
    """
    settings = read_settings()
    path = target_of(name, into, settings.project_root / "sql" / "10_snapshots", overwrite=overwrite)
    references = References(os.environ, settings.references_files)
    role_name = role.value if role else ""
    sources: _Sources = {
        "--from-database": (
            from_database,
            lambda: sample_database(
                name, from_database, references, role=role_name or Role.ERP.value, rows=rows, schema=schema
            ),
        ),
        "--from-openapi": (from_openapi, lambda: sample_openapi(name, from_openapi)),
        "--from-edi": (from_edi, lambda: sample_documents(name, from_edi or Path(), rows=rows)),
        "--from-file": (from_file, lambda: sample_files(name, from_file or [], rows=rows)),
    }
    look = _only_one(sources)
    with Console(stderr=True).status(f"looking at what {name} shows of itself"):
        sampled = look()
        made = scaffold(path, sampled, shipped_thesaurus(), name=name, role=role_name, node=node)
    _show(made, name, node, as_json=as_json)


def show_sql(
    system: Annotated[str, typer.Argument(help="Declared name of the system.")],
    entity: Annotated[str, typer.Argument(help="Declared name of the entity.")],
    config: Config = None,
) -> None:
    """Print the snapshot SQL of an entity; that of a mapping can be taken over into sql/10_snapshots as it is.

    Example: fulfillment systems sql erp orders
    """
    with build_platform(read_settings(), config=config) as platform:
        feed = platform.registry.feed(system, entity)
        files = dict(zip(platform.registry.systems, platform.distributor.systems, strict=True))
        model = snapshot_model(feed, platform.settings.project_root / "sql" / "10_snapshots", files[system])
    typer.echo(model.body.rstrip("\n"))


def _only_one(sources: _Sources) -> Callable[[], SampledSystem]:
    given = [option for option, (value, _) in sources.items() if value]
    if len(given) != 1:
        raise ConfigurationError(
            "A system is looked at in exactly one way.",
            expected=f"one of {', '.join(sources)}",
            found=", ".join(given) or "none",
            remedy="give one of them; `fulfillment systems new --help` shows each",
        )
    return sources[given[0]][1]


def _show(made: Scaffolded, name: str, node: str, *, as_json: bool) -> None:
    placed = [
        {
            "entity": guess.contract.name,
            "read from": guess.entity.name,
            "sure": f"{guess.sure:.2f}",
            "columns guessed": len(guess.columns),
            "not found": ", ".join(guess.missing),
        }
        for guess in made.placed
    ]
    left_out = {left.entity.name: left.reason for left in made.unplaced}
    steps = _next_steps(made, name, node)
    if as_json:
        show_json({"path": made.path, "entities": placed, "left_out": left_out, "remarks": made.remarks, "next": steps})
        return
    show_rows(f"What {name} is taken for", placed, as_json=False)
    told = console()
    for left in made.unplaced:
        if left.is_near:
            told.print(f"Left out: {left.entity.name}, {left.reason}", markup=False)
    if others := [left.entity.name for left in made.unplaced if not left.is_near]:
        told.print(f"Left out, since nothing of the kind is known: {', '.join(others)}", markup=False)
    for remark in made.remarks:
        told.print(remark[0].upper() + remark[1:], markup=False, soft_wrap=True)
    counts = f"{made.guess_count} columns guessed, {made.missing_count} not found"
    told.print(f"Written: {made.path} ({counts})", markup=False, soft_wrap=True)
    told.print("Next:", markup=False)
    for number, step in enumerate(steps, start=1):
        told.print(f"  {number}. {step}", markup=False, soft_wrap=True)


def _next_steps(made: Scaffolded, name: str, node: str) -> list[str]:
    return [
        *(f"set {reference}: {about}" for reference, about in made.references.items()),
        f"read {made.path}: correct the guesses, and map what was not found",
        "list it under `systems:` in the distributor file",
        *([f"tell of the site {node} in nodes.yaml of the distributor's seeds, unless it is there"] if node else []),
        f"fulfillment systems sql {name} {made.placed[0].contract.name if made.placed else 'ENTITY'} --config FILE",
        "fulfillment systems check --config FILE",
        "fulfillment run --config FILE",
    ]
