// Where one types: text, slash commands, pictures; send, queue, steer, stop.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import { Icon } from "../kit/icons";
import { say } from "../kit/toast";
import { hello, isOpen } from "../state/gateway";
import { type Attachment, filesOf, read, refusal } from "./attachments";
import { about, commands, completions, loadCommands } from "./commands";
import { draft, keepDraft } from "./drafts";
import { agentName, ModelButton } from "./head";
import { abort, isRunning, send } from "./store";

/** What is taken to be the limit where the gateway names none. */
const PICTURE_BYTES_MAX = 5_000_000;
const ALL_BYTES_MAX = 19_000_000;
const HEIGHT_MAX_PX = 240;

export function Composer({ sessionKey }: { sessionKey: string }) {
  const text = useSignal(draft(sessionKey));
  const files = useSignal<Attachment[]>([]);
  const isDropping = useSignal(false);
  const chosen = useSignal(0);
  const isDismissed = useSignal(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const offers = isDismissed.value ? [] : completions(text.value, commands.value);
  const at = Math.min(chosen.value, offers.length - 1);
  const canSend = text.value.trim() !== "" || files.value.length > 0;

  const set = (value: string) => {
    text.value = value;
    isDismissed.value = false;
    chosen.value = 0;
    keepDraft(sessionKey, value);
  };

  useLayoutEffect(() => {
    const it = area.current;
    if (!it) return;
    it.style.height = "auto";
    it.style.height = `${Math.min(it.scrollHeight, HEIGHT_MAX_PX)}px`;
  }, [text.value]);

  useEffect(() => {
    if (isOpen.value) void loadCommands();
  }, [isOpen.value]);

  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) area.current?.focus();
    const back = (event: Event) => {
      set((event as CustomEvent<string>).detail);
      area.current?.focus();
    };
    addEventListener("openclaw:draft", back);
    return () => removeEventListener("openclaw:draft", back);
  }, []);

  const take = async (list: File[]) => {
    const limits = hello.value?.policy.attachments;
    const oneMax = limits?.maxImageBytes ?? PICTURE_BYTES_MAX;
    const allMax = limits?.maxBytes ?? ALL_BYTES_MAX;
    let total = files.value.reduce((sum, it) => sum + it.bytes, 0);
    for (const file of list) {
      const why = refusal(file, oneMax, allMax - total);
      const max = Math.floor((why === "total" ? allMax : oneMax) / 1e6);
      if (why === "type") say(t("chat.badType", { name: file.name }), "bad");
      else if (why === "size") say(t("chat.badSize", { name: file.name, max }), "bad");
      else if (why === "total") say(t("chat.badTotal", { name: file.name, max }), "bad");
      else {
        total += file.size;
        files.value = [...files.value, await read(file)];
      }
    }
  };

  const submit = async (queueMode?: "steer" | "followup") => {
    if (!canSend || !isOpen.value) return;
    const message = { text: text.value, attachments: files.value, ...(queueMode && { queueMode }) };
    set("");
    files.value = [];
    await send(message);
  };

  /** What keys do while commands are offered; whether this one was for them. */
  const chooses = (event: KeyboardEvent): boolean => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      chosen.value = (at + step + offers.length) % offers.length;
      return true;
    }
    if (event.key === "Escape") {
      isDismissed.value = true;
      return true;
    }
    const picked = offers[at];
    const completes =
      event.key === "Tab" || (event.key === "Enter" && picked !== text.value.trim());
    if (!completes || !picked || event.shiftKey) return false;
    const command = commands.value.find((it) => `/${it.name}` === picked);
    set(command?.choices ? `${picked} ` : picked);
    return true;
  };

  const onKey = (event: KeyboardEvent) => {
    // Enter that ends the choice of a Chinese character sends nothing.
    if (event.isComposing || event.keyCode === 229) return;
    if (offers.length > 0 && chooses(event)) {
      event.preventDefault();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const steers = event.ctrlKey || event.metaKey;
      void submit(isRunning.value ? (steers ? "steer" : "followup") : undefined);
    } else if (event.key === "Escape" && isRunning.value) {
      event.preventDefault();
      void abort();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a place to drop on; the button does it by key
    <div
      class={isDropping.value ? "composer dropping" : "composer"}
      onDragOver={(event) => {
        event.preventDefault();
        isDropping.value = true;
      }}
      onDragLeave={() => (isDropping.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        isDropping.value = false;
        void take(filesOf(event.dataTransfer));
      }}
    >
      {offers.length > 0 && <Offers offers={offers} at={at} pick={set} />}
      <div class="composer-box">
        {isDropping.value && <p class="drop">{t("chat.drop")}</p>}
        {files.value.length > 0 && (
          <ul class="attached">
            {files.value.map((file) => (
              <li key={file.id}>
                <img src={file.dataUrl} alt={file.name} />
                <button
                  type="button"
                  aria-label={t("chat.remove", { name: file.name })}
                  onClick={() => (files.value = files.value.filter((it) => it !== file))}
                >
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        )}
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text.value}
          placeholder={t("chat.placeholder", { name: agentName(sessionKey) })}
          aria-label={t("chat.placeholder", { name: agentName(sessionKey) })}
          aria-autocomplete="list"
          aria-controls={offers.length > 0 ? "offers" : undefined}
          aria-activedescendant={offers.length > 0 ? `offer-${at}` : undefined}
          onInput={(event) => set(event.currentTarget.value)}
          onKeyDown={onKey}
          onPaste={(event) => {
            const pasted = filesOf(event.clipboardData);
            if (pasted.length === 0) return;
            event.preventDefault();
            void take(pasted);
          }}
        />
        <div class="composer-tools">
          <input
            ref={picker}
            type="file"
            accept="image/png,image/jpeg,image/gif,image/webp"
            multiple
            hidden
            onChange={(event) => {
              void take(Array.from(event.currentTarget.files ?? []));
              event.currentTarget.value = "";
            }}
          />
          <button
            type="button"
            class="quiet"
            onClick={() => picker.current?.click()}
            title={t("chat.attach")}
            aria-label={t("chat.attach")}
          >
            <Icon name="clip" />
          </button>
          <ModelButton />
          <span class="grow" />
          {isRunning.value && canSend && (
            <button type="button" class="quiet" onClick={() => void submit("steer")}>
              {t("chat.steer")}
            </button>
          )}
          {isRunning.value && (
            <button
              type="button"
              class="round stop"
              onClick={() => void abort()}
              title={t("chat.stop")}
            >
              <Icon name="stop" />
              <span class="sr">{t("chat.stop")}</span>
            </button>
          )}
          {(!isRunning.value || canSend) && (
            <button
              type="button"
              class="round primary"
              disabled={!canSend || !isOpen.value}
              onClick={() => void submit(isRunning.value ? "followup" : undefined)}
              title={isRunning.value ? t("chat.queue") : t("chat.send")}
            >
              <Icon name="send" />
              <span class="sr">{isRunning.value ? t("chat.queue") : t("chat.send")}</span>
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

function Offers({ offers, at, pick }: { offers: string[]; at: number; pick(text: string): void }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[at]?.scrollIntoView({ block: "nearest" });
  }, [at]);
  return (
    <div
      ref={list}
      class="offers"
      id="offers"
      role="listbox"
      tabIndex={0}
      aria-label={t("chat.commands")}
    >
      {offers.map((offer, n) => (
        <div
          key={offer}
          id={`offer-${n}`}
          role="option"
          aria-selected={n === at}
          onMouseDown={(event) => {
            event.preventDefault();
            pick(offer);
          }}
        >
          <code>{offer}</code>
          {!offer.includes(" ") && <span>{about(offer.slice(1))}</span>}
        </div>
      ))}
    </div>
  );
}
