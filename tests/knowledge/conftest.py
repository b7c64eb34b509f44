"""A small shop's documents in every format, and the packaged encoder."""

from pathlib import Path

import pytest

from rasa_llm_components.models.registry import shared_encoder

DELIVERY = """---
title: Delivery
link: https://shop.example/delivery
---
# Delivery
We send parcels with **DHL**. Orders placed before 2 p.m. leave
the same day.

## Abroad
- Switzerland: 12.90 €, 4 to 6 days
- Austria: 7.90 €, 3 days

| Country | Price |
|---|---|
| France | 9.90 € |
| Italy | 10.90 € |
"""
HOURS = """<!doctype html><html><head><title>Hours</title><link rel="canonical" href="https://shop.example/hours">
<style>p {color: red}</style></head><body><nav><a href="/">Home</a></nav><main><h1>Opening hours</h1>
<p>The shop in Mill Street is open from<br>9 to 18 o'clock.</p><!-- a comment --><div>Closed on <b>Sundays</b>.</div>
<h2>Holidays</h2><ul><li>24 December: closed</li><li><p>31 December: open until noon</p></li></ul>
<table><tr><th>Day</th><th>Until</th></tr><tr><td>Good Friday</td><td>14 o'clock</td></tr></table>
<script>alert("hello")</script></main><footer>Imprint</footer></body></html>"""
WARRANTY = """Every clock comes with a warranty of three years.

The battery is not covered. Send the clock back with its receipt,
and we repair it within ten days.
"""
FAQ = """question,answer,link
Can I return a gift?,"Yes. You have 30 days, with or without the receipt.",https://shop.example/faq
Do you wrap presents?,"With pleasure. Paper and ribbon cost 3.50 €.",
"""


@pytest.fixture(scope="session")
def encoder():
    return shared_encoder({})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "knowledge"
    (folder / "legal").mkdir(parents=True)
    (folder / "delivery.md").write_text(DELIVERY, encoding="utf-8")
    (folder / "hours.html").write_text(HOURS, encoding="utf-8")
    (folder / "legal" / "warranty_of_clocks.txt").write_text(WARRANTY, encoding="utf-8")
    (folder / "faq.csv").write_text(FAQ, encoding="utf-8")
    return folder


def make_pdf(lines: list[str]) -> bytes:
    """A PDF of one page with these lines."""
    shown = " T* ".join("({}) Tj".format(line.replace("(", r"\(").replace(")", r"\)")) for line in lines)
    content = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    file, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(file)
    return file + b"xref\n0 5\n0000000000 65535 f \n%strailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        table,
        start,
    )
