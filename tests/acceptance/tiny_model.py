# SPDX-License-Identifier: Apache-2.0
"""Writes a model of random weights that is a few kilobytes large and thinks when it is asked to."""

import json
import math
import pathlib
import random
import struct

SPECIAL = ["<s>", "</s>", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"]
BYTES = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
WIDTH, INNER, LAYERS, HEADS, KV_HEADS, HEAD = 64, 128, 2, 4, 2, 16
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]"
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}"
    "{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]"
    "{% if enable_thinking %}<think>\n{% endif %}{% endif %}"
)


def byte_letters():
    """The letter that stands for each byte in a byte-level vocabulary (GPT-2)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in shown}
    for byte in range(256):
        letters.setdefault(byte, chr(256 + len(letters) - len(shown)))
    return letters


def tokenizer():
    letters = byte_letters()
    vocabulary = {letters[byte]: byte for byte in range(256)}
    added = [
        {"id": 256 + i, "content": text, "special": True, "lstrip": False, "rstrip": False,
         "normalized": False, "single_word": False}
        for i, text in enumerate(SPECIAL)
    ]
    return {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", **BYTES},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", **BYTES},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }


def shapes(vocabulary):
    yield "model.embed_tokens.weight", [vocabulary, WIDTH]
    for i in range(LAYERS):
        at = f"model.layers.{i}."
        yield at + "input_layernorm.weight", [WIDTH]
        yield at + "post_attention_layernorm.weight", [WIDTH]
        yield at + "self_attn.q_proj.weight", [HEADS * HEAD, WIDTH]
        yield at + "self_attn.k_proj.weight", [KV_HEADS * HEAD, WIDTH]
        yield at + "self_attn.v_proj.weight", [KV_HEADS * HEAD, WIDTH]
        yield at + "self_attn.o_proj.weight", [WIDTH, HEADS * HEAD]
        yield at + "mlp.gate_proj.weight", [INNER, WIDTH]
        yield at + "mlp.up_proj.weight", [INNER, WIDTH]
        yield at + "mlp.down_proj.weight", [WIDTH, INNER]
    yield "model.norm.weight", [WIDTH]
    yield "lm_head.weight", [vocabulary, WIDTH]


def write(folder, context=4096):
    """`context`: the longest sequence in tokens; a token is a byte."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = 256 + len(SPECIAL)
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": vocabulary,
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD,
        "max_position_embeddings": context, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "bos_token_id": 256, "eos_token_id": 257,
        "torch_dtype": "float32",
    }
    texts = {
        "config.json": config,
        "tokenizer.json": tokenizer(),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>",
            "eos_token": "</s>", "chat_template": TEMPLATE},
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    draw = random.Random(7)
    header, data = {}, bytearray()
    for name, shape in shapes(vocabulary):
        count = math.prod(shape)
        values = [0.3 * draw.gauss(0, 1) if len(shape) > 1 else 1.0 for _ in range(count)]
        header[name] = {
            "dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
