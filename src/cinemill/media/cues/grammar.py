"""Where a line may end: what it costs to part two words, in each language that is known here.

After punctuation it costs least, then before conjunctions and prepositions. Articles, prepositions, pronouns,
auxiliaries and negations stay with what follows, and the parts of a name with each other. Adjectives are not told from
nouns: that takes a tagger. In a language that has no list, punctuation and names alone decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

SENTENCE, CLAUSE, CONJUNCTION, PREPOSITION, ANYWHERE, NAME, TIED = 0.0, 2.0, 5.0, 6.0, 12.0, 18.0, 40.0
"""Costs of a break; only their order and rough distance matter."""


@dataclass(frozen=True, slots=True)
class Grammar:
    conjunctions: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    """Words that never end a line: articles, possessives, pronouns before a verb, auxiliaries, negations, titles."""

    def cost(self, before: str, after: str, first: bool = False) -> float:
        """What a break between two words costs. `first`: `before` begins a sentence, so its capital says nothing."""
        if ends_sentence(before):
            return TIED if _bare(before) in _TITLES else SENTENCE
        if before.rstrip(_CLOSING).endswith(_CLAUSE_ENDS) or after.startswith(("–", "—", "(", "[", "（", "「")):
            return CLAUSE
        last, next_ = _bare(before), _bare(after)
        if last in self.keep or last in self.prepositions or last in _TITLES:
            return TIED
        if next_ in self.conjunctions:
            return CONJUNCTION
        if last in self.conjunctions or (_NUMBER.fullmatch(last) and next_.isalpha()):
            return TIED
        if next_ in self.prepositions:
            return PREPOSITION
        return NAME if not first and before[:1].isupper() and after[:1].isupper() and last != "i" else ANYWHERE


_CLOSING = "\"'”’»)]）」』"
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！", "؟", "।", "♪")
_CLAUSE_ENDS = (",", ";", ":", "–", "—", "-", "、", "，", "；", "：", "،", ")", "]")
_SHORT = "mr mrs ms dr prof st sr jr vs capt lt sgt gen hr fr herr frau m mme mlle d sra no nr"
_TITLES = frozenset(_SHORT.split())
_NUMBER = re.compile(r"[$€£]?\d[\d.,]*")


def ends_sentence(word: str) -> bool:
    """Whether a sentence ends with this word; `Mr.` and `J.` end none."""
    bare = word.rstrip(_CLOSING)
    if not bare.endswith(_SENTENCE_ENDS):
        return False
    return not (bare.endswith(".") and not bare.endswith("..") and (_bare(bare) in _TITLES or _INITIAL.fullmatch(bare)))


_INITIAL = re.compile(r"[^\W\d_]\.")


def _bare(word: str) -> str:
    return word.lower().strip("\"'“”‘’«»()[]¿¡,.;:!?…-–—♪ ")


@lru_cache
def grammar(language: str) -> Grammar:
    """The grammar of a language by its two letters; one that knows punctuation only for others."""
    return Grammar(*(frozenset(words.split()) for words in _LISTS.get(language, ("", "", ""))))


_LISTS = {
    "en": (
        "and but or nor so yet because although though while when if unless until since whereas that which who whom "
        "whose where than whether as what how why",
        "of in on at by for with about against between into through during before after above below to from up down "
        "over under around across behind beyond near toward towards upon within without per via like",
        "the a an this these those my your his her its our their no every each some any i you he she it we they am is "
        "are was were be been being have has had do does did will would shall should can could may might must not "
        "don't doesn't didn't won't can't couldn't shouldn't wouldn't isn't aren't wasn't weren't i'm you're he's "
        "she's it's we're they're i've we've they've i'll you'll he'll she'll we'll they'll i'd you'd we'd very too",
    ),
    "fr": (
        "et mais ou donc or ni car que qui quand lorsque si comme parce puisque tandis dont où",
        "de d à en dans par pour avec sans sous sur vers chez entre contre depuis pendant avant après jusque du des au "
        "aux",
        "le la les l un une des mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces je tu "
        "il elle on nous vous ils elles ne n pas me te se suis es est sommes êtes sont ai as a avons avez ont être "
        "avoir était étaient très plus",
    ),
    "de": (
        "und aber oder denn sondern dass daß weil wenn als ob obwohl während bevor nachdem damit da",
        "in an auf aus bei mit nach seit von zu zum zur für durch gegen ohne um über unter vor hinter neben zwischen "
        "im am ins ans vom beim bis",
        "der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine dein deine sein seine "
        "ihr ihre unser unsere euer eure dieser diese dieses ich du er sie es wir nicht bin bist ist sind seid war "
        "waren habe hast hat haben habt hatte wird werden würde kann können muss müssen soll will sich sehr zu",
    ),
    "es": (
        "y e o u pero sino porque que quien cuando si como aunque mientras donde pues",
        "a ante bajo con contra de del al desde en entre hacia hasta para por según sin sobre tras",
        "el la los las un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa yo él ella "
        "nosotros ellos no me te se lo le nos os soy eres es somos son era estoy está están he has ha hemos han muy",
    ),
    "it": (
        "e ed o ma però perché che chi quando se come mentre dove dunque quindi",
        "di a da in con su per tra fra del della dei delle al alla ai alle dal dalla nel nella sul sulla",
        "il lo la i gli le l un uno una mio mia tuo tua suo sua nostro nostra vostro loro questo questa quel quella io "
        "tu lui lei noi voi non mi ti si ci vi sono sei è siamo siete ho hai ha abbiamo avete hanno era molto",
    ),
    "pt": (
        "e ou mas porém porque que quem quando se como embora enquanto onde pois",
        "a de do da dos das em no na nos nas por para com sem sob sobre entre até desde ao à pelo pela",
        "o os as um uma uns umas meu minha teu tua seu sua nosso nossa este esta esse essa eu tu ele ela nós eles você "
        "não me te se lhe sou é somos são era estou está estão tenho tem têm muito",
    ),
    "nl": (
        "en maar of want omdat dat die wie als toen hoewel terwijl voordat nadat zodat",
        "in op aan uit bij met naar van voor door tegen zonder om over onder achter naast tussen tot te",
        "de het een mijn jouw zijn haar ons onze hun dit deze ik jij je hij ze wij we jullie niet geen ben bent is was "
        "waren heb hebt heeft hebben had wordt worden zal zullen kan kunnen moet zich heel",
    ),
    "ru": (
        "и а но или что чтобы когда если как потому хотя где который которая которые",
        "в во на с со к ко о об от до из за по под над при про через без для у между перед",
        "я ты он она оно мы вы они не ни мой моя твой твоя его её наш ваш их этот эта это эти тот та очень",
    ),
}
"""Conjunctions, prepositions, and what else never ends a line."""
