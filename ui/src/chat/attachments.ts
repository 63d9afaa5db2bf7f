// Pictures that go along with a message: from the clipboard, a drop, or the file dialog.

export interface Attachment {
  id: string;
  name: string;
  mimeType: string;
  dataUrl: string;
  bytes: number;
}

export type Refusal = "type" | "size" | "total";

const KINDS = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** Whether a file may go along: by itself, and beside what goes along already. */
export function refusal(
  file: { type: string; size: number },
  bytesMax: number,
  bytesLeft = Number.POSITIVE_INFINITY,
): Refusal | null {
  if (!KINDS.includes(file.type)) return "type";
  if (file.size > bytesMax) return "size";
  return file.size > bytesLeft ? "total" : null;
}

export function read(file: File): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onerror = () => reject(reader.error);
    reader.onload = () =>
      resolve({
        id: crypto.randomUUID(),
        name: file.name || "picture",
        mimeType: file.type,
        dataUrl: String(reader.result),
        bytes: file.size,
      });
    reader.readAsDataURL(file);
  });
}

/** The files of a drop or of the clipboard. */
export function filesOf(data: DataTransfer | null): File[] {
  return data ? Array.from(data.files) : [];
}
