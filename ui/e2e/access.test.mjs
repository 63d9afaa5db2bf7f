// The page without a mouse, without motion, and for those who cannot see it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ARTIFACTS, axeFaults, browser, enter, Gateway, openPage, say, until } from "./harness.mjs";

let gateway;
let chromium;
let page;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  page = await openPage(chromium, { bypassCSP: true });
  await enter(page, gateway, "chat?session=agent:main:keys");
  await say(page, "something to find");
  await page.locator(".end").waitFor();
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

/** What has the focus, as people know it, and whether one sees that it has. */
const focused = (on = page) =>
  on.evaluate(() => {
    const it = document.activeElement;
    const name = it?.getAttribute("aria-label") ?? it?.textContent?.trim() ?? "";
    const shows = [it, it?.closest(".composer-box")].some((one) => {
      const style = one && getComputedStyle(one);
      return style && (style.outlineStyle !== "none" || style.boxShadow !== "none");
    });
    return { name, shows, isInDialog: it?.closest("dialog") !== null };
  });

test("a view is reached, a thing chosen, changed and left with keys alone", async () => {
  await enter(page, gateway, "sessions");
  await page.locator(".list li").first().waitFor();
  await page.keyboard.press("Tab");
  assert.equal((await focused()).name, "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");

  const passed = [];
  await until(async () => {
    await page.keyboard.press("Tab");
    const now = await focused();
    assert.ok(now.shows, `no focus is seen on ${now.name}`);
    passed.push(now.name);
    return now.name === "Settings of something to find";
  }, "the settings of the session");
  assert.ok(passed.length < 10, passed.join(" | "));
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Tab");
  assert.ok((await focused()).isInDialog);
  await page.getByLabel("Label").focus();
  await page.keyboard.type("By keys");
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.locator(".list b", { hasText: "By keys" }).waitFor();
  assert.match((await focused()).name, /^Settings of/, "the focus is back where it was");
});

test("a dialog keeps the focus, and gives it back when Escape closes it", async () => {
  await enter(page, gateway, "chat?session=agent:main:keys");
  const opener = page.getByRole("button", { name: "Conversation settings" });
  await opener.focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  for (let n = 0; n < 12; n++) {
    await page.keyboard.press("Tab");
    const isOut = await page.evaluate(
      () => document.activeElement !== document.body && !document.activeElement?.closest("dialog"),
    );
    assert.equal(isOut, false);
  }
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  assert.equal((await focused()).name, "Conversation settings");

  await page.keyboard.press("Control+k");
  await page.locator("dialog.palette").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("dialog.palette").waitFor({ state: "detached" });
  assert.equal((await focused()).name, "Conversation settings");
});

test("what opens over the page has no serious fault of access either, in both themes", async () => {
  const faults = [];
  for (const theme of ["light", "dark"]) {
    const own = await openPage(chromium, { theme, width: 390, height: 844, bypassCSP: true });
    const look = async (name) => {
      for (const fault of await axeFaults(own)) faults.push(`${theme} ${name}: ${fault}`);
      await own.screenshot({ path: join(ARTIFACTS, `over-${name}-${theme}.png`) });
    };
    await own.goto(gateway.url);
    await own.getByLabel("Token").waitFor();
    await look("gate");
    await enter(own, gateway, "chat?session=agent:main:keys");
    await own.locator(".composer textarea").fill("/");
    await own.getByRole("option").first().waitFor();
    await look("commands");
    await own.locator(".composer textarea").fill("");
    await own.getByRole("button", { name: "Conversation settings" }).click();
    await look("conversation");
    await own.keyboard.press("Escape");
    await own.getByRole("button", { name: "Menu" }).click();
    await until(
      () => own.evaluate(() => document.querySelector(".nav").getAnimations().length === 0),
      "the menu",
    );
    await look("menu");
    await enter(own, gateway, "models");
    await own.getByRole("button", { name: "Add a key" }).click();
    await look("key");
    await enter(own, gateway, "agents");
    await own.getByRole("button", { name: "New agent" }).click();
    await look("agent");
    await enter(own, gateway, "config?section=gateway");
    for (const name of ["Auth", "Control UI"]) {
      await own.locator(".fold-head", { hasText: name }).first().click();
    }
    await look("config");
    await own.keyboard.press("Control+k");
    await own.getByRole("listbox").waitFor();
    await look("palette");
    assert.deepEqual(own.wrongs, []);
    await own.context().close();
  }
  assert.deepEqual(faults, []);
});

test("who wants no motion gets none", async () => {
  const still = await openPage(chromium, { reducedMotion: "reduce" });
  await enter(still, gateway, "chat?session=agent:main:still");
  await say(still, `SAY ${JSON.stringify({ run: "sleep 1", text: "Done." })}`);
  await still.locator(".tool .pulse").waitFor();

  const longest = await still.evaluate(() =>
    Math.max(
      0,
      ...document.getAnimations().map((it) => {
        const { duration, iterations } = it.effect.getComputedTiming();
        return iterations === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : duration;
      }),
    ),
  );

  assert.ok(longest <= 1, `${longest} ms`);
  await still.locator(".end").waitFor();
  await still.context().close();
});

test("a reply is told to those who listen", async () => {
  await enter(page, gateway, "chat?session=agent:main:keys");
  const log = page.getByRole("log", { name: "Messages" });
  await log.waitFor();

  await say(page, "speak");

  await log.getByText("You said: speak").waitFor();
  assert.deepEqual(page.wrongs, []);
});
