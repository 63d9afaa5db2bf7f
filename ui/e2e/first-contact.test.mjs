// How one gets in, and what happens when the line breaks.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { browser, enter, Gateway, openPage, say, TOKEN } from "./harness.mjs";

let gateway;
let chromium;

before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
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
  const page = await openPage(chromium);
  let isApproved = false;
  await page.routeWebSocket(/127\.0\.0\.1/, (socket) => {
    const server = isApproved ? socket.connectToServer() : null;
    if (server) return;
    socket.onMessage((text) => {
      const { id } = JSON.parse(text);
      const details = { code: "PAIRING_REQUIRED", requestId: "req-1234" };
      const error = { code: "NOT_PAIRED", message: "pairing required", details };
      socket.send(JSON.stringify({ type: "res", id, ok: false, error }));
    });
    const challenge = { nonce: "n", ts: Date.now() };
    socket.send(JSON.stringify({ type: "event", event: "connect.challenge", payload: challenge }));
  });
  await page.goto(`${gateway.url}#token=${TOKEN}`);

  await page.getByText("openclaw devices approve req-1234").waitFor();
  isApproved = true;

  await page.locator(".composer textarea").waitFor();
  await page.context().close();
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
