// SPDX-License-Identifier: MIT
// Notes for a person on settings of an image that have no effect.
import { ARCHITECTURE, type ImageConfig } from "./image_config.ts";

/** How many ports a note names at most. */
const MAX_PORTS = 8;

/** The notes to leave out. */
export interface NoteOptions {
  /** Whether to tell the ports that it exposes; default: true. */
  readonly ports?: boolean;
}

/** Returns the settings of an image that have no effect here, each to be read after the image's name. */
export function imageNotes(config: ImageConfig, options: NoteOptions = {}): string[] {
  // Only ports are repeated: the text is the image's.
  const ports = config.exposedPorts.filter((port) => /^\d+(-\d+)?(\/(tcp|udp|sctp))?$/.test(port));
  const more = ports.length > MAX_PORTS ? " and more" : "";
  return [
    ...config.hasHealthcheck ? ["asks for health checks, which berth does not run"] : [],
    ...options.ports !== false && ports.length > 0
      ? [`exposes ${ports.slice(0, MAX_PORTS).join(", ")}${more}, which only -p publishes`]
      : [],
    ...machineNotes(config),
  ];
}

/** Returns the one of {@linkcode imageNotes} that tells of another machine; none for this one. */
export function machineNotes({ architecture }: ImageConfig): string[] {
  if (architecture === ARCHITECTURE) return [];
  return [`is for ${/^\w+$/.test(architecture) ? architecture : "another machine"}`];
}
