"""What a portal needs before it can take orders: a country, taxes, delivery, payment on account, items in stock.

Made once, through the administrator's interface, and kept as the template of every portal that is started.
"""

from __future__ import annotations

from typing import Any

from scripts.real_systems.vendure.graphql import GraphqlClient

ITEMS = {"VLV-1": 2500, "VLV-2": 4150, "PMP-1": 18900, "FLT-1": 675, "SEA-1": 120}
"""Item number to its price in cents."""

_ON_HAND = 500
_LOG_IN = """mutation($password: String!) {
  login(username: "superadmin", password: $password) { __typename ... on ErrorResult { errorCode message } }
}"""
_ROLE_OF_THE_INTEGRATION = {
    "code": "reconciliation",
    "description": "Reads orders; shows where they stand",
    "permissions": ["ReadOrder", "UpdateOrder"],
}


def log_in(admin: GraphqlClient, password: str) -> None:
    """Begin an administrator's session.

    Raises:
        RefusedError: The password is wrong.
    """
    admin.ask(_LOG_IN, password=password)


def make_catalogue(admin: GraphqlClient) -> None:
    """Make everything that orders refer to.

    Args:
        admin: A client that has logged in.

    Raises:
        RefusedError: Vendure refuses a part of it.
    """
    zone, tax_category = _make_taxes(admin)
    channel = admin.ask("{ channels { items { id } } }")["items"][0]["id"]
    admin.ask(
        "mutation($input: UpdateChannelInput!) { updateChannel(input: $input) { __typename } }",
        input={"id": channel, "defaultShippingZoneId": zone, "defaultTaxZoneId": zone, "trackInventory": True},
    )
    _make_delivery_and_payment(admin)
    locations = [row["id"] for row in admin.ask("{ stockLocations { items { id } } }")["items"]]
    for sku, price in ITEMS.items():
        _make_item(admin, sku, price, tax_category, locations)


def make_api_key(admin: GraphqlClient) -> str:
    """Return a key for the integration, which may read orders and move them on, and nothing else.

    Raises:
        RefusedError: Vendure refuses the role or the key.
    """
    role = admin.ask(
        "mutation($input: CreateRoleInput!) { createRole(input: $input) { id } }", input=_ROLE_OF_THE_INTEGRATION
    )
    key = admin.ask(
        "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey } }",
        input={"roleIds": [role["id"]], "translations": [{"languageCode": "en", "name": "Reconciliation"}]},
    )
    return str(key["apiKey"])


def _make_taxes(admin: GraphqlClient) -> tuple[str, str]:
    country = admin.ask(
        "mutation($input: CreateCountryInput!) { createCountry(input: $input) { id } }",
        input={"code": "US", "enabled": True, "translations": _named("United States")},
    )
    zone = admin.ask(
        "mutation($input: CreateZoneInput!) { createZone(input: $input) { id } }",
        input={"name": "US", "memberIds": [country["id"]]},
    )
    category = admin.ask(
        "mutation($input: CreateTaxCategoryInput!) { createTaxCategory(input: $input) { id } }",
        input={"name": "Resale", "isDefault": True},
    )
    admin.ask(
        "mutation($input: CreateTaxRateInput!) { createTaxRate(input: $input) { id } }",
        input={
            "name": "Resale, untaxed",
            "enabled": True,
            "value": 0,
            "zoneId": zone["id"],
            "categoryId": category["id"],
        },
    )
    return zone["id"], category["id"]


def _make_delivery_and_payment(admin: GraphqlClient) -> None:
    admin.ask(
        "mutation($input: CreateShippingMethodInput!) { createShippingMethod(input: $input) { id } }",
        input={
            "code": "ground",
            "fulfillmentHandler": "manual-fulfillment",
            "checker": _operation("default-shipping-eligibility-checker", orderMinimum="0"),
            "calculator": _operation("default-shipping-calculator", rate="1500", taxRate="0", includesTax="auto"),
            "translations": [{"languageCode": "en", "name": "Ground", "description": ""}],
        },
    )
    admin.ask(
        "mutation($input: CreatePaymentMethodInput!) { createPaymentMethod(input: $input) { id } }",
        input={
            "code": "account",
            "enabled": True,
            "handler": _operation("dummy-payment-handler", automaticSettle="false"),
            "translations": [{"languageCode": "en", "name": "On account", "description": ""}],
        },
    )


def _make_item(admin: GraphqlClient, sku: str, price: int, tax_category: str, locations: list[str]) -> None:
    product = admin.ask(
        "mutation($input: CreateProductInput!) { createProduct(input: $input) { id } }",
        input={
            "enabled": True,
            "translations": [{"languageCode": "en", "name": sku, "slug": sku.lower(), "description": ""}],
        },
    )
    admin.ask(
        "mutation($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { id } }",
        input=[
            {
                "productId": product["id"],
                "sku": sku,
                "price": price,
                "taxCategoryId": tax_category,
                "trackInventory": "TRUE",
                "stockLevels": [{"stockLocationId": location, "stockOnHand": _ON_HAND} for location in locations],
                "translations": _named(sku),
            }
        ],
    )


def _operation(code: str, **arguments: str) -> dict[str, Any]:
    return {"code": code, "arguments": [{"name": name, "value": value} for name, value in arguments.items()]}


def _named(name: str) -> list[dict[str, str]]:
    return [{"languageCode": "en", "name": name}]
