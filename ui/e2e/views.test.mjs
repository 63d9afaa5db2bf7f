// Every view: its main path, in both languages, at both widths, in both themes, and fit for all.
// The pictures go to ui/artifacts.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ARTIFACTS, axeFaults, browser, enter, Gateway, openPage, say, until } from "./harness.mjs";

const VIEWS = [
  "chat",
  "usage",
  "devices",
  "approvals",
  "wizard",
  "overview",
  "sessions",
  "sandboxes",
  "agents",
  "skills",
  "models",
  "config",
  "logs",
  "debug",
];
const LOOKS = [
  { name: "desk-light-en", width: 1280, theme: "light", language: "en" },
  { name: "desk-dark-zh", width: 1280, theme: "dark", language: "zh" },
  { name: "phone-light-zh", width: 390, theme: "light", language: "zh" },
  { name: "phone-dark-en", width: 390, theme: "dark", language: "en" },
];

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  const page = await openPage(chromium);
  await enter(page, gateway);
  await say(
    page,
    `SAY ${JSON.stringify({
      run: "ls -la /",
      text: "Here is what I found:\n\n1. A **list** with `code`\n2. A [link](https://example.org)\n\n```sh\necho hello\n```\n\n| file | size |\n|---|---|\n| a.txt | 12 |\n\n> A remark.",
    })}`,
  );
  await page.locator(".end").waitFor();
  await page.context().close();
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

for (const look of LOOKS) {
  test(`no view has a serious fault of access: ${look.name}`, async () => {
    const height = look.width < 500 ? 844 : 800;
    const page = await openPage(chromium, { ...look, height, bypassCSP: true });
    const faults = [];
    for (const view of VIEWS) {
      await enter(page, gateway, view);
      await page.locator(view === "chat" ? ".end" : ".page").waitFor();
      await until(async () => (await page.locator(".skeleton").count()) === 0, `${view} loaded`);
      const wide = await page.evaluate(() =>
        Math.max(
          ...[document.documentElement, document.querySelector("main")].map(
            (it) => it.scrollWidth - it.clientWidth,
          ),
        ),
      );
      assert.ok(wide <= 0, `${view} is ${wide}px too wide`);
      await page.screenshot({ path: join(ARTIFACTS, `${view}-${look.name}.png`) });
      for (const fault of await axeFaults(page)) faults.push(`${view}: ${fault}`);
    }
    assert.deepEqual(faults, []);
    assert.deepEqual(page.wrongs, []);
    await page.context().close();
  });
}

test("a session can be labelled and deleted", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "chat?session=agent:main:to-delete");
  await say(page, "short lived");
  await page.getByText("You said: short lived").waitFor();
  await page.getByRole("link", { name: "Sessions" }).click();

  const row = page.locator(".list li", { hasText: "agent:main:to-delete" });
  await row.getByRole("button", { name: /Settings of/ }).click();
  await page.getByLabel("Label").fill("Fleeting");
  await page.getByRole("button", { name: "Save" }).click();
  await row.getByText("Fleeting").waitFor();
  await page.getByRole("searchbox").fill("fleet");
  assert.equal(await page.locator(".list li").count(), 1);
  await row.getByRole("button", { name: /Delete/ }).click();
  await page.locator("dialog.question .danger").click();

  await row.waitFor({ state: "detached" });
  await page.context().close();
});

test("the form and the text of the config are one, and a change is shown before it is saved", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "config?section=logging");
  await page.getByLabel("Level", { exact: true }).selectOption({ label: "debug" });

  const raw = page.getByLabel("Text", { exact: true });
  assert.match(await raw.inputValue(), /"level": "debug"/);
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.locator(".diff .add", { hasText: '"level": "debug"' }).waitFor();
  await page.getByRole("button", { name: "Save and apply" }).click();
  await page.getByText("Saved.").waitFor();

  assert.match(readFileSync(gateway.config, "utf8"), /"level": "debug"/);
  assert.match(readFileSync(gateway.config, "utf8"), /e2e-token/);
  await page.context().close();
});

test("what the gateway would not take is told in place, and a file changed meanwhile too", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "config?section=gateway");
  const raw = page.getByLabel("Text", { exact: true });
  const before = await raw.inputValue();
  await raw.fill(before.replace('"loopback"', '"moon"'));
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByRole("button", { name: "Save and apply" }).click();
  await page.locator(".problems", { hasText: "gateway.bind" }).waitFor();

  await raw.fill(`{ broken`);
  await page.locator(".problems", { hasText: "line 1" }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Review and save" }).isDisabled());

  writeFileSync(gateway.config, `// a note\n${readFileSync(gateway.config, "utf8")}`);
  await raw.fill(before.replace('"loopback"', '"auto"'));
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByRole("button", { name: "Save and apply" }).click();
  await page.getByText("The file changed meanwhile").waitFor();
  await page.getByRole("button", { name: "Load the new text" }).click();
  await until(async () => (await raw.inputValue()).includes("// a note"), "the new text");
  await page.context().close();
});

test("logs follow, filter and stop", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "logs");
  await page.locator(".log-line", { hasText: "connected" }).first().waitFor();

  await page.getByRole("searchbox").fill("gateway listens");
  await page.locator(".log-line", { hasText: "gateway listens" }).first().waitFor();
  assert.equal(await page.locator(".log-line", { hasText: "connected" }).count(), 0);
  await page.getByRole("button", { name: "Follow" }).click();
  await page.getByRole("button", { name: "Paused" }).waitFor();
  await page.context().close();
});

test("any method can be called by hand", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "debug?method=models.list");
  await page.getByRole("button", { name: "Call" }).click();
  await page.locator("pre.output", { hasText: '"provider": "mock"' }).waitFor();

  await page.getByLabel("Method").fill("no.such");
  await page.getByRole("button", { name: "Call" }).click();
  await page.locator("pre.output", { hasText: "unknown method" }).waitFor();
  await page.context().close();
});

test("the policy of a session is explained", async () => {
  const page = await openPage(chromium);
  await enter(page, gateway, "sandboxes?session=agent:main:main");

  await page.getByText("on the gateway's machine").waitFor();
  await page.context().close();
});
