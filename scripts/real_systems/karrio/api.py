"""Karrio's interfaces as a shipping clerk's tool would use them: carriers, shipments, orders, states set by hand.

What is shipped, and why, stands in `story.py`.
"""

from __future__ import annotations

from typing import Any

import httpx

CARRIER = "acme_ltl"

_SERVICE = "standard_service"
_SET_STATUS = """mutation($input: ChangeShipmentStatusMutationInput!) {
  change_shipment_status(input: $input) { shipment { status } }
}"""


def _address(company: str, city: str) -> dict[str, str]:
    return {
        "company_name": company,
        "person_name": "Dock",
        "address_line1": "1 Dock Road",
        "city": city,
        "state_code": "NV",
        "postal_code": "89501",
        "country_code": "US",
        "phone_number": "555-555-0100",
        "email": "dock@example.com",
    }


class Karrio:
    """A session of the administrator.

    Args:
        http: Where requests go through; its base URL is the server's.
        user: The administrator's address.
        password: Its password.
    """

    def __init__(self, http: httpx.Client, user: str, password: str) -> None:
        self._http = http
        self._headers: dict[str, str] = {}
        token = self._post("/api/token", {"email": user, "password": password})["access"]
        self._headers["Authorization"] = f"Bearer {token}"

    def connect_carrier(self) -> None:
        """Set up a carrier that needs no connection to anybody: rates and labels are made here."""
        credentials = {"display_name": "Acme LTL", "custom_carrier_name": CARRIER, "account_country_code": "US"}
        self._post(
            "/v1/connections",
            {"carrier_name": "generic", "carrier_id": CARRIER, "credentials": credentials, "active": True},
        )

    def take_order(self, order_no: str, sku: str, quantity: int) -> dict[str, Any]:
        """Put an order before the clerks and return it."""
        item = {
            "title": sku,
            "sku": sku,
            "quantity": quantity,
            "weight": 1,
            "weight_unit": "LB",
            "value_amount": 25,
            "value_currency": "USD",
        }
        return self._post(
            "/v1/orders",
            {
                "order_id": order_no,
                "source": "erp",
                "shipping_to": _address("Acme", "Las Vegas"),
                "line_items": [item],
            },
        )

    def ship(self, shipment_no: str, order: dict[str, Any], *, tendered: bool = True) -> dict[str, Any]:
        """Make a shipment of a whole order, buy its label where it is tendered, and return it."""
        items = [{**_as_sent(item), "parent_id": item["id"]} for item in order["line_items"]]
        parcel = {
            "items": items,
            "weight": 2.5,
            "weight_unit": "LB",
            "width": 10,
            "height": 10,
            "length": 10,
            "dimension_unit": "IN",
        }
        shipment = {
            "shipper": _address("Warehouse West", "Reno"),
            "recipient": _address("Acme", "Las Vegas"),
            "parcels": [parcel],
            "reference": shipment_no,
            "carrier_ids": [CARRIER],
        }
        return self._post("/v1/shipments", {**shipment, "service": _SERVICE} if tendered else shipment)

    def set_status(self, shipment: dict[str, Any], status: str) -> None:
        """Set the state of a tendered shipment by hand, as clerks do for carriers without a connection."""
        self._post("/graphql", {"query": _SET_STATUS, "variables": {"input": {"id": shipment["id"], "status": status}}})

    def order(self, order_no: str) -> dict[str, Any]:
        """Return the order of that number."""
        answer = self._http.get("/v1/orders", params={"order_id": order_no}, headers=self._headers).raise_for_status()
        (found,) = answer.json()["results"]
        return dict(found)

    def _post(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        return dict(self._http.post(path, json=content, headers=self._headers).raise_for_status().json())


def _as_sent(item: dict[str, Any]) -> dict[str, Any]:
    named = ("title", "sku", "quantity", "weight", "weight_unit", "value_amount", "value_currency")
    return {name: item[name] for name in named}
