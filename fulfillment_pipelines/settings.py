"""What the environment says, read once by whoever starts the program, and frozen.

Only settings of this installation belong here: where files lie, which stores are used, how much of the
machine may be taken. Settings of a distributor stand in its distributor file and in `data/seeds/`.
"""

from __future__ import annotations

import getpass
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fulfillment_pipelines.errors import ConfigurationError

_PREFIX = "FULFILLMENT_"
# What is said there is secret, so it crosses no network unencrypted.
_PRIVATE_URL = r"^(https://[^/?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^?#]*)?$"


def _project_root() -> Path:
    return Path(__file__).resolve().parent.parent


def _process_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run under a number that no account has.
        return f"user {os.getuid()}"


def _split_paths(value: Any) -> Any:
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def _split_commas(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class EngineKind(StrEnum):
    """Where the selects of a full reconcile run."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Settings(BaseSettings):
    """Settings of one installation; each is the environment variable of its name behind `FULFILLMENT_`.

    Relative paths are relative to the project root. URLs may hold a password and are not shown by `repr`.

    Attributes:
        project_root: The folder that holds `sql/` and `data/`.
        runtime_dir: The folder for everything made at run time.
        config: The distributor file.
        lake_catalog: The lake's catalogue, `sqlite:PATH` or `postgres:CONNECTION`; None for an SQLite file of its own.
        lake_data_url: Folder or object-store prefix of the lake's Parquet files; None for a folder of its own.
        landing_url: Object-store prefix that shares what was landed among machines; None for a folder of its own.
        audit_archive_dir: The folder that old rows of the audit log are moved to, a folder in it for each distributor;
            None for one beside the lake. It must outlast the machine, so it has no default where `landing_url` is set.
        object_store_endpoint: `http(s)://host[:port]` of a store that is not Amazon's.
        object_store_region: Where its buckets are.
        object_store_path_style: Whether the bucket stands in the path of an address and not in its host name.
        ledger_url: SQLAlchemy URL of the ledger; None for an SQLite file of its own.
        engine: Where a full reconcile works out ledgers, rules, marts and checks: `duckdb` or `spark`.
        spark_url: `sc://host:port` of the Spark Connect server, where the engine is `spark`.
        duckdb_memory_limit: Memory DuckDB may use before it spills, for example `4GB`.
        duckdb_threads: Threads DuckDB may use.
        duckdb_verify_extensions: Whether the signatures of DuckDB's extensions are checked each time a lake is opened:
            a quarter of a second, which processes that live no longer than that may do without.
        working_copy: Whether a process works on a copy of the lake's tables in a database of its own, and publishes
            what it changes: dear to begin with, cheap for one small pass after another. The live loop does.
        console_host: Address that the console listens on; loopback unless told otherwise.
        console_port: Its port.
        console_url: Where browsers reach it, `https://host[:port]` behind a proxy; None for the address itself.
        console_proxies: Addresses or networks of the proxies before it, with commas between them; what they say of a
            browser's address is believed, what anybody else says is not.
        console_passwords: Whether people may sign in with passwords of accounts here.
        oidc_issuer: The OpenID provider where people sign in, as it names itself; None for none.
        oidc_client_id: As which the console is known to it; its secret is the reference `OIDC_CLIENT_SECRET`.
        oidc_claim: What it says of a person that is matched with people.yaml: `email`, or a claim that holds the `id`.
        actor: Who is acting, for the audit log; the user of this process unless given.
        references_files: Dotenv files searched before the distributor's own, separated as in PATH.
        secrets_directories: Folders of files with one secret each, searched after them, separated as in PATH.
        vault_address: URL of a HashiCorp Vault, asked last; None for none.
        vault_mount: Where its key-value engine (version 2) is mounted.
        vault_entry: Path of the one entry whose keys are the references' names.
        vault_namespace: Namespace of its enterprise edition; empty for none.
        vault_token_file: File with a token, as an agent keeps it; absolute, or relative to the project root.
        vault_token: The token itself, where there is no such file.
        vault_cache_seconds: How long values count where Vault gives no lease.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    project_root: Annotated[Path, AfterValidator(Path.resolve)] = Field(default_factory=_project_root)
    runtime_dir: Path = Path("data/runtime")
    config: Path = Path("data/seeds/distributor.yaml")
    lake_catalog: str | None = Field(default=None, pattern=r"^(sqlite|postgres):.+$", repr=False)
    lake_data_url: str | None = Field(default=None, repr=False)
    landing_url: str | None = Field(default=None, pattern=r"^s3://[^/@]+(/.*)?$", repr=False)
    audit_archive_dir: Path | None = None
    object_store_endpoint: str | None = Field(default=None, repr=False)
    object_store_region: str | None = None
    object_store_path_style: bool = False
    ledger_url: str | None = Field(default=None, repr=False)
    engine: EngineKind = EngineKind.DUCKDB
    spark_url: str | None = Field(default=None, pattern=r"^sc://.+$", repr=False)
    duckdb_memory_limit: str = Field(default="4GB", pattern=r"^[0-9]+(\.[0-9]+)? ?[KMGT]i?B$")
    duckdb_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    duckdb_verify_extensions: bool = True
    working_copy: bool = False
    console_host: str = "127.0.0.1"
    console_port: int = Field(default=8600, ge=0, le=65535)
    console_url: str | None = Field(default=None, pattern=r"^https?://[^/]+$")
    console_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_split_commas)] = ()
    console_passwords: bool = True
    oidc_issuer: str | None = Field(default=None, pattern=_PRIVATE_URL)
    oidc_client_id: str | None = None
    oidc_claim: str = Field(default="email", min_length=1)
    actor: str = Field(default_factory=_process_user, min_length=1, max_length=128)
    references_files: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)] = ()
    secrets_directories: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)] = ()
    vault_address: str | None = None
    vault_mount: str = "secret"
    vault_entry: str = "fulfillment"
    vault_namespace: str = ""
    vault_token_file: Path | None = None
    vault_token: SecretStr | None = None
    vault_cache_seconds: float = Field(default=60, ge=0)


def read_settings() -> Settings:
    """Read the environment.

    Returns:
        The settings, with every path absolute.

    Raises:
        ConfigurationError: A variable with the prefix is unknown or malformed, or the project's folders
            are not where they are looked for, or the lake and the landing area lie within each other.
    """
    _refuse_unknown()
    try:
        written = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise ConfigurationError(
            f"The environment variable {_PREFIX}{name.upper()} is malformed.",
            expected=first["msg"],
            found="a value that is not shown"
            if name.endswith(("_url", "_catalog", "_token", "_endpoint"))
            else repr(first["input"]),
            remedy="correct or unset it",
        ) from error
    _refuse_overlap(written)
    root = written.project_root
    if not (root / "sql").is_dir():
        raise ConfigurationError(
            f"{root} is not the project's folder.",
            expected="a folder that holds sql/ and data/",
            found="no sql/",
            remedy=f"set {_PREFIX}PROJECT_ROOT to the folder of the checked-out project",
        )
    return written.model_copy(
        update={
            "runtime_dir": root / written.runtime_dir,
            "config": root / written.config,
            "audit_archive_dir": root / written.audit_archive_dir if written.audit_archive_dir else None,
            "references_files": tuple(root / path for path in written.references_files),
            "secrets_directories": tuple(root / path for path in written.secrets_directories),
            "vault_token_file": root / written.vault_token_file if written.vault_token_file else None,
        }
    )


def _refuse_overlap(written: Settings) -> None:
    """Refuse a landing area in the lake's prefix, whose upkeep removes every Parquet file that no table knows."""
    if written.lake_data_url is None or written.landing_url is None:
        return
    lake, landing = (f"{url.rstrip('/')}/" for url in (written.lake_data_url, written.landing_url))
    if lake.startswith(landing) or landing.startswith(lake):
        raise ConfigurationError(
            f"{_PREFIX}LAKE_DATA_URL and {_PREFIX}LANDING_URL lie within each other.",
            expected="two prefixes beside each other, such as s3://bucket/lake and s3://bucket/landing",
            found="two addresses, which are not shown, of which one begins with the other",
            remedy="move the landed files to a prefix of their own; the upkeep of the lake would remove them",
        )


def _refuse_unknown() -> None:
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() not in known)
    if unknown:
        raise ConfigurationError(
            f"The environment sets {', '.join(unknown)}, which is not a setting.",
            expected=f"only {', '.join(sorted(known))}",
            remedy="correct the spelling, or unset it",
        )
