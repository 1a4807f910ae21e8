"""Every contract of the canonical model, declared once, in one file for each part of the business.

Names and codes follow the domain book §2.1-§2.4: quantities are in the unit of `uom` until `sql/20_canonical`
turns them into base units; instants are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fulfillment_pipelines.canonical.contracts.finance import FINANCE
from fulfillment_pipelines.canonical.contracts.master_data import MASTER_DATA
from fulfillment_pipelines.canonical.contracts.orders import ORDERS
from fulfillment_pipelines.canonical.contracts.partners import PARTNERS
from fulfillment_pipelines.canonical.contracts.stock import STOCK
from fulfillment_pipelines.canonical.contracts.transport import TRANSPORT
from fulfillment_pipelines.canonical.contracts.warehouse import WAREHOUSE
from fulfillment_pipelines.canonical.vocabulary import Contract
from fulfillment_pipelines.errors import ConfigurationError

CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        contract.name: contract
        for contract in (*MASTER_DATA, *ORDERS, *WAREHOUSE, *STOCK, *TRANSPORT, *FINANCE, *PARTNERS)
    }
)
"""All contracts by name."""


def contract_named(name: str) -> Contract:
    """Return the contract of that name.

    Raises:
        ConfigurationError: No contract has that name.
    """
    if name not in CONTRACTS:
        raise ConfigurationError(
            f"There is no contract named '{name}'.",
            expected=f"one of {', '.join(sorted(CONTRACTS))}",
            remedy="correct `contract:` in the system's YAML, or declare the contract in canonical/contracts",
        )
    return CONTRACTS[name]
