// Published clients of OpenAI's API against our gateway: the official one for Node, and the AI SDK.
//
// A Rust test (crates/cli/tests/it/openai.rs) starts the gateway, then this file with
// OPENCLAW_TEST_URL (http) and OPENCLAW_TEST_TOKEN in its environment. The model behind it calls
// `weather` when it is asked for an umbrella, is refused with 429 when it is asked to hurry, and
// otherwise says "It is heard."

import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, isStepCount, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";

const REPLY = "It is heard.";
const baseURL = `${process.env.OPENCLAW_TEST_URL}/v1`;
const apiKey = process.env.OPENCLAW_TEST_TOKEN;
const asked = (content) => ({ model: "openclaw", messages: [{ role: "user", content }] });

const official = new OpenAI({ baseURL, apiKey, maxRetries: 0 });

test("openai: a chat, whole and in pieces", async () => {
  const whole = await official.chat.completions.create(asked("Is it heard?"));
  assert.equal(whole.choices[0].message.content, REPLY);
  assert.ok(whole.usage.total_tokens > 0);

  const stream = official.chat.completions.stream(asked("Is it heard?"));
  assert.equal(await stream.finalContent(), REPLY);
});

test("openai: the client's own tool is run by its runner", async () => {
  const cities = [];
  const runner = official.chat.completions.runTools({
    ...asked("Do I need an umbrella?"),
    tools: [
      {
        type: "function",
        function: {
          name: "weather",
          description: "Tells the weather.",
          parameters: { type: "object", properties: { city: { type: "string" } } },
          parse: JSON.parse,
          function: ({ city }) => {
            cities.push(city);
            return "sunny";
          },
        },
      },
    ],
  });
  assert.equal(await runner.finalContent(), REPLY);
  assert.deepEqual(cities, ["Oslo"]);
});

test("openai: a response, whole and in pieces", async () => {
  const whole = await official.responses.create({ model: "openclaw", input: "Is it heard?" });
  assert.equal(whole.output_text, REPLY);

  let said = "";
  const stream = await official.responses.create({
    model: "openclaw",
    input: "Is it heard?",
    stream: true,
  });
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") said += event.delta;
  }
  assert.equal(said, REPLY);
});

test("openai: what is refused has the class and the wait that the client knows", async () => {
  const stranger = new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);

  await assert.rejects(official.chat.completions.create(asked("Hurry!")), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError, `${error}`);
    assert.equal(error.headers.get("retry-after"), "3600");
    return true;
  });
});

const sdk = createOpenAICompatible({ name: "openclaw", baseURL, apiKey })("openclaw");

test("AI SDK: a text, whole and in pieces", async () => {
  const whole = await generateText({ model: sdk, prompt: "Is it heard?", maxRetries: 0 });
  assert.equal(whole.text, REPLY);
  assert.equal(whole.finishReason, "stop");

  const stream = streamText({ model: sdk, prompt: "Is it heard?", maxRetries: 0 });
  let said = "";
  for await (const piece of stream.textStream) said += piece;
  assert.equal(said, REPLY);
});

test("AI SDK: the client's own tool is run, and the answer is about its result", async () => {
  const cities = [];
  const weather = tool({
    description: "Tells the weather.",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => {
      cities.push(city);
      return "sunny";
    },
  });
  const { text } = await generateText({
    model: sdk,
    prompt: "Do I need an umbrella?",
    tools: { weather },
    stopWhen: isStepCount(3),
    maxRetries: 0,
  });
  assert.equal(text, REPLY);
  assert.deepEqual(cities, ["Oslo"]);
});

test("AI SDK: a limit is told as one that can be tried again", async () => {
  await assert.rejects(generateText({ model: sdk, prompt: "Hurry!", maxRetries: 0 }), (error) => {
    assert.ok(APICallError.isInstance(error), `${error}`);
    assert.deepEqual([error.statusCode, error.isRetryable], [429, true]);
    return true;
  });
});
