// A key for a provider: goes into the configuration, and is never shown again.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { Dialog } from "../kit/dialog";
import { reloadSoon } from "../kit/load";
import { say, trying } from "../kit/toast";
import { client } from "../state/gateway";

export interface Wanted {
  provider?: string;
}

/** Providers that need nothing but a key, and the variable that holds it. */
const KNOWN: [id: string, label: string, variable: string][] = [
  ["anthropic", "Anthropic", "ANTHROPIC_API_KEY"],
  ["openai", "OpenAI", "OPENAI_API_KEY"],
  ["openrouter", "OpenRouter", "OPENROUTER_API_KEY"],
  ["google", "Google Gemini", "GEMINI_API_KEY"],
  ["deepseek", "DeepSeek", "DEEPSEEK_API_KEY"],
  ["moonshot", "Moonshot Kimi", "MOONSHOT_API_KEY"],
  ["zai", "Z.AI GLM", "ZAI_API_KEY"],
  ["minimax", "MiniMax", "MINIMAX_API_KEY"],
  ["qianfan", "Baidu Qianfan", "QIANFAN_API_KEY"],
  ["xiaomi", "Xiaomi MiMo", "XIAOMI_API_KEY"],
  ["xai", "xAI Grok", "XAI_API_KEY"],
  ["mistral", "Mistral", "MISTRAL_API_KEY"],
  ["groq", "Groq", "GROQ_API_KEY"],
];

const OTHER = "";

interface Props {
  wanted: Wanted;
  /** Providers that have their key in the configuration. */
  configured: string[];
  close(): void;
  added(): Promise<void>;
}

export function AddKey({ wanted, configured, close, added }: Props) {
  const provider = useSignal(wanted.provider ?? "anthropic");
  const key = useSignal("");
  const name = useSignal("");
  const address = useSignal("");
  const model = useSignal("");
  const isBusy = useSignal(false);
  const isOther = provider.value === OTHER;
  const known = KNOWN.find(([id]) => id === provider.value);
  const names = new Set([
    ...KNOWN.map(([id]) => id),
    ...(wanted.provider ? [wanted.provider] : []),
  ]);

  /** What changes in the configuration. */
  const patch = () => {
    const apiKey = key.value.trim();
    const block = (id: string, inside: object) => ({ models: { providers: { [id]: inside } } });
    if (isOther) {
      const id = model.value.trim();
      return block(name.value.trim(), {
        baseUrl: address.value.trim(),
        api: "openai-completions",
        ...(apiKey && { apiKey }),
        models: [{ id, name: id }],
      });
    }
    if (known && !configured.includes(provider.value))
      return { env: { vars: { [known[2]]: apiKey } } };
    return block(provider.value, { apiKey });
  };
  const save = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    const now = await trying(client.call<{ hash: string }>("config.get"));
    const params = { raw: JSON.stringify(patch()), baseHash: now?.hash || undefined };
    const done = now && (await trying(client.call("config.patch", params)));
    isBusy.value = false;
    if (!done) return;
    key.value = "";
    say(t("ui.saved"));
    close();
    void reloadSoon(added);
  };
  return (
    <Dialog title={t("models.addKey")} onClose={close}>
      <h2>{t("models.addKey")}</h2>
      <form class="form" onSubmit={(event) => void save(event)}>
        <label>
          <span>{t("models.provider")}</span>
          <select
            value={provider.value}
            onChange={(event) => (provider.value = event.currentTarget.value)}
          >
            {[...names].map((id) => (
              <option key={id} value={id}>
                {KNOWN.find(([it]) => it === id)?.[1] ?? id}
              </option>
            ))}
            <option value={OTHER}>{t("models.other")}</option>
          </select>
        </label>
        {isOther && (
          <>
            <Line label={t("models.other.name")} of={name} hint="my-server" />
            <Line
              label={t("models.other.address")}
              of={address}
              hint="http://127.0.0.1:8000/v1"
              type="url"
            />
            <Line label={t("models.other.model")} of={model} hint="llama-3.3-70b" />
          </>
        )}
        <label>
          <span>{t("models.key")}</span>
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            required={!isOther}
            value={key.value}
            onInput={(event) => (key.value = event.currentTarget.value)}
          />
        </label>
        <p class="muted">{t("models.key.kept")}</p>
        <div class="buttons">
          <button type="button" onClick={close}>
            {t("ui.cancel")}
          </button>
          <button type="submit" class="primary" disabled={isBusy.value}>
            {t("ui.save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface LineProps {
  label: string;
  of: { value: string };
  hint: string;
  type?: "text" | "url";
}

function Line({ label, of, hint, type }: LineProps) {
  return (
    <label>
      <span>{label}</span>
      <input
        type={(type ?? "text") as "text"}
        required
        spellcheck={false}
        placeholder={hint}
        value={of.value}
        onInput={(event) => (of.value = event.currentTarget.value)}
      />
    </label>
  );
}
