"""A plot as text: small panels one under the other over the same days, in one SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_WIDTH: Final = 720
_PANEL_HEIGHT: Final = 150
_LEFT: Final = 56
_RIGHT: Final = 12
_HEAD: Final = 34
_FOOT: Final = 22
_FONT: Final = 'font-family="sans-serif" font-size="11"'
_COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c")


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its title, and by name the values of each day."""

    title: str
    series: Mapping[str, Sequence[float]]


def soak_plot(days: Sequence[int], panels: Sequence[Panel]) -> str:
    """Return the plot.

    Args:
        days: The days, in order.
        panels: Each with one value a day in every series.
    """
    height = len(panels) * _PANEL_HEIGHT + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _drawn(days, panel, top=number * _PANEL_HEIGHT)
    return "\n".join([*parts, "</svg>", ""])


def _drawn(days: Sequence[int], panel: Panel, *, top: int) -> list[str]:
    highest = max((value for values in panel.series.values() for value in values), default=1.0) * 1.05 or 1.0
    width, height = _WIDTH - _LEFT - _RIGHT, _PANEL_HEIGHT - _HEAD - _FOOT
    bottom = top + _HEAD + height
    step = width / max(len(days) - 1, 1)
    parts = [
        f'<text x="{_LEFT}" y="{top + 14}" font-weight="bold">{panel.title}</text>',
        f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{bottom}" y2="{bottom}" stroke="black"/>',
        f'<text x="{_LEFT - 6}" y="{top + _HEAD + 4}" text-anchor="end">{highest:.3g}</text>',
        f'<text x="{_LEFT - 6}" y="{bottom + 4}" text-anchor="end">0</text>',
        f'<text x="{_LEFT}" y="{bottom + 15}">day {days[0]}</text>',
        f'<text x="{_LEFT + width}" y="{bottom + 15}" text-anchor="end">day {days[-1]}</text>',
    ]
    for number, ((name, values), colour) in enumerate(zip(panel.series.items(), _COLOURS, strict=False)):
        points = " ".join(
            f"{_LEFT + place * step:.1f},{bottom - value / highest * height:.1f}" for place, value in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<text x="{_LEFT + number * 190}" y="{top + 28}" fill="{colour}">{name}</text>')
    return parts
