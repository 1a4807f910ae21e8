"""The process of the live loop: signals, the lock that says who is in charge, and Dagster told of every round."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event

from fulfillment_pipelines.errors import RetryableError
from fulfillment_pipelines.loop.live.charge import in_charge
from fulfillment_pipelines.loop.live.engine import AGAIN_SECONDS, LiveListener, LiveLoop
from fulfillment_pipelines.loop.live.lease import LeaseKeeper
from fulfillment_pipelines.loop.platform import Platform, build_platform, runtime_folder
from fulfillment_pipelines.loop.policy_mark import read_mark
from fulfillment_pipelines.orchestration.processes import interrupts
from fulfillment_pipelines.settings import Settings
from fulfillment_pipelines.systems.distributor import load_distributor


def run_live(
    settings: Settings, *, config: Path | None, report: bool, say: Callable[[str], None] = lambda _: None
) -> None:
    """Run the live loop until SIGINT or SIGTERM; where people put other policies in force, it begins anew with them.

    Args:
        settings: What the environment says.
        config: The distributor file, where it is not the one of the settings.
        report: Tell the Dagster instance of DAGSTER_HOME what the rounds brought.
        say: Told, in one line each, what a person should know.

    Raises:
        RejectedError: Another live loop of this runtime folder is in charge, or the lease was lost.
        ConfigurationError: A declaration, a secret or an SQL file is wrong.
    """
    with interrupts() as stop:
        while _run_under_one_policy(settings, stop, config=config, report=report, say=say) and not stop.is_set():
            say("The policies have changed: the live loop begins anew with them.")


def _run_under_one_policy(
    settings: Settings, stop: Event, *, config: Path | None, report: bool, say: Callable[[str], None]
) -> bool:
    """Run until it is to stop, or other policies are in force; return whether it is because of these."""
    with ExitStack() as closing:
        distributor = load_distributor(config or settings.config, settings.runtime_dir)
        pace, mark = distributor.live, read_mark(runtime_folder(settings, distributor))
        own = settings.model_copy(update={"duckdb_threads": pace.duckdb_threads, "working_copy": pace.working_copy})
        platform = closing.enter_context(build_platform(own, config=config))
        closing.enter_context(in_charge(runtime_folder(settings, distributor)))
        if not _prepared(platform, stop, say):
            return False
        listener = _listener(platform, closing, say) if report else LiveListener(trouble=say)
        running: list[LiveLoop] = []
        lease = LeaseKeeper(
            platform.ledger,
            seconds=distributor.live.lease_seconds,
            stop=stop,
            shown_at=lambda: running[0].status.beat_at if running else platform.machine_clock.now(),
            say=say,
        )
        if closing.enter_context(lease.held()):
            say("The live loop is in charge.")
            running.append(LiveLoop(platform, stop, listener=listener, mark=mark))
            running[0].run()
        return any(loop.has_new_policies for loop in running)


def _prepared(platform: Platform, stop: Event, say: Callable[[str], None]) -> bool:
    """Create what is missing, however long the lake or the ledger is busy; False where the process is to end."""
    while not stop.is_set():
        try:
            platform.prepare()
        except RetryableError as error:
            say(str(error))
            stop.wait(AGAIN_SECONDS)
        else:
            return True
    return False


def _listener(platform: Platform, closing: ExitStack, say: Callable[[str], None]) -> LiveListener:
    import dagster as dg  # noqa: PLC0415 - a loop that tells nobody starts without it

    from fulfillment_pipelines.orchestration.catalogue import Catalogue  # noqa: PLC0415 - as above
    from fulfillment_pipelines.orchestration.reporting import DagsterReporter  # noqa: PLC0415 - as above

    instance = closing.enter_context(dg.DagsterInstance.get())
    reporter = DagsterReporter(instance, Catalogue.of(platform), platform, trouble=say)
    closing.callback(reporter.close)
    return LiveListener(round=reporter.note, trouble=say)
