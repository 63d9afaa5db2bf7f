// A model that says what it is told to: the newest message of the user is looked up in SCRIPTS, or
// read as JSON after `SAY `. Speaks the streaming form of OpenAI's chat completions.
//
//   SAY {"text":"…"}                      says it
//   SAY {"text":"…","words":true,"ms":5}  word by word, 5 ms apart
//   SAY {"think":"…","text":"…"}          thinks before
//   SAY {"run":"date","text":"…"}         runs a command first

import { createServer } from "node:http";

function textOf(content) {
  if (typeof content === "string") return content;
  return (content ?? [])
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("\n");
}

function stepFor(messages) {
  const at = messages.findLastIndex((it) => it.role === "user");
  // The gateway puts the time in front.
  const said = textOf(messages[at]?.content).replace(/^\[[^\]]*\] /, "");
  const hasResult = messages.slice(at).some((it) => it.role === "tool");
  const json = said.slice(said.indexOf("SAY ") + 4);
  const wanted = said.includes("SAY ")
    ? JSON.parse(json.slice(0, json.lastIndexOf("}") + 1))
    : { text: `You said: ${said}` };
  if (wanted.big) wanted.text = wanted.big.text.repeat(wanted.big.times);
  return wanted.run && !hasResult ? { call: { command: wanted.run } } : wanted;
}

export function startModel() {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const asked = body ? JSON.parse(body) : {};
    requests.push(asked);
    const step = stepFor(asked.messages ?? []);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const id = `m${requests.length}`;
    const send = (delta, finish = null) => {
      const choices = [{ index: 0, delta, finish_reason: finish }];
      response.write(
        `data: ${JSON.stringify({ id, object: "chat.completion.chunk", model: asked.model, choices })}\n\n`,
      );
    };
    let isGone = false;
    response.on("close", () => (isGone = true));
    const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    if (step.think) send({ reasoning_content: step.think });
    if (step.call) {
      const call = {
        index: 0,
        id: `call_${requests.length}`,
        type: "function",
        function: { name: "exec", arguments: JSON.stringify(step.call) },
      };
      send({ role: "assistant", tool_calls: [call] });
      send({}, "tool_calls");
    } else {
      const pieces = step.words ? step.text.split(/(?<= )/) : [step.text ?? ""];
      for (const piece of pieces) {
        if (isGone) return;
        send({ content: piece });
        if (step.ms) await rest(step.ms);
      }
      send({}, "stop");
    }
    const usage = { prompt_tokens: 1200, completion_tokens: 34, total_tokens: 1234 };
    response.write(
      `data: ${JSON.stringify({ id, object: "chat.completion.chunk", choices: [], usage })}\n\n`,
    );
    response.end("data: [DONE]\n\n");
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        requests,
        close: () => {
          server.closeAllConnections();
          server.close();
        },
      });
    });
  });
}
