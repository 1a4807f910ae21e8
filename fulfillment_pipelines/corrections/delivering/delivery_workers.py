"""Workers that deliver until they are told to stop: threads of one process, each with a dispatcher of its own.

What one run does belongs in `dispatch`; who tells them to stop, in the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from threading import Event

from fulfillment_pipelines.corrections.delivering.dispatch import Dispatcher, DispatchResult
from fulfillment_pipelines.errors import RetryableError


def deliver_until_stopped(
    dispatchers: Sequence[Dispatcher],
    stop: Event,
    *,
    idle_seconds: float,
    tell: Callable[[DispatchResult], None] = lambda _: None,
    trouble: Callable[[RetryableError], None] = lambda _: None,
    each_round: Callable[[], None] = lambda: None,
) -> DispatchResult:
    """Deliver whatever falls due until `stop` is set; each worker finishes the row it has and gives the others back.

    Args:
        dispatchers: One for each worker.
        stop: Set by whoever wants them to end; also set here when one of them fails.
        idle_seconds: How long a worker with nothing to do sleeps before it looks again.
        tell: Told what each run brought, where it brought anything; called by all workers.
        trouble: Told when the ledger did not answer; it is asked again.
        each_round: Called by the calling thread about as often as a worker looks, for example to set the clock.

    Returns:
        What all of them brought.

    Raises:
        FulfillmentError: A worker cannot go on; the others were stopped.
    """
    with ThreadPoolExecutor(len(dispatchers), thread_name_prefix="deliver") as pool:
        working = {pool.submit(_work, dispatcher, stop, idle_seconds, tell, trouble) for dispatcher in dispatchers}
        try:
            while not stop.is_set():
                each_round()
                ended, _ = wait(working, timeout=idle_seconds, return_when=FIRST_COMPLETED)
                if ended:
                    break
        finally:
            stop.set()
    return sum_of([worker.result() for worker in working])


def sum_of(results: Sequence[DispatchResult]) -> DispatchResult:
    """Return what several runs brought together."""
    return DispatchResult(
        acked=sum(one.acked for one in results),
        queued=sum(one.queued for one in results),
        retrying=sum(one.retrying for one in results),
        unknown=sum(one.unknown for one in results),
        superseded=sum(one.superseded for one in results),
        dead_lettered=sum(one.dead_lettered for one in results),
        waiting=sum(one.waiting for one in results),
    )


def _work(
    dispatcher: Dispatcher,
    stop: Event,
    idle_seconds: float,
    tell: Callable[[DispatchResult], None],
    trouble: Callable[[RetryableError], None],
) -> DispatchResult:
    brought = sum_of([])
    while not stop.is_set():
        try:
            result = dispatcher.run(should_stop=stop.is_set)
        except RetryableError as error:
            # The ledger was away; what was in hand is looked at again by the next run.
            trouble(error)
            stop.wait(idle_seconds)
            continue
        if result.total:
            brought = sum_of([brought, result])
            tell(result)
        else:
            stop.wait(idle_seconds)
    return brought
