"""A plot as text: every measured latency as a dot over the time at which it was measured, in one small SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_WIDTH: Final = 720
_HEIGHT: Final = 260
_LEFT: Final = 48
_BOTTOM: Final = 36
_TOP: Final = 34
_COLOURS: Final = ("#1f77b4", "#d62728")
_TARGETS: Final = (3.0, 5.0)


def latency_plot(series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return the plot.

    Args:
        series: By name, points of seconds since the beginning and seconds of latency.
    """
    points = [point for values in series.values() for point in values]
    longest = max((at for at, _ in points), default=1.0) or 1.0
    highest = max([seconds for _, seconds in points] + [max(_TARGETS)]) * 1.05
    width, height = _WIDTH - _LEFT - 10, _HEIGHT - _TOP - _BOTTOM

    def place(at: float, seconds: float) -> tuple[float, float]:
        return _LEFT + at / longest * width, _TOP + height - seconds / highest * height

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text { font: 11px sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for target, colour in zip(_TARGETS, _COLOURS, strict=True):
        _, y = place(0, target)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" '
            'stroke-dasharray="4 4"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{target:g} s</text>')
    for number, ((name, values), colour) in enumerate(zip(series.items(), _COLOURS, strict=False)):
        dots = (place(at, seconds) for at, seconds in values)
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{colour}" fill-opacity="0.6"/>' for x, y in dots]
        parts.append(f'<text x="{_LEFT + number * 180}" y="18" fill="{colour}">{name}</text>')
    bottom = _TOP + height
    parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{bottom}" y2="{bottom}" stroke="black"/>')
    parts.append(f'<text x="{_LEFT}" y="{bottom + 16}">0 s</text>')
    parts.append(f'<text x="{_LEFT + width}" y="{bottom + 16}" text-anchor="end">{longest:.0f} s</text>')
    return "\n".join([*parts, "</svg>", ""])
