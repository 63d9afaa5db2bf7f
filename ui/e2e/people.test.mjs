// What people decide: commands that ask, devices, files of agents, the setup.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ARTIFACTS, browser, enter, Gateway, openPage, say, until } from "./harness.mjs";

let gateway;
let chromium;
let page;

before(async () => {
  const asking = (config) => ({
    ...config,
    tools: { exec: { host: "gateway", security: "full", ask: "always" } },
  });
  gateway = await Gateway.start(asking);
  chromium = await browser();
  page = await openPage(chromium);
  await enter(page, gateway);
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

const script = (it) => `SAY ${JSON.stringify(it)}`;

async function asked(command) {
  await page.goto(`${gateway.url}chat`);
  await page.locator(".composer textarea").waitFor();
  await say(page, script({ run: command, text: `after ${command}` }));
  await page.locator(".approval-watch pre", { hasText: command }).waitFor();
}

test("a command that asks is shown, and one key lets it run", async () => {
  await asked("echo allowed");
  await page.screenshot({ path: join(ARTIFACTS, "approval-desk.png") });
  // Keys that come too soon after the question are no answer.
  await until(async () => {
    await page.keyboard.press("Alt+a");
    return (await page.locator(".approval-watch").count()) === 0;
  }, "an answer");

  await page.locator(".text", { hasText: "after echo allowed" }).waitFor();
  await page.locator(".tool-head").last().click();
  await page.locator(".tool pre", { hasText: "allowed" }).last().waitFor();
});

test("a command that is denied does not run", async () => {
  const mark = join(gateway.home, "mark");
  await asked(`touch ${mark}`);
  await page.getByRole("button", { name: /Deny/ }).click();

  await page.locator(".text", { hasText: `after touch` }).waitFor();
  assert.equal(existsSync(mark), false);
});

test("an open question is there on every view, and after a reload", async () => {
  await asked("echo later");
  await page.goto(`${gateway.url}approvals`);
  await page.locator(".page .approval pre", { hasText: "echo later" }).waitFor();

  await page
    .locator(".page .approval")
    .getByRole("button", { name: /Allow once/ })
    .click();
  await page.getByText("Nothing waits for you").waitFor();
});

test("this browser is a paired device", async () => {
  await page.goto(`${gateway.url}devices`);

  await page.locator(".list", { hasText: "openclaw-control-ui" }).waitFor();
  await page.getByRole("button", { name: "New token" }).waitFor();
});

test("a file of an agent is edited in place", async () => {
  await page.goto(`${gateway.url}agents?agent=main&file=USER.md`);
  const editor = page.getByLabel("USER.md");
  await editor.waitFor();
  await editor.fill("The person likes tea.\n");
  await page.getByText("Unsaved changes").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByText("Saved", { exact: true }).waitFor();

  const path = join(gateway.home, ".openclaw/workspace/USER.md");
  assert.equal(readFileSync(path, "utf8"), "The person likes tea.\n");
});

test("what was used shows by day, model and conversation", async () => {
  await page.goto(`${gateway.url}usage`);

  await page.getByRole("heading", { name: "Cost by day" }).waitFor();
  assert.equal(await page.locator(".days li").count(), 30);
  await page.locator(".list", { hasText: "mock" }).first().waitFor();
  await page.getByRole("button", { name: "7 days" }).click();
  await page.locator(".days li:nth-child(7):last-child").waitFor();
});

test("the setup asks one thing after the other", async () => {
  await page.goto(`${gateway.url}wizard`);
  await page.getByRole("button", { name: "Yes" }).click();
  await page.locator(".options label").first().waitFor();

  await page.reload();
  await page.locator(".options label").first().waitFor();
});

test("nothing went wrong on the page all the while", () => {
  assert.deepEqual(page.wrongs, []);
});
