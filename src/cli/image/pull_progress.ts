// SPDX-License-Identifier: MIT
// Pulls an image for a person, with progress and notes.
import { parseImageConfig } from "../../images/image_config.ts";
import { imageNotes, type NoteOptions } from "../../images/image_notes.ts";
import { pull, type PullOptions } from "../../images/pull.ts";
import { type Reference, shortName } from "../../images/reference.ts";
import type { StoredImage } from "../../images/store/graph.ts";
import type { ImageStore } from "../../images/store/image_store.ts";
import { printStderr } from "../text/print.ts";

/** Clears the line that the cursor is on (ECMA-48). */
const CLEAR_LINE = "\r\x1b[K";

/** Whether a pull shows nothing. */
export interface QuietOption {
  readonly quiet?: boolean | undefined;
}

/**
 * Pulls an image, and shows on standard error how far it is: one line that changes on a terminal, one
 * line in all elsewhere, none where it is to be quiet. Ctrl-C ends it.
 */
export async function pullForPerson(
  store: ImageStore,
  reference: Reference,
  options: Omit<PullOptions, "onProgress"> & QuietOption = {},
  noteOptions: NoteOptions = {},
): Promise<StoredImage> {
  if (options.quiet) return await pull(store, reference, options);
  const name = shortName(reference.name);
  const terminal = Deno.stderr.isTerminal();
  const show = (text: string) =>
    Deno.stderr.writeSync(new TextEncoder().encode(`${CLEAR_LINE}${text}`));
  let layers = 0;
  const began = `Pulling ${name}`;
  if (terminal) show(began);
  else printStderr(began);
  try {
    const image = await pull(store, reference, {
      ...options,
      onProgress: (line) => {
        if (!terminal) return;
        if (line.startsWith("Copying blob")) layers++;
        const step = line.startsWith("Copying blob") ? `layer ${layers}` : line.split(" ")[0];
        show(`${began}: ${step?.toLowerCase()}`);
      },
    });
    const notes = notesOf(store, reference.name, image, noteOptions);
    if (terminal && notes.length > 0) show("");
    notes.forEach(printStderr);
    return image;
  } finally {
    if (terminal) show("");
  }
}

/** Returns what a person should know of an image that has come. */
export function notesOf(
  store: ImageStore,
  name: string,
  image: StoredImage,
  options: NoteOptions = {},
): string[] {
  const config = parseImageConfig(store.graph.configText(image));
  return imageNotes(config, options).map((note) => `${shortName(name)} ${note}`);
}
