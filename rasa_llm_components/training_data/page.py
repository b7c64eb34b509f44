"""Insights as one HTML page that needs nothing else: no script, no network. Whatever comes from data is escaped."""

from __future__ import annotations

from html import escape

from rasa_llm_components.training_data.insights import Insights
from rasa_llm_components.training_data.sections import Section, sections, summary

_STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2.5rem 0 0; font-size: 1.2rem; break-after: avoid; }
h2 small, p.advice, nav { color: #667; }
nav a { margin-right: 1rem; white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: Canvas; }
tr { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } nav { display: none; } thead th { position: static; } }
"""  # noqa: E501


def as_page(insights: Insights) -> str:
    """The page's text."""
    shown = sections(insights)
    links = "\n".join(
        f'<a href="#s{number}">{escape(section.title)} ({len(section.rows)})</a>'
        for number, section in enumerate(shown)
    )
    tables = "\n".join(_table(number, section) for number, section in enumerate(shown))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Insights into the training data</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Insights into the training data</h1>
<p>{escape(summary(insights))}</p>
<nav>{links}</nav>
{tables}
</body>
</html>
"""


def _table(number: int, section: Section) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in section.columns)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in section.rows)
    return f"""<section id="s{number}">
<h2>{escape(section.title)} <small>{len(section.rows)}</small></h2>
<p class="advice">{escape(section.advice)}</p>
<div class="wide"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
</section>"""
