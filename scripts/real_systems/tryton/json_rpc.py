"""A client for the JSON-RPC interface of Tryton, old and new: what seeds, start scripts and tests speak through.

The product has no part in it: it reaches Tryton by what is declared in data/samples/tryton.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from datetime import date
from decimal import Decimal
from typing import Any

_SECONDS = 60
_WARNINGS = 20


class TrytonError(Exception):
    """Tryton answered that it will not do what it was asked.

    Attributes:
        kind: Name of its error, for example `UserWarning`.
        details: The rest of its answer.
    """

    def __init__(self, method: str, kind: str, details: list[Any]) -> None:
        self.kind = kind
        self.details = details
        super().__init__(f"{method}: {kind}: {details}")


class Tryton:
    """A session of a user on one database.

    Args:
        url: Where the methods of the database are, for example `http://127.0.0.1:8000/erp/rpc/`.
        user: Login name.
        password: Password.

    Raises:
        OSError: The server does not answer.
        TrytonError: It refuses the user.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._headers = {"content-type": "application/json"}
        self._context: dict[str, Any] = {}
        session = self._post("common.db.login", [user, {"password": password}, "en"])
        if not session:
            raise TrytonError("common.db.login", "Refused", [user])
        token = base64.b64encode(f"{user}:{session[0]}:{session[1]}".encode()).decode()
        self._headers["authorization"] = f"Session {token}"
        self.user_id: int = session[0]
        self.take_preferences()

    def take_preferences(self) -> None:
        """Read the context that the user's calls carry (company, language), again after it was changed."""
        self._context = {}
        self._context = self.call("model.res.user.get_preferences", True)

    def call(self, method: str, *parameters: object) -> Any:
        """Call a method; a warning that a person would confirm is confirmed.

        Raises:
            TrytonError: It refuses.
        """
        for _ in range(_WARNINGS):
            try:
                return self._post(method, [*parameters, self._context])
            except TrytonError as error:
                if error.kind != "UserWarning":
                    raise
                # The first of a warning's details is its name, under which Tryton remembers that it was confirmed.
                confirmed = {"user": self.user_id, "name": error.details[0]}
                self._post("model.res.user.warning.create", [[confirmed], self._context])
        raise TrytonError(method, "UserWarning", [f"still warns after {_WARNINGS} confirmations"])

    def search(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        """Return the named fields of the records that a domain finds, by their number."""
        found: list[dict[str, Any]] = self.call(
            f"model.{model}.search_read", domain, 0, None, [["id", "ASC"]], ["id", *fields]
        )
        return found

    def one(self, model: str, domain: list[Any]) -> int:
        """Return the number of the first record that a domain finds.

        Raises:
            LookupError: It finds none.
        """
        found = self.search(model, domain, [])
        if not found:
            raise LookupError(f"no {model} with {domain}")
        number: int = found[0]["id"]
        return number

    def create(self, model: str, **values: object) -> int:
        """Create a record and return its number."""
        numbers: list[int] = self.call(f"model.{model}.create", [values])
        return numbers[0]

    def write(self, model: str, number: int, **values: object) -> None:
        """Change a record."""
        self.call(f"model.{model}.write", [number], values)

    def press(self, model: str, button: str, *numbers: int) -> Any:
        """Press a button of a form, as a person does."""
        return self.call(f"model.{model}.{button}", list(numbers))

    def run_wizard(self, name: str, *steps: tuple[str, str, dict[str, object]]) -> None:
        """Walk through a wizard.

        Args:
            name: Its name, for example `account.create_chart`.
            steps: State whose form is filled, button that is pressed, values of the form.
        """
        session, _, _ = self.call(f"wizard.{name}.create")
        for state, button, values in steps:
            self.call(f"wizard.{name}.execute", session, {state: values} if values else {}, button)
        self.call(f"wizard.{name}.delete", session)

    def _post(self, method: str, parameters: list[Any]) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": parameters}, default=_as_tryton).encode()
        request = urllib.request.Request(self._url, body, self._headers)  # noqa: S310 -- a loopback address of ours
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 -- as above
            content = json.load(answer, object_hook=_from_tryton)
        if error := content.get("error"):
            kind, *details = error if isinstance(error, list) else [str(error)]
            # The details of a warning or a refusal come as one list of their own.
            raise TrytonError(method, kind, details[0] if details and isinstance(details[0], list) else details)
        return content.get("result")


def _as_tryton(value: object) -> object:
    """Return what JSON has no form for, in Tryton's."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"Tryton takes no {type(value).__name__}")


def _from_tryton(value: dict[str, Any]) -> object:
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"])
        case _:
            return value
