// Measures the page against the figures that it must reach, and prints them.
//
//   node e2e/bench.mjs        (needs the program, the built page and Chromium, as the tests do)

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { browser, enter, Gateway, openPage, say } from "./harness.mjs";

const RUNS = 5;

/** A transcript of `n` messages, put where the gateway keeps them. */
export function write(gateway, key, n) {
  const folder = join(gateway.home, ".openclaw/agents/main/sessions");
  mkdirSync(folder, { recursive: true });
  const id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const at = Date.now() - n * 1000;
  const lines = [
    { type: "session", version: 3, id, timestamp: new Date(at).toISOString(), cwd: gateway.home },
  ];
  let parent = null;
  for (let i = 0; i < n; i += 1) {
    const entry = i.toString(16).padStart(8, "0");
    const timestamp = at + i * 1000;
    const text =
      i % 2 === 0
        ? `Question ${i}: what about **this** and \`that\`?`
        : `Answer ${i}.\n\nA paragraph of some length that says little, so that it wraps over a line or two at the width of the column in which the conversation is shown.\n\n- one\n- two\n\n\`\`\`js\nconst answer = ${i};\n\`\`\``;
    const message =
      i % 2 === 0
        ? { role: "user", content: [{ type: "text", text }], timestamp }
        : {
            role: "assistant",
            content: [{ type: "text", text }],
            api: "openai-completions",
            provider: "mock",
            model: "one",
            usage: {
              input: 10,
              output: 10,
              cacheRead: 0,
              cacheWrite: 0,
              totalTokens: 20,
              cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
            },
            stopReason: "stop",
            timestamp,
          };
    lines.push({
      type: "message",
      id: entry,
      parentId: parent,
      timestamp: new Date(timestamp).toISOString(),
      message,
    });
    parent = entry;
  }
  writeFileSync(
    join(folder, `${id}.jsonl`),
    `${lines.map((it) => JSON.stringify(it)).join("\n")}\n`,
  );
  return { key, entry: { sessionId: id, updatedAt: Date.now(), chatType: "direct" } };
}

/** Starts the gateway with conversations of these lengths. */
export async function startWith(lengths) {
  const gateway = await Gateway.start();
  await gateway.halt();
  const made = lengths.map((n) => write(gateway, `agent:main:long-${n}`, n));
  const index = Object.fromEntries(made.map((it) => [it.key, it.entry]));
  writeFileSync(
    join(gateway.home, ".openclaw/agents/main/sessions/sessions.json"),
    JSON.stringify(index),
  );
  await gateway.run();
  return gateway;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function main() {
  const gateway = await startWith([200, 2000, 5000]);
  const chromium = await browser();
  const figures = {};
  try {
    const paints = [];
    const shown = [];
    const page = await openPage(chromium);
    await enter(page, gateway, "chat?session=agent:main:long-200");
    for (let run = 0; run < RUNS; run += 1) {
      await page.goto("about:blank");
      await page.goto(`${gateway.url}chat?session=agent:main:long-200`, { waitUntil: "commit" });
      shown.push(
        await page.evaluate(async () => {
          while (!document.querySelector(".virtual-row .text h1, .virtual-row .text p")) {
            await new Promise((resolve) => requestAnimationFrame(resolve));
          }
          return performance.now();
        }),
      );
      paints.push(
        await page.evaluate(async () => {
          for (;;) {
            const seen = performance.getEntriesByName("first-contentful-paint")[0];
            if (seen) return seen.startTime;
            await new Promise((resolve) => requestAnimationFrame(resolve));
          }
        }),
      );
    }
    figures["first contentful paint, ms (median of 5)"] = median(paints);
    figures["connected and history shown, ms (median of 5)"] = median(shown);

    await page.goto(`${gateway.url}chat?session=agent:main:long-2000`);
    await page.locator(".virtual-row").last().waitFor();
    await page.evaluate(() => {
      window.long = [];
      new PerformanceObserver((list) => {
        for (const it of list.getEntries()) window.long.push(it.duration);
      }).observe({ type: "longtask" });
    });
    const words = "Some words of a **reply** that grows and grows, with `code` now and then.\n\n";
    const text = words.repeat(140);
    await say(page, `SAY ${JSON.stringify({ text, words: true, ms: 5 })}`);
    await page.locator(".text", { hasText: "grows and grows" }).last().waitFor();
    const keys = await page.evaluate(() => {
      const area = document.querySelector(".composer textarea");
      const times = [];
      return new Promise((resolve) => {
        const timer = setInterval(() => {
          const began = performance.now();
          area.setRangeText("x", area.value.length, area.value.length, "end");
          area.dispatchEvent(new InputEvent("input", { bubbles: true }));
          void area.offsetHeight;
          times.push(performance.now() - began);
          if (times.length === 100) {
            clearInterval(timer);
            resolve(times);
          }
        }, 30);
      });
    });
    await page.locator(".end").last().waitFor();
    await page.locator(".phase").waitFor({ state: "detached" });
    const long = await page.evaluate(() => window.long);
    figures["streaming into 2,000 messages: tasks over 50 ms"] = long.length;
    figures["streaming: longest such task, ms"] = Math.max(0, ...long);
    figures["streaming: a key, worst of 100, ms"] = Math.max(...keys);

    await page.goto(`${gateway.url}chat?session=agent:main:long-5000`);
    await page.locator(".virtual-row").last().waitFor();
    const scrolled = await page.evaluate(async () => {
      const list = document.querySelector(".virtual");
      window.long = [];
      new PerformanceObserver((seen) => {
        for (const it of seen.getEntries()) window.long.push(it.duration);
      }).observe({ type: "longtask" });
      const frames = [];
      let last = performance.now();
      let most = 0;
      for (let n = 0; n < 3000; n += 1) {
        list.scrollTop -= 1000;
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        frames.push(now - last);
        last = now;
        most = Math.max(most, document.querySelectorAll(".virtual-row").length);
        if (
          list.scrollTop === 0 &&
          document.querySelector(".user .said")?.textContent.startsWith("Question 0:")
        )
          break;
      }
      frames.sort((a, b) => a - b);
      return {
        steps: frames.length,
        p95: frames[Math.floor(frames.length * 0.95)],
        most,
        long: window.long,
        first: document.querySelector(".user .said")?.textContent,
      };
    });
    figures["5,000 messages scrolled to the top: frame, 95th percentile, ms"] = scrolled.p95;
    figures["5,000 messages: rows in the page at most"] = scrolled.most;
    figures["5,000 messages: longest task, ms"] = Math.max(0, ...scrolled.long);
    figures["5,000 messages: reached"] = scrolled.first;
  } finally {
    await chromium.close();
    await gateway.stop();
  }
  for (const [name, value] of Object.entries(figures)) {
    console.log(`${name}: ${typeof value === "number" ? Math.round(value * 10) / 10 : value}`);
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
