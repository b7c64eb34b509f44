"""An invented shop to try the bot with: 25 products, 20 customers, 40 orders in every state.

Days count back from the day on which the database is filled, so that an order that arrived last week
always arrived last week.
"""

from __future__ import annotations

from typing import NamedTuple

HYGIENE = "for hygiene, earrings only come back with their seal unbroken, and a colleague has to see that"
FOOD = "it holds fresh food, which spoils"

# name, category, cents, stock, description, why it can't be returned
PRODUCTS: list[tuple[str, str, int, int, str, str]] = [
    ("Sea Salt Candle", "candle", 1850, 42, "soy wax with sea salt and sage, burns 40 hours.", ""),
    ("Beeswax Dinner Candles", "candle", 1400, 30, "four hand-dipped candles of Irish beeswax, 24 cm.", ""),
    ("Harbour Mug", "mug", 1650, 58, "glazed stoneware from Kinvara, 350 ml, safe in the dishwasher.", ""),
    ("Name Mug", "mug", 1950, 80, "white porcelain with a name of your choice, 330 ml.", ""),
    ("Oat and Honey Soap", "soap", 750, 95, "made without palm oil, with honey from Connemara, 100 g.", ""),
    ("Lavender Soap", "soap", 750, 64, "vegan, scented with lavender oil, 100 g.", ""),
    ("Galway Wool Scarf", "scarf", 4900, 21, "pure lambswool, woven in Donegal, 180 by 30 cm.", ""),
    ("Silk Scarf Wren", "scarf", 6200, 9, "printed silk with our wren pattern, 70 by 70 cm.", ""),
    ("Silver Leaf Necklace", "necklace", 5400, 17, "sterling silver, free of nickel, 45 cm chain.", ""),
    ("Wren Feather Earrings", "earrings", 3800, 26, "sterling silver, free of nickel.", HYGIENE),
    ("Initial Bracelet", "bracelet", 4200, 33, "sterling silver with an engraved initial.", ""),
    ("Claddagh Print", "print", 2400, 40, "risograph print on recycled paper, A3.", ""),
    ("Seabirds Print", "print", 2900, 25, "giclée print, numbered edition of 200, A3.", ""),
    (
        "Tea Time Hamper",
        "hamper",
        4500,
        14,
        "tea, shortbread and jam in a willow basket. Contains wheat and milk.",
        "",
    ),
    (
        "Wild Atlantic Hamper",
        "hamper",
        7900,
        6,
        "smoked salmon, oatcakes, relish and stout. Contains fish and gluten.",
        FOOD,
    ),
    ("Dark Chocolate Box", "chocolate", 1600, 70, "24 pieces, 70 % cocoa, vegan. May contain nuts.", ""),
    ("Linen Notebook", "notebook", 1250, 90, "160 pages of recycled paper, bound in linen, A5.", ""),
    ("Barnaby the Teddy", "teddy", 2800, 19, "organic cotton, 30 cm, safe from birth.", ""),
    ("Lambswool Blanket", "blanket", 8900, 8, "woven in Donegal, 130 by 180 cm.", ""),
    ("Bud Vase", "vase", 2200, 28, "hand-blown glass, 15 cm.", ""),
    ("Olive Wood Chopping Board", "chopping board", 3600, 22, "oiled olive wood, 35 by 20 cm, can be engraved.", ""),
    ("Hedgerow Tea Towel", "tea towel", 1100, 75, "Irish linen, printed in Galway.", ""),
    ("Velvet Cushion", "cushion", 3400, 0, "cotton velvet with a feather filling, 45 by 45 cm.", ""),
    ("Map of Ireland Puzzle", "puzzle", 1900, 31, "wood, 54 pieces, from 4 years.", ""),
    ("Oak Photo Frame", "photo frame", 2600, 24, "solid oak, for pictures of 13 by 18 cm.", ""),
]

CUSTOMERS: list[tuple[str, str, str]] = [
    ("Anna Murphy", "anna.murphy@post.example", "3 Shore Road, Salthill, H91 A2B3, Ireland"),
    ("Peter Walsh", "peter.walsh@home.example", "18 Patrick Street, Cork, T12 C4D5, Ireland"),
    ("Julia Roth", "julia.roth@letters.example", "Gartenweg 7, 50667 Köln, Germany"),
    ("Tom Whelan", "tom.whelan@inbox.example", "41 Abbey Lane, Ennis, V95 E6F7, Ireland"),
    ("Liz Carter", "liz.carter@mail.example", "22 Orchard Road, Bristol, BS1 5TR, United Kingdom"),
    ("Declan Byrne", "d.byrne@post.example", "9 Main Street, Naas, W91 G8H9, Ireland"),
    ("Fiona Kelly", "fiona.kelly@inbox.example", "5 Hillcrest, Sligo, F91 J1K2, Ireland"),
    ("Mark Quinn", "m.quinn@home.example", "30 Lough View, Athlone, N37 L3M4, Ireland"),
    ("Sophie Martin", "sophie.martin@courrier.example", "12 rue du Moulin, 35000 Rennes, France"),
    ("Aoife Doyle", "aoife.doyle@post.example", "77 Griffith Avenue, Dublin 9, D09 N5P6, Ireland"),
    ("James Grant", "james.grant@mail.example", "4 Castle Wynd, Edinburgh, EH1 2AB, United Kingdom"),
    ("Maria Rossi", "maria.rossi@posta.example", "Via Verdi 11, 40121 Bologna, Italy"),
    ("Sean Nolan", "sean.nolan@home.example", "16 Mill Street, Kilkenny, R95 Q7R8, Ireland"),
    ("Ingrid Berg", "ingrid.berg@brev.example", "Storgata 25, 0184 Oslo, Norway"),
    ("Robert Hayes", "robert.hayes@inbox.example", "250 Elm Street, Boston, MA 02108, USA"),
    ("Niamh Burke", "niamh.burke@post.example", "2 Quay Street, Westport, F28 S9T1, Ireland"),
    ("Lukas Huber", "lukas.huber@brief.example", "Lindengasse 14, 1070 Wien, Austria"),
    ("Grace Flynn", "grace.flynn@mail.example", "63 O'Connell Street, Limerick, V94 U2V3, Ireland"),
    ("Emma de Vries", "emma.devries@post.example", "Prinsengracht 210, 1016 HD Amsterdam, Netherlands"),
    ("Conor Daly", "conor.daly@home.example", "8 Bridge Road, Tralee, V92 W4X5, Ireland"),
]


class DemoOrder(NamedTuple):
    """An order; days before today, None: hasn't happened."""

    customer: int
    lines: dict[str, int]
    placed: int
    packed: int | None = None
    dispatched: int | None = None
    delivered: int | None = None
    due_in: int | None = None
    cancelled: int | None = None
    personalised: str = ""


# WW10001 is the first.
ORDERS: list[DemoOrder] = [
    DemoOrder(0, {"Sea Salt Candle": 2}, placed=0),
    DemoOrder(1, {"Harbour Mug": 4, "Hedgerow Tea Towel": 1}, placed=0),
    DemoOrder(2, {"Galway Wool Scarf": 1}, placed=1, packed=0),
    DemoOrder(3, {"Name Mug": 1}, placed=1, personalised="Name Mug"),
    DemoOrder(4, {"Silver Leaf Necklace": 1}, placed=4, packed=4, dispatched=3, due_in=2),
    DemoOrder(5, {"Linen Notebook": 3}, placed=2, packed=2, dispatched=1, due_in=1),
    DemoOrder(0, {"Harbour Mug": 1, "Oat and Honey Soap": 3}, placed=9, packed=9, dispatched=8, delivered=6),
    DemoOrder(6, {"Lambswool Blanket": 1}, placed=16, packed=15, dispatched=15, delivered=12),
    DemoOrder(7, {"Wren Feather Earrings": 1, "Bud Vase": 1}, placed=10, packed=10, dispatched=9, delivered=7),
    DemoOrder(8, {"Claddagh Print": 1}, placed=12, packed=12, dispatched=11, delivered=5),
    DemoOrder(9, {"Tea Time Hamper": 1}, placed=8, packed=8, dispatched=7, delivered=5),
    DemoOrder(10, {"Silk Scarf Wren": 1}, placed=60, packed=59, dispatched=59, delivered=54),
    DemoOrder(11, {"Seabirds Print": 1, "Lavender Soap": 2}, placed=50, packed=49, dispatched=49, delivered=43),
    DemoOrder(12, {"Barnaby the Teddy": 1}, placed=3, cancelled=3),
    DemoOrder(13, {"Galway Wool Scarf": 2}, placed=14, packed=14, dispatched=13, due_in=-4),
    DemoOrder(14, {"Initial Bracelet": 1}, placed=15, packed=12, dispatched=11, due_in=3,
              personalised="Initial Bracelet"),
    DemoOrder(15, {"Oak Photo Frame": 2}, placed=0),
    DemoOrder(16, {"Dark Chocolate Box": 3}, placed=1, packed=0),
    DemoOrder(17, {"Map of Ireland Puzzle": 1}, placed=3, packed=3, dispatched=2, due_in=0),
    DemoOrder(18, {"Wild Atlantic Hamper": 1}, placed=5, packed=5, dispatched=4, due_in=1),
    DemoOrder(19, {"Olive Wood Chopping Board": 1}, placed=20, packed=17, dispatched=16, delivered=14,
              personalised="Olive Wood Chopping Board"),
    DemoOrder(0, {"Silver Leaf Necklace": 1}, placed=45, packed=45, dispatched=44, delivered=41),
    DemoOrder(1, {"Beeswax Dinner Candles": 2}, placed=25, packed=25, dispatched=24, delivered=22),
    DemoOrder(2, {"Bud Vase": 1}, placed=33, packed=33, dispatched=32, delivered=28),
    DemoOrder(3, {"Sea Salt Candle": 1, "Dark Chocolate Box": 1}, placed=11, packed=11, dispatched=10, delivered=8),
    DemoOrder(4, {"Hedgerow Tea Towel": 6}, placed=7, packed=7, dispatched=6, due_in=-1),
    DemoOrder(5, {"Velvet Cushion": 2}, placed=2, packed=1),
    DemoOrder(6, {"Harbour Mug": 2}, placed=1),
    DemoOrder(7, {"Linen Notebook": 1, "Claddagh Print": 1}, placed=2, cancelled=1),
    DemoOrder(8, {"Lavender Soap": 4}, placed=6, packed=6, dispatched=5, due_in=0),
    DemoOrder(9, {"Lambswool Blanket": 1, "Sea Salt Candle": 1}, placed=0),
    DemoOrder(10, {"Oak Photo Frame": 1}, placed=13, packed=13, dispatched=12, delivered=8),
    DemoOrder(11, {"Map of Ireland Puzzle": 2}, placed=18, packed=18, dispatched=17, delivered=11),
    DemoOrder(12, {"Oat and Honey Soap": 5}, placed=90, packed=90, dispatched=89, delivered=87),
    DemoOrder(15, {"Barnaby the Teddy": 1, "Name Mug": 1}, placed=9, packed=5, dispatched=4, delivered=2,
              personalised="Name Mug"),
    DemoOrder(16, {"Galway Wool Scarf": 1}, placed=4, packed=4, dispatched=3, due_in=2),
    DemoOrder(17, {"Initial Bracelet": 1, "Silver Leaf Necklace": 1}, placed=30, packed=29, dispatched=29,
              delivered=27),
    DemoOrder(18, {"Seabirds Print": 1}, placed=6, packed=6, dispatched=5, due_in=1),
    DemoOrder(19, {"Tea Time Hamper": 2, "Dark Chocolate Box": 1}, placed=1, packed=1),
    DemoOrder(13, {"Silk Scarf Wren": 1}, placed=26, packed=26, dispatched=25, delivered=17),
]  # fmt: skip
