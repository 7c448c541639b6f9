#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the tiny checkpoints of this folder and what they compute, in float64 with numpy.

A definition of the models that shares nothing with the C++ code: straight from the papers'
equations, one token after the other, no cache, no batching. Run it again only to change the files:

    pip install numpy && python3 tests/golden/make_tiny.py

For each family: config.json, model.safetensors (f32), golden.safetensors with `tokens` [T],
`logits` [T, vocab], `loss` [1], and for every parameter `slope.<name>` [1]: the derivative of the
loss along the direction whose i-th entry is +1 or -1 by `sign(i)`, by central differences.
"""
import json
import struct
from pathlib import Path

import numpy as np

TOKENS = [5, 17, 3, 3, 60, 41, 8, 22, 0, 31, 12]
HERE = Path(__file__).parent

LLAMA = dict(
    model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=64, hidden_size=24,
    intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    hidden_act="silu", rms_norm_eps=1e-5, rope_theta=10000.0, max_position_embeddings=128,
    tie_word_embeddings=False, torch_dtype="float32", bos_token_id=0, eos_token_id=1)

DEEPSEEK_V3 = dict(
    model_type="deepseek_v3", architectures=["DeepseekV3ForCausalLM"], vocab_size=64,
    hidden_size=24, intermediate_size=40, moe_intermediate_size=12, num_hidden_layers=2,
    num_attention_heads=3, num_key_value_heads=3, q_lora_rank=10, kv_lora_rank=14,
    qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5, n_routed_experts=8, n_shared_experts=1,
    num_experts_per_tok=3, n_group=4, topk_group=2, norm_topk_prob=True, topk_method="noaux_tc",
    scoring_func="sigmoid", routed_scaling_factor=2.5, first_k_dense_replace=1, moe_layer_freq=1,
    hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000.0, max_position_embeddings=256,
    rope_scaling=dict(type="yarn", factor=4, original_max_position_embeddings=64, beta_fast=32,
                      beta_slow=1, mscale=1.0, mscale_all_dim=1.0),
    num_nextn_predict_layers=0, tie_word_embeddings=False, torch_dtype="float32", bos_token_id=0,
    eos_token_id=1)


def shapes(c):
    d, v = c["hidden_size"], c["vocab_size"]
    out = {"model.embed_tokens.weight": (v, d), "model.norm.weight": (d,), "lm_head.weight": (v, d)}

    def mlp(prefix, width):
        out[prefix + ".gate_proj.weight"] = out[prefix + ".up_proj.weight"] = (width, d)
        out[prefix + ".down_proj.weight"] = (d, width)

    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        out[p + "input_layernorm.weight"] = out[p + "post_attention_layernorm.weight"] = (d,)
        a, h = p + "self_attn.", c["num_attention_heads"]
        if c["model_type"] == "llama":
            k = d // h
            out[a + "q_proj.weight"] = (h * k, d)
            out[a + "k_proj.weight"] = out[a + "v_proj.weight"] = (c["num_key_value_heads"] * k, d)
            out[a + "o_proj.weight"] = (d, h * k)
            mlp(p + "mlp", c["intermediate_size"])
            continue
        nope, rope, vd = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        q, r = c["q_lora_rank"], c["kv_lora_rank"]
        out[a + "q_a_proj.weight"], out[a + "q_a_layernorm.weight"] = (q, d), (q,)
        out[a + "q_b_proj.weight"] = (h * (nope + rope), q)
        out[a + "kv_a_proj_with_mqa.weight"], out[a + "kv_a_layernorm.weight"] = (r + rope, d), (r,)
        out[a + "kv_b_proj.weight"] = (h * (nope + vd), r)
        out[a + "o_proj.weight"] = (d, h * vd)
        if layer < c["first_k_dense_replace"]:
            mlp(p + "mlp", c["intermediate_size"])
            continue
        out[p + "mlp.gate.weight"] = (c["n_routed_experts"], d)
        out[p + "mlp.gate.e_score_correction_bias"] = (c["n_routed_experts"],)
        for e in range(c["n_routed_experts"]):
            mlp(f"{p}mlp.experts.{e}", c["moe_intermediate_size"])
        mlp(p + "mlp.shared_experts", c["moe_intermediate_size"] * c["n_shared_experts"])
    return out


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x) + eps) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def mlp(w, p, x):
    return w[p + ".down_proj.weight"] @ (silu(w[p + ".gate_proj.weight"] @ x)
                                        * (w[p + ".up_proj.weight"] @ x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def frequencies(c, dim):
    freq = c["rope_theta"] ** (-np.arange(0, dim, 2) / dim)
    s = c.get("rope_scaling")
    if not s:
        return freq
    length = s["original_max_position_embeddings"]

    def turns(n):
        return dim * np.log(length / (2 * np.pi * n)) / (2 * np.log(c["rope_theta"]))

    low, high = max(np.floor(turns(s["beta_fast"])), 0), min(np.ceil(turns(s["beta_slow"])), dim - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
    return freq / s["factor"] * ramp + freq * (1 - ramp)


def rotate(x, position, freq, interleaved):
    a = position * freq
    one, two = (x[0::2], x[1::2]) if interleaved else (x[:len(x) // 2], x[len(x) // 2:])
    first, second = one * np.cos(a) - two * np.sin(a), one * np.sin(a) + two * np.cos(a)
    return np.stack([first, second], 1).ravel() if interleaved else np.concatenate([first, second])


def heads_llama(c, w, p, xs):
    h, g = c["num_attention_heads"], c["num_key_value_heads"]
    k = c["hidden_size"] // h
    freq = frequencies(c, k)
    q, key, value = [], [], []
    for t, x in enumerate(xs):
        q.append([rotate(row, t, freq, False) for row in (w[p + "q_proj.weight"] @ x).reshape(h, k)])
        keys = [rotate(row, t, freq, False) for row in (w[p + "k_proj.weight"] @ x).reshape(g, k)]
        values = (w[p + "v_proj.weight"] @ x).reshape(g, k)
        key.append([keys[i * g // h] for i in range(h)])
        value.append([values[i * g // h] for i in range(h)])
    return q, key, value, k ** -0.5


def heads_mla(c, w, p, xs):
    h, nope, rope = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"]
    rank, vd = c["kv_lora_rank"], c["v_head_dim"]
    freq = frequencies(c, rope)
    q, key, value = [], [], []
    for t, x in enumerate(xs):
        latent_q = rms_norm(w[p + "q_a_proj.weight"] @ x, w[p + "q_a_layernorm.weight"], 1e-6)
        qs = (w[p + "q_b_proj.weight"] @ latent_q).reshape(h, nope + rope)
        q.append([np.concatenate([row[:nope], rotate(row[nope:], t, freq, True)]) for row in qs])
        compressed = w[p + "kv_a_proj_with_mqa.weight"] @ x
        latent = rms_norm(compressed[:rank], w[p + "kv_a_layernorm.weight"], 1e-6)
        shared = rotate(compressed[rank:], t, freq, True)
        kv = (w[p + "kv_b_proj.weight"] @ latent).reshape(h, nope + vd)
        key.append([np.concatenate([row[:nope], shared]) for row in kv])
        value.append([row[nope:] for row in kv])
    s = c["rope_scaling"]
    m = 0.1 * s["mscale_all_dim"] * np.log(s["factor"]) + 1
    return q, key, value, (nope + rope) ** -0.5 * m * m


def moe(c, w, p, x, gaps):
    scores = 1 / (1 + np.exp(-(w[p + ".gate.weight"] @ x)))
    biased = scores + w[p + ".gate.e_score_correction_bias"]
    groups = biased.reshape(c["n_group"], -1)
    strength = np.sort(groups, 1)[:, -2:].sum(1)
    order = np.argsort(-strength)
    gaps.append(strength[order[c["topk_group"] - 1]] - strength[order[c["topk_group"]]])
    masked = np.full(groups.shape, -np.inf)
    masked[order[:c["topk_group"]]] = groups[order[:c["topk_group"]]]
    rank = np.argsort(-masked.ravel())
    gaps.append(masked.ravel()[rank[c["num_experts_per_tok"] - 1]]
                - masked.ravel()[rank[c["num_experts_per_tok"]]])
    chosen = rank[:c["num_experts_per_tok"]]
    weights = scores[chosen] / (scores[chosen].sum() + 1e-20) * c["routed_scaling_factor"]
    out = mlp(w, p + ".shared_experts", x)
    for e, weight in zip(chosen, weights):
        out = out + weight * mlp(w, f"{p}.experts.{e}", x)
    return out


def forward(c, w, tokens, gaps=None):
    gaps = [] if gaps is None else gaps
    xs = [w["model.embed_tokens.weight"][t] for t in tokens]
    eps = c["rms_norm_eps"]
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        normed = [rms_norm(x, w[p + "input_layernorm.weight"], eps) for x in xs]
        make = heads_llama if c["model_type"] == "llama" else heads_mla
        q, key, value, scale = make(c, w, p + "self_attn.", normed)
        for t in range(len(xs)):
            heads = []
            for h in range(c["num_attention_heads"]):
                weight = softmax(np.array([q[t][h] @ key[s][h] for s in range(t + 1)]) * scale)
                heads.append(sum(weight[s] * value[s][h] for s in range(t + 1)))
            xs[t] = xs[t] + w[p + "self_attn.o_proj.weight"] @ np.concatenate(heads)
        for t, x in enumerate(xs):
            normed = rms_norm(x, w[p + "post_attention_layernorm.weight"], eps)
            routed = c["model_type"] != "llama" and layer >= c["first_k_dense_replace"]
            xs[t] = x + (moe(c, w, p + "mlp", normed, gaps) if routed else mlp(w, p + "mlp", normed))
    return np.stack([w["lm_head.weight"] @ rms_norm(x, w["model.norm.weight"], eps) for x in xs])


def loss_of(logits, tokens):
    rows = [np.log(np.exp(row - row.max()).sum()) + row.max() - row[next_token]
            for row, next_token in zip(logits, tokens[1:])]
    return float(np.mean(rows))


def sign(n):
    i = np.arange(n, dtype=np.uint64)
    return np.where(((i * np.uint64(2654435761)) >> np.uint64(16)) & np.uint64(1), 1.0, -1.0)


def write_safetensors(path, tensors):
    header, offset, blobs = {}, 0, []
    for name, value in sorted(tensors.items()):
        kind = {"float32": "F32", "float64": "F64", "int64": "I64"}[str(value.dtype)]
        blob = np.ascontiguousarray(value).tobytes()
        header[name] = dict(dtype=kind, shape=list(value.shape),
                            data_offsets=[offset, offset + len(blob)])
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def make(folder, c, seed):
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes(c).items():
        if name.endswith("norm.weight"):
            value = 1 + 0.2 * rng.standard_normal(shape)
        elif name.endswith("bias"):
            value = 0.5 * rng.standard_normal(shape)
        elif name.endswith("embed_tokens.weight"):
            value = rng.standard_normal(shape)
        else:
            value = rng.standard_normal(shape) * 1.5 / np.sqrt(shape[1])
        weights[name] = value.astype(np.float32)
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    gaps = []
    logits = forward(c, exact, TOKENS, gaps)
    assert not gaps or min(gaps) > 1e-3, f"a router's choice is too close: {min(gaps)}"
    golden = dict(tokens=np.array(TOKENS, np.int64), logits=logits.astype(np.float32),
                  loss=np.array([loss_of(logits, TOKENS)]))
    step = 1e-6
    for name, value in exact.items():
        if name.endswith("e_score_correction_bias"):
            continue
        direction = sign(value.size).reshape(value.shape)
        ends = []
        for s in (step, -step):
            exact[name] = value + s * direction
            ends.append(loss_of(forward(c, exact, TOKENS), TOKENS))
        exact[name] = value
        golden["slope." + name] = np.array([(ends[0] - ends[1]) / (2 * step)])
    out = HERE / folder
    out.mkdir(exist_ok=True)
    (out / "config.json").write_text(json.dumps(c, indent=2) + "\n")
    write_safetensors(out / "model.safetensors", weights)
    write_safetensors(out / "golden.safetensors", golden)
    print(folder, sum(v.size for v in weights.values()), "parameters, loss", golden["loss"][0])


if __name__ == "__main__":
    make("llama", LLAMA, 1)
    make("deepseek_v3", DEEPSEEK_V3, 2)
