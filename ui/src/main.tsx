// The beginning: takes a token out of the address, connects, shows the page.

import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { follow as followChat } from "./chat/store";
import { speak } from "./i18n";
import { client, listen } from "./state/gateway";
import { follow as followAddress } from "./state/route";
import { followSessions } from "./state/sessions";
import { language, remember, takeToken } from "./state/settings";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/chat.css";
import "./styles/prose.css";

takeToken();
remember();
listen();
followAddress();
followChat();
followSessions();
effect(() => void speak(language.value));
// A link with a token may be opened while the page is there.
addEventListener("hashchange", () => {
  if (takeToken()) client.restart();
});
client.start();

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
