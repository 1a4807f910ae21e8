"""Orders in the portal, as customers place them in the shop and clerks move them on.

Through Vendure's own interfaces only. What an order is for, a test says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from scripts.real_systems.vendure.graphql import GraphqlClient

_VARIANTS = "{ productVariants { items { id sku } } }"
_ADD_ITEM = """mutation($variant: ID!, $quantity: Int!) {
  addItemToOrder(productVariantId: $variant, quantity: $quantity) {
    __typename ... on ErrorResult { errorCode message }
  }
}"""
_SET_CUSTOMER = """mutation($input: CreateCustomerInput!) {
  setCustomerForOrder(input: $input) { __typename ... on ErrorResult { errorCode message } }
}"""
_SET_ADDRESS = """mutation($input: CreateAddressInput!) {
  setOrderShippingAddress(input: $input) { __typename ... on ErrorResult { errorCode message } }
}"""
_SET_METHOD = """mutation($methods: [ID!]!) {
  setOrderShippingMethod(shippingMethodId: $methods) { __typename ... on ErrorResult { errorCode message } }
}"""
_TO_PAYMENT = """mutation {
  transitionOrderToState(state: "ArrangingPayment") { __typename ... on ErrorResult { errorCode message } }
}"""
_PAY = """mutation {
  addPaymentToOrder(input: {method: "account", metadata: {}}) {
    __typename ... on Order { code } ... on ErrorResult { errorCode message }
  }
}"""
_ORDER = """query($code: String!) {
  orders(options: {filter: {code: {eq: $code}}}) {
    items {
      id code state customFields { erpOrderNo } payments { id }
      lines { id quantity productVariant { sku } } fulfillments { id state }
      history { items { type data } }
    }
  }
}"""
_SETTLE = "mutation($id: ID!) { settlePayment(id: $id) { __typename ... on ErrorResult { errorCode message } } }"
_SET_NUMBER = "mutation($input: UpdateOrderInput!) { setOrderCustomFields(input: $input) { id } }"
_FULFIL = """mutation($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) { __typename ... on Fulfillment { id } ... on ErrorResult { errorCode message } }
}"""
_MOVE = """mutation($id: ID!, $state: String!) {
  transitionFulfillmentToState(id: $id, state: $state) { __typename ... on ErrorResult { errorCode message } }
}"""
_ADDRESS = {
    "fullName": "Goods In",
    "streetLine1": "1 Dock Road",
    "city": "Reno",
    "postalCode": "89501",
    "countryCode": "US",
}


@dataclass(frozen=True)
class Portal:
    """A running portal, as its customers and its clerks use it.

    Attributes:
        http: Where requests go through.
        admin: A client of the administrator's interface that has logged in.
    """

    http: httpx.Client
    admin: GraphqlClient

    def place(self, customer: str, items: Mapping[str, int], erp_order_no: str | None = None) -> str:
        """Place an order on account, have its payment approved, and return its code.

        Args:
            customer: The customer's address at example.com.
            items: Item number to quantity.
            erp_order_no: The ERP's number, where the ERP has taken the order in.

        Raises:
            RefusedError: Vendure refuses a step.
        """
        variants = {row["sku"]: row["id"] for row in self.admin.ask(_VARIANTS)["items"]}
        shop = GraphqlClient(self.http, "shop-api")
        for sku, quantity in items.items():
            shop.ask(_ADD_ITEM, variant=variants[sku], quantity=quantity)
        shop.ask(_SET_CUSTOMER, input={"firstName": "Buying", "lastName": customer, "emailAddress": _mail(customer)})
        shop.ask(_SET_ADDRESS, input=_ADDRESS)
        shop.ask(_SET_METHOD, methods=[shop.ask("{ eligibleShippingMethods { id } }")[0]["id"]])
        shop.ask(_TO_PAYMENT)
        code = str(shop.ask(_PAY)["code"])
        order = self.order(code)
        self.admin.ask(_SETTLE, id=order["payments"][0]["id"])
        if erp_order_no is not None:
            self.number(code, erp_order_no)
        return code

    def number(self, code: str, erp_order_no: str) -> None:
        """Note on an order the number that the ERP has given it."""
        fields = {"erpOrderNo": erp_order_no}
        self.admin.ask(_SET_NUMBER, input={"id": self.order(code)["id"], "customFields": fields})

    def fulfil(self, code: str) -> str:
        """Make a fulfilment of a whole order, not shipped yet, and return its id."""
        return self._fulfilment(code, None)

    def ship(self, code: str, quantities: Mapping[str, int] | None = None, *, delivered: bool = False) -> None:
        """Mark an order as shipped, or so many pieces of its items, and as delivered if so.

        Raises:
            RefusedError: Vendure refuses a step.
        """
        fulfilment = self._fulfilment(code, quantities)
        for state in ("Shipped", "Delivered") if delivered else ("Shipped",):
            self.admin.ask(_MOVE, id=fulfilment, state=state)

    def _fulfilment(self, code: str, quantities: Mapping[str, int] | None) -> str:
        lines = [
            {"orderLineId": line["id"], "quantity": line["quantity"] if quantities is None else quantities[sku]}
            for line in self.order(code)["lines"]
            if quantities is None or (sku := line["productVariant"]["sku"]) in quantities
        ]
        handler = {"code": "manual-fulfillment", "arguments": [{"name": "method", "value": "Ground"}]}
        return str(self.admin.ask(_FULFIL, input={"lines": lines, "handler": handler})["id"])

    def order(self, code: str) -> dict[str, Any]:
        """Return the order as its clerks see it."""
        (found,) = self.admin.ask(_ORDER, code=code)["items"]
        return dict(found)


def _mail(customer: str) -> str:
    return f"{customer.lower()}@example.com"
