"""The chart that the README shows: how near each operation comes to PostgreSQL's own limit."""

from xml.sax.saxutils import escape

from benchmarks.schemas import Report, Result

WIDTH, LABEL, BAR, ROW, TOP, RIGHT = 900, 345, 16, 34, 64, 190
LONGEST = 2.0
"""Longer bars end in an arrow, so that the others can still be told apart."""
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #656d76; font-size: 12px; }
.ours { fill: #1a7f5a; }
.rail { fill: #d8dee4; }
.limit { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .quiet { fill: #9198a1; } .ours { fill: #3fb68b; } .rail { fill: #30363d; }
  .limit { stroke: #f0883e; }
}
"""


def draw_chart(report: Report) -> str:
    """An SVG with a bar for each operation that has a limit, which is the dashed line."""
    shown = [result for result in report.results if result.ratio is not None]
    most = min(LONGEST, max([1.2, *(result.ratio or 0.0 for result in shown)]))
    scale = (WIDTH - LABEL - RIGHT) / most
    height = TOP + ROW * len(shown) + 44
    machine = report.machine
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        f"<style>{STYLE}</style>",
        '<text id="title" class="title" x="0" y="20">Requests a second, as a share of what PostgreSQL alone does</text>',
        f'<text class="quiet" x="0" y="40">{_line_about(report)}</text>',
    ]
    for number, result in enumerate(shown):
        parts += _row(result, TOP + ROW * number, scale)
    limit_at = LABEL + scale
    parts += [
        f'<line class="limit" x1="{limit_at:.1f}" x2="{limit_at:.1f}" y1="{TOP - 6}" y2="{height - 34}"/>',
        f'<text class="quiet" x="{limit_at:.1f}" y="{height - 18}" text-anchor="middle">'
        "pgbench, the same statements one by one = 1</text>",
        f'<text class="quiet" x="0" y="{height - 6}">{escape(machine.cpu)}, {machine.cores} cores, '
        f"PostgreSQL {escape(machine.postgresql)}, Python {escape(machine.python)}</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _line_about(report: Report) -> str:
    plan = report.plan
    return escape(
        f"The whole product over HTTP, {plan.workers} worker{'s' * (plan.workers > 1)}, {plan.connections} connections; "
        f"medians of {plan.rounds} rounds"
    )


def _row(result: Result, top: float, scale: float) -> list[str]:
    ratio, middle = result.ratio or 0.0, top + ROW / 2
    width = max(min(ratio, LONGEST) * scale, 1)
    told = f"{ratio:.2f} × · {result.ours_per_s:,.0f} /s of {result.limit_per_s or 0:,.0f}"
    end = LABEL + max(width, scale)
    row = [
        f'<text x="{LABEL - 12}" y="{middle + 4}" text-anchor="end">{escape(result.title)}</text>',
        f'<rect class="rail" x="{LABEL}" y="{middle - BAR / 2}" width="{scale:.1f}" height="{BAR}" rx="2"/>',
        f'<rect class="ours" x="{LABEL}" y="{middle - BAR / 2}" width="{width:.1f}" height="{BAR}" rx="2"/>',
        f'<text x="{end + 16:.1f}" y="{middle + 4}">{told}</text>',
    ]
    if ratio > LONGEST:
        top, tip, bottom = middle - BAR / 2, LABEL + width + 10, middle + BAR / 2
        row.append(
            f'<path class="ours" d="M{LABEL + width - 2:.1f} {top} L{tip:.1f} {middle} L{tip - 12:.1f} {bottom} Z"/>'
        )
    return row
