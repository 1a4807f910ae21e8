"""The acceptance scenarios SCN-A to SCN-H of the domain book, as scripts. Each begins with a healthy distributor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fulfillment_pipelines.twin.scenarios.script import (
    Advance,
    AnswersLost,
    Approve,
    CaseStands,
    CorrectionStands,
    Expect,
    FeedsDown,
    Inject,
    LinesMoveOn,
    LinesUnknown,
    NothingElse,
    OrdersUntouched,
    Outage,
    Run,
    Scenario,
    Settle,
    Step,
)

_HOUR = 3_600
_UNDER_WAY = ("APPROVED", "SENT", "ACKED", "VERIFIED")

_NETWORK_CODES = ("SYS-01", "SYS-03")  # a feed is silent; whether a message has had its effect is not known

_HEALTHY: Sequence[Step] = (
    Run("The product reads every system for the first time.", full=True),
    Expect("The noise of a healthy week opens nothing.", NothingElse()),
)

SCN_A = Scenario(
    "SCN-A",
    "Three ways in which an order fails",
    "Three sites, a cloud ERP, EDI, portal and inside sales. Orders fail in credit data, in stock that was promised "
    "and is not there, and in the invoice of a split shipment; each is found once, by its own code.",
    (
        *_HEALTHY,
        Inject("Finance has released an order; a site goes on blocking it.", "credit", "CRD-03"),
        Inject("A site keeps stock for itself that the ERP goes on promising.", "promise", "INV-02"),
        Inject("A leg is billed with more than has left.", "invoice", "FIN-02"),
        Advance("Every message that is still on its way arrives.", 2 * _HOUR),
        Run("The product looks three times, so that two snapshots confirm what it may correct.", times=3),
        Expect("The hold that was forgotten has its case.", CorrectionStands("credit", "hold.resolve", _UNDER_WAY)),
        Expect("The promise is taken back.", CorrectionStands("promise", "atp.set", _UNDER_WAY)),
        Expect("The posted invoice waits for a person.", CorrectionStands("invoice", "credit.propose", ("PENDING",))),
        Expect("Nothing else was opened.", NothingElse()),
        Approve("The customer was charged too much: credit it.", "invoice", by="ada"),
        Run("The corrections go out, and later snapshots are asked for proof.", times=4),
        Expect("The order is no longer blocked.", CaseStands("credit", ended=True)),
        Expect("The ERP promises what is there.", CaseStands("promise", ended=True)),
        Expect("The customer has the credit.", CaseStands("invoice", ended=True)),
    ),
)

SCN_B = Scenario(
    "SCN-B",
    "Slow releases and a site that is blind to holds",
    "A cloud ERP with a portal releases every few minutes; one site works through files, one ships under a hold that "
    "it cannot see, releases get stuck, and customer service looks at an old status.",
    (
        *_HEALTHY,
        Inject("Two releases get stuck, one in the ERP and one on its way.", "release", "WHS-01", count=2),
        Inject("A site ships an order whose hold never reached it.", "leak", "CRD-02"),
        Inject("The CRM goes on showing an older status.", "status", "SHP-05"),
        Advance("Cycles and graces pass.", 2 * _HOUR),
        Run("The product looks twice.", times=2),
        Expect("Both stuck releases are found.", CorrectionStands("release", "release.send", _UNDER_WAY)),
        Expect("The leak is found; what has left can only be talked about.", CaseStands("leak")),
        Expect("Nothing else was opened.", NothingElse(besides=("CRD-01",))),
        Run("The corrections are proved by later snapshots.", times=4),
        Expect("The releases have arrived, once each.", CaseStands("release", ended=True)),
        Expect("Customer service sees what is true.", CaseStands("status", ended=True)),
        Advance("The sites pick and ship.", 24 * _HOUR),
        Run("The product looks at the shipments."),
        Expect("The orders have left, and nobody typed them in again.", LinesMoveOn("release")),
    ),
)

SCN_C = Scenario(
    "SCN-C",
    "Standard orders are left alone",
    "A cloud ERP, third-party warehouses and several carriers: a working day passes with late batches, repeated and "
    "unordered events, partial and split shipments, and nobody is bothered.",
    (
        *_HEALTHY,
        Advance("The afternoon passes.", 4 * _HOUR),
        Run("The product looks at what has changed."),
        Advance("The night passes.", 15 * _HOUR),
        Run("The product looks again, and once more half an hour later.", times=2),
        Advance("A day passes.", 24 * _HOUR),
        Run("The product looks at the day.", times=2),
        Expect("No case was ever opened.", NothingElse()),
        Expect("Every order went straight through.", OrdersUntouched(1.0)),
    ),
)

SCN_D = Scenario(
    "SCN-D",
    "A short order is served from another site",
    "An order was accepted that its site cannot serve, and no receipt will help. The product says so, proposes "
    "nothing by itself, and a person moves the order to another site; the next snapshots prove it.",
    (
        *_HEALTHY,
        Inject("An order is accepted that no stock of its site covers.", "short", "INV-06"),
        Advance("The order is due.", _HOUR),
        Run("The product looks twice.", times=2),
        Expect("The shortage has its case.", CaseStands("short")),
        Expect("Nothing else was opened.", NothingElse()),
        Settle("The allocation desk serves it from the site that has most.", "short"),
        Run("Later snapshots are asked for proof.", times=3),
        Expect("The shortage is over, and a snapshot has proved it.", CaseStands("short", ended=True)),
        Advance("The other site ships in its dock hours.", 24 * _HOUR),
        Run("The product looks at the shipment.", times=2),
        Expect("Moving the order has broken nothing.", NothingElse()),
    ),
)

SCN_E = Scenario(
    "SCN-E",
    "Goods that must be kept cold arrive late",
    "Legs are late or silent, those of one class of goods first. Each is found before the customer calls, and "
    "customer service is told with a case and a new arrival.",
    (
        *_HEALTHY,
        Inject("A carrier falls silent, and expects three legs after their promise.", "late", "SHP-03", count=4),
        Advance("The silence lasts.", 50 * _HOUR),
        Run("The product looks twice.", times=2),
        Expect("Every late leg has its case.", CorrectionStands("late", "case.create", _UNDER_WAY)),
        Expect("Nothing else was opened.", NothingElse()),
    ),
)

SCN_F = Scenario(
    "SCN-F",
    "The carriers' interface is down",
    "Transport management does not answer for hours. That is a case of its own; whatever does not need it goes on, "
    "and what needs it says that it does not know.",
    (
        *_HEALTHY,
        Outage("Transport management goes down.", "tms", on=True),
        Inject("Meanwhile a ship confirmation gets lost.", "confirmation", "SHP-01"),
        Advance("Its last answer becomes too old to be believed.", 2 * _HOUR),
        Run("The product looks twice.", times=2),
        Expect("The outage is one thing that people see.", FeedsDown("tms", down=True)),
        Expect("The lost confirmation is found all the same.", CaseStands("confirmation")),
        Expect("The silence of the interface is not taken for news.", NothingElse(besides=("SYS-01",))),
        Outage("Transport management is back.", "tms", on=False),
        Run("The product reads on where it stopped.", times=4),
        Expect("The outage is over.", FeedsDown("tms", down=False)),
        Expect("The confirmation was sent and proved.", CaseStands("confirmation", ended=True)),
        Expect("Nothing was made up meanwhile.", NothingElse(besides=("SYS-01",))),
    ),
)

SCN_G = Scenario(
    "SCN-G",
    "A site is cut off",
    "The network of one warehouse fails. Its lines are UNKNOWN, never green; the other sites go on. When it is back "
    "its answers get lost for a while, and no message has its effect twice.",
    (
        *_HEALTHY,
        Outage("The network of WEST fails.", "wms_west", on=True),
        Inject("Meanwhile a confirmation of EAST gets lost.", "confirmation", "SHP-01"),
        Advance("WEST's last answer becomes too old.", 2 * _HOUR),
        Run("The product looks twice.", times=2),
        Expect("The outage is seen.", FeedsDown("wms_west", down=True)),
        Expect("What cannot be known is not called right.", LinesUnknown("WEST", some=True)),
        Expect("The other sites are served.", CaseStands("confirmation")),
        Expect("The silence of a site is not taken for news.", NothingElse(besides=("SYS-01",))),
        Outage("The network is back.", "wms_west", on=False),
        Run("The product reads on.", times=2),
        Expect("The site is known again.", LinesUnknown("WEST", some=False)),
        AnswersLost("The answers of WEST get lost.", "wms_west", on=True),
        Inject("Releases of every site get stuck.", "release", "WHS-01", count=6),
        Advance("Graces pass.", 2 * _HOUR),
        Run("The product sends, and looks before it would send again.", times=3),
        AnswersLost("The answers of WEST arrive again.", "wms_west", on=False),
        Run("Later snapshots are asked for proof.", times=4),
        Expect("Every release has arrived, once.", CaseStands("release", ended=True)),
        Expect("An outcome that nobody knew was said so; nothing has happened twice.", NothingElse(_NETWORK_CODES)),
    ),
)

SCN_H = Scenario(
    "SCN-H",
    "Breach, queue, decision, resume",
    "A credit limit is passed, and a hold is forgotten. Both are in the queue with their owners; people decide, and "
    "the orders go on without anything being typed in again.",
    (
        *_HEALTHY,
        Inject("Finance lowers a limit below what is owed.", "breach", "CRD-04"),
        Inject("A hold is placed and nobody decides on it.", "forgotten", "CRD-01"),
        Advance("Half a day passes, and the next.", 24 * _HOUR),
        Run("The product looks three times.", times=3),
        Expect("The forgotten hold is in the queue.", CaseStands("forgotten")),
        Expect("Nothing else was opened.", NothingElse()),
        Settle("Finance decides on the hold.", "forgotten"),
        Settle("Finance raises the limit.", "breach"),
        Run("Later snapshots are asked for proof.", times=3),
        Expect("The breach is over.", CaseStands("breach", ended=True)),
        Expect("The hold is decided.", CaseStands("forgotten", ended=True)),
        Expect("Nothing else was opened.", NothingElse()),
    ),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {one.scenario_id: one for one in (SCN_A, SCN_B, SCN_C, SCN_D, SCN_E, SCN_F, SCN_G, SCN_H)}
)
"""All scenarios, in the order of the domain book."""
