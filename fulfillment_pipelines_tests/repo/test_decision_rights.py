"""No code path writes into a system past the decision rights: who may write, and who may hold what writes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

MAY_ASK_A_SINK = {
    "certification/checks/rehearsal.py",
    "corrections/delivering/attempt.py",
    "corrections/rights/guarded_sink.py",
    "systems/transports/edi/sink.py",
}
"""The attempt and the rehearsal of a certificate, which are given guarded sinks; the guard itself; a transport that
hands on to another one's sink."""
MAY_HOLD_A_SINK = {"loop/platform.py", "systems/registry.py"}
"""The composition root, which hands it to the guard, and the registry, which asks the system for it."""
MAY_MAKE_A_DISPATCHER = {"loop/platform.py"}
"""Only there is it said of which sinks."""
MAY_ATTEMPT = {"corrections/delivering/dispatch.py"}
"""Only there is it known that nobody else has the row."""


def _uses(tree: ast.AST, name: str) -> bool:
    """Whether code reads an attribute or a name of that spelling, or fetches it by `getattr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == name:
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr" and repr(name) in ast.unparse(node):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            return True
    return False


@pytest.fixture(scope="module")
def product(project_root: Path) -> dict[str, ast.Module]:
    """The modules of the product, parsed, by path; the twin is other people's systems."""
    package = project_root / "fulfillment_pipelines"
    paths = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    return {
        name: ast.parse(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if not name.startswith("twin/")
    }


@pytest.mark.parametrize("code", ["sink.apply(c)", "send = self._sink.apply", "getattr(sink, 'apply')(c)", "apply(c)"])
def test_a_way_to_write_is_recognised(code: str) -> None:
    assert _uses(ast.parse(code), "apply")
    assert not _uses(ast.parse("name = 'hold.apply'; applied(c); sink.read_back(c)"), "apply")


def test_only_an_attempt_and_the_guard_write_into_a_system(product: dict[str, ast.Module]) -> None:
    assert {name for name, tree in product.items() if _uses(tree, "apply")} == MAY_ASK_A_SINK


def test_only_the_composition_root_takes_sinks_and_it_takes_them_through_the_guard(
    product: dict[str, ast.Module],
) -> None:
    assert {name for name, tree in product.items() if _uses(tree, "sink")} == MAY_HOLD_A_SINK
    calls = [node for node in ast.walk(product["loop/platform.py"]) if isinstance(node, ast.Call)]
    taken = [call for call in calls if any(_uses(argument, "sink") for argument in call.args)]
    assert {ast.unparse(call.func) for call in taken} == {"guarded"}
    dispatchers = [call for call in calls if ast.unparse(call.func) == "Dispatcher"]
    assert [ast.unparse(call.args[1]) for call in dispatchers] == ["sink_of"]
    given = next(node for node in ast.walk(product["loop/platform.py"]) if _assigns(node, "sink_of"))
    assert isinstance(given, ast.Assign)
    assert given.value in taken


def test_only_the_composition_root_makes_a_dispatcher_and_only_it_attempts(product: dict[str, ast.Module]) -> None:
    assert {name for name, tree in product.items() if _uses(tree, "Dispatcher")} == MAY_MAKE_A_DISPATCHER
    attempting = {
        name
        for name, tree in product.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "attempt.send"
    }
    assert attempting == MAY_ATTEMPT


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]
