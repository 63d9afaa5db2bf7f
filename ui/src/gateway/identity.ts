// Who this browser is: an Ed25519 key that never leaves it, and the signature over a `connect`.
// Browsers keep keys only on pages that they trust (HTTPS, or localhost).

const DATABASE = "openclaw-identity";
const STORE = "keys";
const KEY = "device";

export interface Identity {
  deviceId: string;
  publicKey: string;
  sign(text: string): Promise<string>;
}

export interface Signed {
  clientId: string;
  clientMode: string;
  role: string;
  scopes: string[];
  signedAt: number;
  token: string;
  nonce: string;
  platform: string;
}

/** The text that is signed. */
export function signedText(deviceId: string, it: Signed): string {
  const scopes = it.scopes.join(",");
  const platform = it.platform.trim().replace(/[A-Z]/g, (c) => c.toLowerCase());
  return [
    "v3",
    deviceId,
    it.clientId,
    it.clientMode,
    it.role,
    scopes,
    String(it.signedAt),
    it.token,
    it.nonce,
    platform,
    "",
  ].join("|");
}

export function base64url(bytes: ArrayBuffer): string {
  const text = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** This browser's identity, made at the first call; `null` where there can be none. */
export async function identity(): Promise<Identity | null> {
  const subtle = globalThis.crypto?.subtle;
  if (!globalThis.isSecureContext || !subtle || !globalThis.indexedDB) return null;
  try {
    const pair = (await load()) ?? (await make(subtle));
    const raw = await subtle.exportKey("raw", pair.publicKey);
    const digest = new Uint8Array(await subtle.digest("SHA-256", raw));
    const deviceId = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return {
      deviceId,
      publicKey: base64url(raw),
      sign: async (text) =>
        base64url(await subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text))),
    };
  } catch {
    // Older browsers know no Ed25519, and private windows may keep nothing.
    return null;
  }
}

async function make(subtle: SubtleCrypto): Promise<CryptoKeyPair> {
  const pair = (await subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const database = await open();
  const write = database.transaction(STORE, "readwrite");
  write.objectStore(STORE).put(pair, KEY);
  await new Promise((resolve, reject) => {
    write.oncomplete = resolve;
    write.onerror = reject;
  });
  database.close();
  return pair;
}

async function load(): Promise<CryptoKeyPair | undefined> {
  const database = await open();
  const found = await done(database.transaction(STORE).objectStore(STORE).get(KEY));
  database.close();
  return found as CryptoKeyPair | undefined;
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return done(request);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
