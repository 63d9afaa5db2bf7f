// How one gets in, and what happens when the line breaks.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browser, enter, Gateway, openPage, proxyTo, say, TOKEN, until } from "./harness.mjs";

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

test("without a token the page says how to get one, and takes it", async () => {
  const page = await openPage(chromium);
  await page.goto(gateway.url);

  await page.getByText("openclaw dashboard").waitFor();
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("The gateway does not know this token.").waitFor();
  await page.getByLabel("Token").fill(`http://127.0.0.1:1/#token=${TOKEN}`);
  await page.keyboard.press("Enter");

  await page.locator(".composer textarea").waitFor();
  await page.reload();
  await page.locator(".composer textarea").waitFor();
  await page.context().close();
});

test("a link with a token goes where it leads, and the token vanishes", async () => {
  const page = await openPage(chromium);
  await page.goto(`${gateway.url}logs#token=${TOKEN}`);

  await page.getByRole("heading", { name: "Logs" }).waitFor();
  assert.equal(page.url(), `${gateway.url}logs`);
  await page.goto(`${gateway.url}sessions?token=${TOKEN}&x=1`);
  await page.getByRole("heading", { name: "Sessions" }).waitFor();
  assert.equal(page.url(), `${gateway.url}sessions?x=1`);
  assert.deepEqual(page.wrongs, []);
  assert.ok(page.requested.every((url) => url.startsWith(gateway.url) || url.startsWith("blob:")));
  await page.context().close();
});

test("what was typed outlives a gateway that stops and comes back", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway);
  await say(page, "before the break");
  await page.getByText("You said: before the break").waitFor();
  await page.locator(".composer textarea").fill("half a thought");

  await gateway.halt();
  await page.getByText("Connection lost").waitFor();
  assert.equal(await page.locator(".composer textarea").inputValue(), "half a thought");
  await gateway.run();
  await page.getByText("Connection lost").waitFor({ state: "detached" });
  assert.equal(await page.locator(".composer textarea").inputValue(), "half a thought");
  await page.locator(".composer textarea").press("Enter");

  await page.getByText("You said: half a thought").waitFor();
  await page.context().close();
});

test("pairing shows the command that approves, and goes on by itself", async () => {
  const far = await Gateway.start((config) => ({
    ...config,
    gateway: { ...config.gateway, trustedProxies: ["127.0.0.1"] },
  }));
  const proxy = await proxyTo(far.port);
  const page = await openPage(chromium);
  try {
    await page.goto(`http://127.0.0.1:${proxy.port}/#token=${TOKEN}`);

    const shown = await page.locator(".command code").first().innerText();
    assert.match(shown, /^openclaw devices approve [0-9a-f-]{36}$/);
    const [, ...command] = shown.split(" ");
    await far.cli(command);

    await page.locator(".composer textarea").waitFor();
    await page.reload();
    await page.locator(".composer textarea").waitFor();
  } finally {
    await page.context().close();
    proxy.close();
    await far.stop();
  }
});

test("a gateway without a model leads through the setup to a chat with a tool", async () => {
  const bare = await Gateway.start(({ models, agents, ...config }) => config);
  const page = await openPage(chromium);
  const next = async (text) => {
    await page.locator("form.card", { hasText: text }).waitFor();
    await page.locator("form.card .primary").click();
  };
  try {
    await enter(page, bare);
    await page.getByText("No model is set up yet").waitFor();
    await page.getByRole("link", { name: "Set up a model" }).click();
    await page.getByRole("heading", { name: "Setup" }).waitFor();

    await next("Go on?");
    await next("This machine is already set up");
    await page.getByLabel("Another server").check();
    await next("Which model provider?");
    await page.getByLabel("Address of the model server").fill(`${bare.model.url}/v1`);
    await next("Address");
    await next("What does it speak?");
    await next("Key");
    await page.getByLabel("Name of the model").fill("one");
    await next("Name of the model");
    await until(async () => {
      const form = page.locator("form.card");
      if (await page.getByText("All set. The chat can begin.").count()) return true;
      await form.locator(".primary").click({ timeout: 1_000 });
    }, "the end of the setup");
    await page.locator(".card").getByRole("link", { name: "Chat" }).click();

    await say(page, `SAY ${JSON.stringify({ run: "echo it works", text: "Done." })}`);
    await page.locator(".tool-head", { hasText: "echo it works" }).waitFor();
    await page.locator(".text", { hasText: "Done." }).waitFor();
    assert.deepEqual(page.wrongs, []);
  } finally {
    await page.context().close();
    await bare.stop();
  }
});

test("a setup that was left open elsewhere is ended and begun anew, in one's own language", async () => {
  const there = await openPage(chromium);
  const here = await openPage(chromium, { language: "zh" });
  await enter(there, gateway, "wizard");
  await there.locator("form.card").waitFor();

  await enter(here, gateway, "wizard");
  await here.getByText("设置向导已在别处打开").waitFor();
  await here.getByRole("button", { name: "结束它并在这里开始" }).click();

  await here.locator("form.card h2", { hasText: /[\u4e00-\u9fff]/ }).waitFor();
  await there.context().close();
  await here.context().close();
});

test("a page that cannot keep a key says what to do", async () => {
  const page = await openPage(chromium);
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, "isSecureContext", { value: false });
  });
  await page.goto(`${gateway.url}#token=${TOKEN}`);

  await page.getByText("ssh -N -L").waitFor();
  await page.context().close();
});
