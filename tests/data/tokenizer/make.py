#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tiny.json, a byte-level BPE of 600 tokens trained on the text below, and components.json:
what Hugging Face tokenizers does with it under other normalisers, pre-tokenizers, added tokens and
post-processors. Needs `pip install tokenizers`; the files beside it were made with 0.23.
"""
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent

TEXT = """The lamp on the table was lit, and the cat sat by it. It was late; the street was quiet.
"Who's there?" he asked. "It's only me," said the girl, "I've come for the key we'll need."
They'd counted 12 boats, then 345, then 6789 in 2024; 1,000,000 grains of sand, 3.14 and 2.71828.
    def add(a, b):
        return a + b  # adds two numbers

    for i in range(100):
        print(i, add(i, i * 2), "value: {}".format(i))
int main() { std::vector<int> v{1, 2, 3}; for (int x : v) { sum += x; } return 0; }
月亮升起来了，猫坐在桌子上。孩子们在河边数着小船：一、二、三。今天是个好日子，我们去看大海。
海の見える町で、猫が眠っている。カタカナとひらがな。
Élodie déjà vu à l'été; naïve café, Straße, Ørsted, Łódź, Привет, мир! Добрый день, Γειά σου Κόσμε.
the the the and and and in in on on at at to to of of      a lot       of        spaces\t\ttabs
"""

TEXTS = [
    "", " ", "  ", "a", "The cat sat on the table.", "  two  spaces  ", "tabs\t\tand\n\nlines\r\n\r\nend\n",
    "Who's there? I've, we'll, they'd, IT'S, don\u2019t", "12 345 6789 1234567 1,000 x12y ½ Ⅷ ٣",
    "def add(a, b):\n        return a + b  # adds", "月亮升起来了，猫坐在桌子上。abc一二三",
    "カタカナとひらがな ga が か\u3099", "Élodie cafe\u0301 E\u0301lodie a\u0323\u0301 a\u0301\u0323 \u212b ﬁ ²",
    "Привет, мир! Γειά σου", "a\u00a0b\u3000c\u2003d\u180ee\ufefff\u0085g", "🚀👩\u200d👩\u200d👧 e\u20e3", "<s>The<sep>cat</s>",
    "x <mask> y<mask>z", "x  <left>  y", "x  <right>  y", "the<word>the <word> the-<word>-a _<word>",
    "<se<sep><sep>p>", "<sep><sep2><sep", "THE<Norm>the <norm>", "the.the..the...", "-a--b---c-", "aXbXXc", "XaX",
    "한국어 \u1112\u1161\u11ab\u1100", "\u0344 \u0f73\u0f71 x\u0315\u0300\u05ae\u0062",
    "ſ'ſ 'S 'LL K", "a.b\n.c\n\n.d", "1\n2\r\n3", "naïve\u00adsoft", "\x00\x01\x7f",
]

SPLIT = {"type": "Split", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
DEEPSEEK_V3 = [
    "\\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]
LLAMA3 = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
          "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")


def regexes(*patterns, behavior="Isolated", invert=False):
    splits = [{"type": "Split", "pattern": {"Regex": p}, "behavior": behavior, "invert": invert}
              for p in patterns]
    return {"type": "Sequence", "pretokenizers": splits + [BYTES]}


def literal(text, behavior, invert=False):
    split = {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": invert}
    return {"type": "Sequence", "pretokenizers": [split, BYTES]}


def added(*tokens):
    return [{"id": 600 + i, "content": content, "single_word": "w" in flags, "lstrip": "l" in flags,
             "rstrip": "r" in flags, "normalized": "n" in flags, "special": "s" in flags}
            for i, (content, flags) in enumerate(tokens)]


TOKENS = added(("<s>", "s"), ("</s>", "s"), ("<sep>", ""), ("<sep2>", "s"), ("<mask>", "lrs"), ("<left>", "l"),
               ("<right>", "r"), ("<word>", "w"), ("<Norm>", "n"), ("the.", "n"))
TEMPLATE = {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [600], "tokens": ["<s>"]},
                               "</s>": {"id": "</s>", "ids": [601], "tokens": ["</s>"]}}}

CASES = {
    "gpt2": {"pre_tokenizer": {**BYTES, "use_regex": True}},
    "gpt2_prefix": {"pre_tokenizer": {**BYTES, "use_regex": True, "add_prefix_space": True}},
    "whole_prefix": {"pre_tokenizer": {**BYTES, "add_prefix_space": True}},
    "split_prefix": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": False}, {**BYTES, "add_prefix_space": True}]}},
    "smollm": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, {**BYTES, "use_regex": True}]}},
    "deepseek_v3": {"pre_tokenizer": regexes(*DEEPSEEK_V3)},
    "llama3": {"pre_tokenizer": regexes(LLAMA3)},
    "qwen": {"normalizer": {"type": "NFC"}, "pre_tokenizer": regexes(LLAMA3.replace("{1,3}", ""))},
    "line_ends": {"pre_tokenizer": regexes("[\r\n]", "\\s+$", "^.")},
    "spaces_before_line_ends": {"pre_tokenizer": regexes("\\s+$")},
    "words": {"pre_tokenizer": regexes("\\w+", "\\b", behavior="Isolated")},
    "classes": {"pre_tokenizer": regexes("[^\\s\\w]", "\\h{2,}", "[\\d\\h]+", "(?m:a.b)", "\\p{Han}", "\\p{^L}+")},
    "empty_matches": {"pre_tokenizer": regexes("x*", "(?=a)")},
    **{f"regex_{b}{'_inverted' if i else ''}": {"pre_tokenizer": regexes("\\s|\\.", behavior=b, invert=i)}
       for b in ("Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext") for i in (False, True)},
    **{f"string_{b}": {"pre_tokenizer": literal("X", b)} for b in ("Removed", "MergedWithPrevious", "MergedWithNext")},
    "string_dash": {"pre_tokenizer": literal("-", "MergedWithNext")},
    **{form.lower(): {"normalizer": {"type": form}} for form in ("NFC", "NFD", "NFKC", "NFKD")},
    "replace": {"normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
        {"type": "Replace", "pattern": {"String": "the"}, "content": "a cat"}]}},
    "strip": {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
    "prepend": {"normalizer": {"type": "Prepend", "prepend": "on "}},
    "added": {"added_tokens": TOKENS, "pre_tokenizer": {**BYTES, "use_regex": True}},
    "added_replaced": {"added_tokens": TOKENS, "normalizer": {
        "type": "Replace", "pattern": {"String": "Norm"}, "content": "norm"}},
    "added_nfkc": {"added_tokens": TOKENS, "normalizer": {"type": "NFKC"}},
    "template": {"added_tokens": TOKENS, "post_processor": TEMPLATE},
    "template_in_sequence": {"added_tokens": TOKENS, "post_processor": {
        "type": "Sequence", "processors": [{**BYTES, "trim_offsets": False}, TEMPLATE]}},
    "ignore_merges": {"model": {"ignore_merges": True}, "pre_tokenizer": {**BYTES, "use_regex": True}},
}


def train():
    tokenizer = Tokenizer(models.BPE())
    # Words are not cut before training, so that merges cross every border a pre-tokenizer may set.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    return json.loads(tokenizer.to_str())


def with_parts(base, parts):
    whole = {**base, **{key: value for key, value in parts.items() if key != "model"}}
    whole["model"] = {**base["model"], **parts.get("model", {})}
    return whole


def main():
    base = train()
    (HERE / "tiny.json").write_text(json.dumps(base, ensure_ascii=False, separators=(",", ":")) + "\n")
    cases = []
    for name, parts in CASES.items():
        tokenizer = Tokenizer.from_str(json.dumps(with_parts(base, parts)))
        rows = []
        for text in TEXTS:
            row = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
            row["decoded"] = tokenizer.decode(row["ids"], skip_special_tokens=False)
            if "post_processor" in parts:
                row["special_ids"] = tokenizer.encode(text).ids
            if "added_tokens" in parts:
                tokenizer.encode_special_tokens = True
                row["plain_ids"] = tokenizer.encode(text, add_special_tokens=False).ids
                tokenizer.encode_special_tokens = False
            rows.append(row)
        cases.append({"name": name, "parts": parts, "rows": rows})
    with open(HERE / "components.json", "w") as file:
        file.write("[\n")
        file.write(",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases))
        file.write("\n]\n")


if __name__ == "__main__":
    main()
