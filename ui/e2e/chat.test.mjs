// The chat: what is said, what tools do, what one may do meanwhile.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { browser, enter, Gateway, openPage, say, until } from "./harness.mjs";

let gateway;
let chromium;
let page;
let count = 0;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  page = await openPage(chromium);
});

after(async () => {
  await chromium?.close();
  await gateway?.stop();
});

beforeEach(() => enter(page, gateway, `chat?session=agent:main:test-${count++}`));

const script = (it) => `SAY ${JSON.stringify(it)}`;

test("a tool call shows its command, its output and its exit, and stays after a reload", async () => {
  await say(page, script({ run: "echo from the tool; exit 3", text: "It **ran**." }));

  await page.locator(".text", { hasText: "It ran." }).waitFor();
  const card = page.locator(".tool");
  await card.locator(".tool-state", { hasText: "exit 3" }).waitFor();
  await card.locator(".tool-head").click();
  await card.locator("pre", { hasText: "from the tool" }).last().waitFor();
  assert.match(
    await card.locator("pre").first().innerText(),
    /"command": "echo from the tool; exit 3"/,
  );

  await page.reload();
  await page.locator(".text", { hasText: "It ran." }).waitFor();
  await page.locator(".tool-state", { hasText: "exit 3" }).waitFor();
  await page.locator(".end", { hasText: "2,400 in, 68 out" }).waitFor();
});

test("output of a running tool shows while it runs", async () => {
  await say(page, script({ run: "echo first; sleep 2; echo second", text: "Done." }));

  const output = page.locator(".tool pre").last();
  await until(async () => (await output.innerText()).includes("first"), "live output");
  assert.equal(await page.locator(".tool").getAttribute("data-status"), "running");
  await page.locator(".text", { hasText: "Done." }).waitFor();
  assert.equal(await page.locator(".tool").getAttribute("data-status"), "done");
});

test("finished blocks are made once while text streams in", async () => {
  const text =
    "# Head\n\nFirst paragraph.\n\n```js\nlet a = 1;\n```\n\nLast one here with some words";
  await say(page, script({ text: `${text} and`.concat(" more".repeat(60)), words: true, ms: 15 }));
  await page.locator(".text h1", { hasText: "Head" }).waitFor();
  await page.locator(".text pre", { hasText: "let a = 1;" }).waitFor();
  await page.evaluate(() => {
    window.kept = [document.querySelector(".text h1"), document.querySelector(".text pre")];
  });

  await page.locator(".end").waitFor();

  assert.ok(await page.evaluate(() => window.kept.every((node) => node.isConnected)));
  await page.getByRole("button", { name: "Copy" }).first().click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "let a = 1;");
});

test("a turn can be stopped, and its text stays", async () => {
  await say(page, script({ text: "word ".repeat(2000), words: true, ms: 20 }));
  await page.locator(".text", { hasText: "word word" }).waitFor();

  await page.getByRole("button", { name: "Stop" }).click();

  await page.locator(".end", { hasText: "Stopped" }).waitFor();
  await page.locator(".text", { hasText: "word word" }).waitFor();
});

test("what is sent during a turn waits for it, and is answered in order", async () => {
  await say(page, script({ text: "slow ".repeat(60), words: true, ms: 25 }));
  await page.locator(".text", { hasText: "slow slow" }).waitFor();

  await say(page, "and then this");
  await page.getByText("Waits for the turn before it").waitFor();

  await page.getByText("You said: and then this").waitFor();
  const kinds = await page
    .locator(".virtual-row > .row")
    .evaluateAll((rows) => rows.map((row) => row.classList[1]));
  assert.deepEqual(kinds, ["user", "text", "end", "user", "text", "end"]);
});

test("what is sent into a turn is heard at its next step, and stands there", async () => {
  await say(page, script({ run: "sleep 1; echo ran", text: "Answered." }));
  await page.locator(".tool").waitFor();
  await page.locator(".composer textarea").fill("also this");
  await page.getByRole("button", { name: "Send into this turn" }).click();
  await page.getByText("Goes into this turn").waitFor();

  await page.locator(".text", { hasText: "You said: also this" }).waitFor();
  await page.locator(".end").waitFor();
  const order = () =>
    page.locator(".virtual-row > .row").evaluateAll((rows) => rows.map((row) => row.classList[1]));
  assert.deepEqual(await order(), ["user", "tool", "user", "text", "end"]);
  await page.reload();
  await page.locator(".end").waitFor();
  assert.deepEqual(await order(), ["user", "tool", "user", "text", "end"]);
});

test("what another page says here shows here too", async () => {
  const other = await openPage(chromium);
  await enter(other, gateway, `chat${new URL(page.url()).search}`);

  await say(other, "from elsewhere");

  await page.locator(".user", { hasText: "from elsewhere" }).waitFor();
  await page.locator(".text", { hasText: "You said: from elsewhere" }).waitFor();
  await page.locator(".end").waitFor();
  assert.equal(await page.locator(".user").count(), 1);
  assert.equal(await page.locator(".text").count(), 1);
  await other.context().close();
});

test("a turn under way goes on after a reload", async () => {
  await say(page, script({ text: `${"tick ".repeat(80)}end.`, words: true, ms: 25 }));
  await page.locator(".text", { hasText: "tick tick" }).waitFor();

  await page.reload();

  await page.locator(".text", { hasText: "tick tick" }).waitFor();
  await page.locator(".text", { hasText: "end." }).waitFor();
  await page.locator(".end").waitFor();
  assert.equal(await page.locator(".text").count(), 1);
});

test("thoughts are folded", async () => {
  await say(page, script({ think: "a secret plan", text: "Said." }));

  await page.locator(".text", { hasText: "Said." }).waitFor();
  assert.equal(await page.locator(".thoughts p").isVisible(), false);
  await page.locator(".thoughts summary").click();
  await page.locator(".thoughts p", { hasText: "a secret plan" }).waitFor();
});

test("slash commands complete, and are answered", async () => {
  const area = page.locator(".composer textarea");
  await area.fill("/st");
  await page.getByRole("option", { name: "/status" }).waitFor();
  await area.press("Tab");
  assert.equal(await area.inputValue(), "/status");
  await area.press("Enter");

  await page.locator(".text", { hasText: "mock/one" }).waitFor();
  await area.fill("/think ");
  assert.equal(await page.getByRole("option").count(), 6);
});

test("a picture can be picked, and goes along", async () => {
  const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  await page.locator("input[type=file]").setInputFiles([
    { name: "dot.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") },
    { name: "no.txt", mimeType: "text/plain", buffer: Buffer.from("no") },
  ]);
  await page.getByText("no.txt: only PNG").waitFor();
  await page.locator(".attached img").waitFor();

  await say(page, "look at this");

  await page.getByText("You said: look at this").waitFor();
  const request = gateway.model.requests.findLast((it) =>
    JSON.stringify(it.messages.at(-1)).includes("look at this"),
  );
  assert.match(JSON.stringify(request.messages.at(-1)), /image_url.{0,40}iVBOR/);
  await page.locator(".user .pictures img").waitFor();
});

test("pictures come by paste and by drop, and too much of them does not", async () => {
  const give = (type, kind, bytes) =>
    page.locator(".composer").evaluate(
      (composer, [event, name, size]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(size)], name, { type: "image/png" }));
        const area = composer.querySelector("textarea");
        const made =
          event === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        area.dispatchEvent(made);
      },
      [type, kind, bytes],
    );

  await give("paste", "pasted.png", 10);
  await page.getByRole("button", { name: "Remove pasted.png" }).waitFor();
  await give("drop", "dropped.png", 10);
  await page.getByRole("button", { name: "Remove dropped.png" }).waitFor();
  await give("drop", "huge.png", 30_000_000);
  await page.getByText("huge.png is larger than").waitFor();
  await page.getByRole("button", { name: "Remove dropped.png" }).click();
  assert.equal(await page.locator(".attached img").count(), 1);
});

test("a conversation is made anew by a command, and another one is chosen from the palette", async () => {
  await say(page, "to be forgotten");
  await page.getByText("You said: to be forgotten").waitFor();
  await say(page, "/new");
  await page.getByText("You said: to be forgotten").waitFor({ state: "detached" });

  const earlier = "agent:main:test-0";
  await page.keyboard.press("Control+k");
  await page.keyboard.type(earlier);
  await page.keyboard.press("Enter");
  await until(async () => page.url().includes(earlier), "the other conversation");
});

test("a new conversation begins empty, a reset one too", async () => {
  await say(page, "remember me");
  await page.getByText("You said: remember me").waitFor();

  await page.locator(".chat-head").getByTitle("New conversation").click();
  await page.getByText("What shall we do?").waitFor();
  await page.goBack();
  await page.getByText("You said: remember me").waitFor();
  await page.getByRole("button", { name: "Conversation settings" }).click();
  await page.getByRole("button", { name: "Start this one afresh" }).click();
  await page.locator("dialog.question .danger").click();

  await page.getByText("What shall we do?").waitFor();
});

test("the model of a conversation can be chosen", async () => {
  await say(page, "hello");
  await page.getByText("You said: hello").waitFor();
  await page.getByRole("button", { name: "Conversation settings" }).click();
  await page.getByLabel("Model").selectOption("mock/two");
  await page.getByRole("button", { name: "Close" }).last().click();

  await say(page, "again");

  await page.locator(".end", { hasText: "two" }).waitFor();
});

test("the palette finds a view with the keys alone", async () => {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("sandb");
  await page.keyboard.press("Enter");

  await page.getByRole("heading", { name: "Sandboxes", level: 1 }).waitFor();
});

test("a message that cannot be sent is kept", async () => {
  await page.locator(".composer textarea").fill("not yet");
  await gateway.halt();
  await page.getByText("Connection lost").waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".composer textarea").inputValue(), "not yet");
  await gateway.run();
  await page.getByText("Connection lost").waitFor({ state: "detached" });
});

test("nothing went wrong on the page all the while", () => {
  assert.deepEqual(page.wrongs, []);
});
