// SPDX-License-Identifier: Apache-2.0
// Leaves a stream in its middle, then asks again where only one sequence may run; prints what it saw.
import OpenAI from "openai";

const [url, key, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const ask = {
  model,
  messages: [{ role: "user", content: "Tell a long story." }],
  stream: true,
  stream_options: { include_usage: true, continuous_usage_stats: true },
  ignore_eos: true,
};

/** The tokens that came until there were `until`, and the time of each in milliseconds. */
async function read(stream, until) {
  const times = [];
  let tokens = 0;
  for await (const chunk of stream) {
    tokens = chunk.usage?.completion_tokens ?? tokens;
    times.push(performance.now());
    if (tokens >= until) break;
  }
  return { tokens, times };
}

const stream = await client.chat.completions.create({ ...ask, max_tokens: 1000 });
const first = await read(stream, 20);
stream.controller.abort();
const left = performance.now();
const second = await read(await client.chat.completions.create({ ...ask, max_tokens: 2 }), 1);
const { times } = first;
console.log(
  JSON.stringify({
    tokens: first.tokens,
    step_ms: (times.at(-1) - times[1]) / (times.length - 2),
    next_ms: second.times[0] - left,
  }),
);
