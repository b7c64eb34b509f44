"""Plain questions with their answers: what "answered" and "unrelated" look like to an encoder.

Encoders differ in what their cosines mean: unrelated texts lie at 0.05 with one and at 0.78 with the
next. The pairs below are about nothing in particular. The mean similarity of a question and its own
answer is 1 on our scale, that of a question and the other answers is 0, whatever the encoder. They
say nothing about any bot's documents, and no benchmark's questions are among them.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np

from rasa_llm_components.knowledge.embeddings import Embeddings
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.passage_text import PassageText
from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.knowledge.similarity import KINDS, ReadPassages, ReadQuestion
from rasa_llm_components.models.protocols import SentenceEncoder

# A question on the first line of a block, its answer on the others.
ENGLISH = """
How often should a bicycle chain be oiled?
A bicycle chain lasts longer when it is clean. It should be oiled every two hundred kilometres, and after each
ride in the rain.

Who looks after the library on Saturdays?
The library in Mill Street opens at ten. On Saturdays two volunteers from the village look after it, because
the librarian is off.

What is the bridge over the Lenn made of?
The old bridge over the Lenn was built by local masons. It is made of red sandstone and carries one lane of
traffic.

When does the potato harvest begin?
Farmers in the valley plant potatoes in April. The harvest begins in late August and ends with a small fair.

Why do cats purr?
Cats purr when they are content. Vets believe that they also purr to calm themselves when they are hurt.

Where can hikers refill their bottles?
The trail to the summit is steep and has little shade. Hikers can refill their bottles at the spring below the
hut.

How many players does a handball team have on the court?
Handball is played indoors in two halves of thirty minutes. Each team has seven players on the court, one of
them the goalkeeper.

Which oven temperature is right for rye bread?
Rye bread needs a sour dough that rests overnight. Bake it at 230 degrees for the first ten minutes, then at
190.

What caused the power cut in the east wing?
The east wing of the hospital was without power for an hour. A digger that had cut a cable in the car park
caused it.

How is paper recycled?
Used paper is soaked in water until it becomes a pulp. Ink is washed out, and the pulp is pressed into new
sheets and dried.

Who painted the ceiling of the town hall?
The town hall was rebuilt after the fire. Its ceiling was painted by Ida Marrow, who taught at the art school.

How long does a ferry take to the island?
Ferries to the island leave every two hours in summer. The crossing takes fifty minutes, in a rough sea a
little more.

What do bees do in winter?
Bees do not sleep in winter. They gather in a tight ball around the queen and keep her warm with the movement
of their wings.

Can the old version of the program open new files?
Files are saved in a new format since version 5. The old version of the program cannot open them without the
converter.

Which metal is used for the strings of a piano?
A piano has more than two hundred strings. They are made of steel, and those for the low notes are wound with
copper.

How much does a season ticket for the pool cost?
The outdoor pool is open from May to September. A season ticket costs 85 francs, for children half of it.
"""

CHINESE = """
自行车链条多久上一次油？
干净的自行车链条更耐用。每骑两百公里应上一次油，雨天骑行后也要上油。

星期六谁照看图书馆？
磨坊街的图书馆十点开门。星期六由两名村里的志愿者照看，因为管理员休息。

土豆什么时候开始收获？
山谷里的农民四月种土豆。八月底开始收获，最后有一个小集市。

猫为什么会打呼噜？
猫满足的时候会打呼噜。兽医认为，它们受伤时也用呼噜声安慰自己。

徒步者可以在哪里装水？
通往山顶的小路很陡，树荫很少。徒步者可以在小屋下面的泉水处装水。

黑麦面包用多高的炉温？
黑麦面包的酸面团要放置一夜。前十分钟用230度烘烤，然后降到190度。

东楼为什么停电？
医院东楼停电一小时。原因是一台挖掘机在停车场挖断了电缆。

旧纸怎样回收？
旧纸在水里浸泡成纸浆。洗去油墨之后，纸浆被压成新的纸张并烘干。

去岛上的渡轮要多长时间？
夏天每两小时有一班渡轮去岛上。航程五十分钟，风浪大时稍久。

蜜蜂冬天做什么？
蜜蜂冬天不睡觉。它们围着蜂王聚成一团，用翅膀的振动给它保暖。

钢琴的弦用什么金属？
钢琴有两百多根弦。弦是钢做的，低音弦外面还缠着铜丝。

游泳池的季票多少钱？
露天游泳池五月到九月开放。季票85法郎，儿童半价。
"""


_READS_THE_LANGUAGE = 0.75
"""Share of the plain questions whose own answer lies nearest; an encoder that can read finds all of them."""

logger = logging.getLogger(__name__)


def similarity_range(encoder: SentenceEncoder, *, chinese: bool) -> tuple[np.ndarray, np.ndarray]:
    """The mean similarities of unrelated pairs and of a question and its answer, each `(KINDS,)`.

    Args:
        encoder: whose similarities are measured; a second and less of its time.
        chinese: measure it on the Chinese pairs.
    """
    return _measured(encoder, chinese)  # type: ignore[arg-type]  # objects are hashable; a protocol does not say so


@lru_cache(maxsize=4)
def _measured(encoder: SentenceEncoder, chinese: bool) -> tuple[np.ndarray, np.ndarray]:
    pairs = _pairs(CHINESE, "") if chinese else _pairs(ENGLISH, " ")
    passages = [Passage(answer, "", (), "", "", split_sentences(answer)) for _, answer in pairs]
    texts = [PassageText.of(passage) for passage in passages]
    units = [unit for text in texts for unit in text.units]
    embeddings = Embeddings.embed([*(text.text for text in texts), *units], len(texts), encoder)
    read = ReadPassages(texts, embeddings)
    table = np.zeros((len(pairs), len(pairs), KINDS))
    encoded = encoder.encode_words([question for question, _ in pairs], kind="query")
    for asked, (question, _) in enumerate(pairs):
        read_question = ReadQuestion.of(question, encoded[asked], lambda stem: 1.0)
        for row in range(len(pairs)):
            table[asked, row] = read.similarities(read_question, row)
    own = np.eye(len(pairs), dtype=bool)
    if (table[:, :, 2].argmax(axis=1) == np.arange(len(pairs))).mean() < _READS_THE_LANGUAGE:
        logger.warning(
            "The encoder cannot read %s: documents are searched by their words alone. Name a multilingual encoder.",
            "Chinese" if chinese else "English",
        )
        return np.zeros(KINDS), np.full(KINDS, np.nan)
    return table[~own].mean(axis=0), table[own].mean(axis=0)


def _pairs(blocks: str, gap: str) -> list[tuple[str, str]]:
    lines = [block.split("\n") for block in blocks.strip().split("\n\n")]
    return [(question, gap.join(answer)) for question, *answer in lines]
