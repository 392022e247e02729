"""Words and sentence ends of transcripts, in many scripts."""

import pytest
from scenario import Line

from talkpath.call.words import count_words, ends_sentence

WORDS = [
    # Latin, Greek, Cyrillic, Armenian, Georgian: spaces
    ("", 0), ("   ", 0), ("hello", 1), ("  hello  world ", 2), ("wait, stop", 2), ("Wait—stop", 2), ("Wait…no", 2), ("yes/no", 2),
    ("twenty-one", 2), ("Guten Morgen, Herr Weiß.", 4), ("¿Qué tal?", 2), ("ça va", 2), ("c\u0327a va", 2), ("naïve café", 2),
    ("Καλημέρα, τι κάνετε;", 3), ("добрый день", 2), ("Բարեւ ձեզ", 2), ("გამარჯობა მეგობარო", 2), ("Tiếng Việt", 2), ("İyi günler", 2),
    # contractions and names
    ("don't", 1), ("don’t stop", 2), ("l'eau", 1), ("'tis", 1), ("dogs' tails", 2), ("rock 'n' roll", 3), ("it's John's", 2), ("e.g. this", 2),
    ("talk_path", 1), ("example.com", 1), ("U.S.A.", 1), ("can't. Won't.", 2),
    # numbers
    ("42", 1), ("1,234.5", 1), ("3.14", 1), ("10:30", 1), ("1'000", 1), ("$5.00", 1), ("50 %", 1), ("3rd", 1), ("A4", 1), ("7 8 9", 3),
    ("1, 2, 3", 3), ("５０円", 2), ("½", 1), ("٣٫٥ كيلو", 2), ("१२३", 1), ("1.", 1), ("No. 5", 2),
    # punctuation alone
    ("...", 0), ("?!", 0), ("—", 0), ("、。", 0), ("'", 0), ("_", 0), ("😀", 0), ("« »", 0), ("-- yes --", 1), ("♪ la ♪", 1),
    # Chinese, Japanese: by character
    ("你好", 2), ("我想改一下我的预约。", 9), ("我用iPhone打电话", 6), ("二〇二四年", 5), ("こんにちは", 5), ("コーヒー", 4), ("東京タワー", 5), ("はい、そうです。", 6),
    ("ｶﾞｽ", 2), ("人々", 2), ("か\u3099", 1), ("ジョン・スミス", 6), ("第3回", 3), ("𠮷野家", 3),
    # Thai, Lao, Khmer, Burmese: by character, a letter with its marks is one
    ("สวัสดี", 4), ("ใช่", 2), ("น้ำ", 1), ("ครับ ๕", 4), ("ດີ", 1), ("មាន", 2), ("မြန်မာ", 3),
    # Korean, Hindi, Bengali, Tamil, Arabic, Persian, Hebrew, Amharic, Tibetan: as they separate words
    ("안녕하세요", 1), ("예약을 바꾸고 싶어요.", 3), ("नमस्ते दुनिया", 2), ("मैं ठीक हूँ।", 3), ("আমি ভালো আছি", 3), ("வணக்கம் நண்பரே", 2), ("مرحبا بك", 2),
    ("كَيْفَ حالُكَ؟", 2), ("می‌خواهم بروم", 2), ("שלום עולם", 2), ("צה״ל", 1), ("ሰላም፡ነው", 2), ("བཀྲ་ཤིས་", 2),
    # mixed, and what may come in between
    ("OK 好的", 3), ("yes\u200bno", 2), ("yes\u00adterday", 1), ("\u200fשלום\u200f", 1), ("a\tb\nc", 3), ("yes。no", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words(text, expected):
    assert count_words(text) == expected


ENDS = [
    "Yes.", "Yes!", "Yes?", "Yes. ", 'He said "yes."', "(It is.)", "It is.)", "是的。", "「はい。」", "是吗？", "好！", "نعم؟", "ٹھیک ہے۔", "हाँ।", "हाँ॥",
    "Այո։", "አዎ።", "បាទ។", "ཡིན།", "Τι κάνετε;", "Τι κάνετε\u037e", "ဟုတ်။", "ဟုတ်တယ်။ ", "well…", "well...", "« Oui. »", "Yes.’", "yes?!", "はい｡", "“Yes!”",
    "yes.\u200f", "Ja.»", "(好。）",
]  # fmt: skip
GOES_ON = [
    "", "  ", "yes", "yes,", "that is because", "是的，", "はい、", "well -", "one; two;", "“yes”", "(yes)", "3.5", "U.S.A", "إنه،", "yes:", "สวัสดีครับ", "'", "…and", "so —", "e.g. this",
]  # fmt: skip


@pytest.mark.parametrize("text", ENDS)
def test_ends_of_sentences(text):
    assert ends_sentence(text)


@pytest.mark.parametrize("text", GOES_ON)
def test_no_ends_of_sentences(text):
    assert not ends_sentence(text)


@pytest.mark.parametrize(
    ("text", "interrupts"),
    [("等一下", True), ("等", False), ("請等", False), ("待って", True), ("wait", False), ("don't, stop", False), ("hold on please", True),
     ("—, … !", False), ("잠깐만 기다려 주세요", True), ("1,000.50", False)],
)  # fmt: skip
def test_words_of_any_script_interrupt(text, interrupts):
    x = Line(semantic_vad={"min_interruption_words": 3})
    x.speak(6000)
    x.run(2400)
    x.say(1500)
    x.run(900)
    x.one("agent.speech_paused")
    x.call.transcript(text)
    x.run(100)
    assert bool(x.of("agent.speech_interrupted")) == interrupts


@pytest.mark.parametrize("text", ["はい、そうです。", "हाँ, ठीक है।", "نعم، هذا كل شيء؟", "« C'est tout. »"])
def test_sentence_of_any_script_ends_the_turn(text):
    x = Line()
    x.say(800)
    x.run(1000)
    x.call.transcript(text, final=True)
    x.run(600)
    assert x.one("user.turn_completed").turn_method == "text"
