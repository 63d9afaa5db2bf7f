// What was typed and not sent: it outlives a lost line, another view, and a reload of the page.

const PREFIX = "openclaw.draft.";

export function draft(key: string): string {
  try {
    return sessionStorage.getItem(PREFIX + key) ?? "";
  } catch {
    return "";
  }
}

export function keepDraft(key: string, text: string): void {
  try {
    if (text) sessionStorage.setItem(PREFIX + key, text);
    else sessionStorage.removeItem(PREFIX + key);
  } catch {
    // Nothing is kept where nothing may be kept.
  }
}
