// What the official npm clients see, as JSON on stdout: node clients.mjs URL. Ids, times and cache hits are left out.
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";

const url = process.argv[2];
const messages = [{ role: "user", content: "Name the capital of France." }];
const ask = { model: "smol", messages, max_tokens: 4, temperature: 0, seed: 1, cache_prompt: false };
const volatile = new Set(["id", "created", "timings", "system_fingerprint", "_request_id",
  "cache_read_input_tokens", "input_tokens"]);
const steady = (value) => JSON.parse(JSON.stringify(value, (key, inner) => (volatile.has(key) ? undefined : inner)));
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 });
const seen = {};

seen.openaiUnary = steady(await openai.chat.completions.create(ask));

seen.openaiStream = [];
for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true })) {
  seen.openaiStream.push(steady(chunk));
}

seen.openaiModels = (await openai.models.list()).data.map((model) => model.id);

try {
  await openai.post("/nowhere", { body: {} });
} catch (wrong) {
  seen.openaiError = [wrong.status, wrong.message];
}

const long = await openai.chat.completions.create({ ...ask, max_tokens: 2000, ignore_eos: true, stream: true });
for await (const _ of long) break; // aborts

seen.anthropicUnary = steady(await anthropic.messages.create({ model: "smol", messages, max_tokens: 4, temperature: 0, cache_prompt: false }));

seen.anthropicStream = [];
const stream = await anthropic.messages.create({ model: "smol", messages, max_tokens: 4, temperature: 0, cache_prompt: false, stream: true });
for await (const event of stream) seen.anthropicStream.push(event.type);

// A stream as body: fetch sends it in chunks.
const body = new ReadableStream({
  start(controller) {
    for (const piece of ['{"content":', '"hello', ' world"}']) controller.enqueue(new TextEncoder().encode(piece));
    controller.close();
  },
});
const answer = await fetch(`${url}/tokenize`, { method: "POST", body, duplex: "half" });
seen.fetchChunked = [answer.status, await answer.json()];

console.log(JSON.stringify(seen));
