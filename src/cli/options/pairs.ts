// SPDX-License-Identifier: MIT
// Parses labels, annotations and other `key=value` options.
import { InvalidArgumentError } from "commander";
import { LABEL_PREFIX } from "../common/labels.ts";

/** Values by their keys: labels, annotations, kernel parameters. */
export type Pairs = Readonly<Record<string, string>>;

/** Splits `k=v`. Throws commander's `InvalidArgumentError`. */
function pairOf(text: string): [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("expected key=value");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Collects `k=v` by the key. Throws commander's `InvalidArgumentError`. */
export function collectPair(text: string, previous: Pairs | undefined): Pairs {
  const [key, value] = pairOf(text);
  return { ...previous, [key]: value };
}

/** Collects a label as docker takes it: without `=` its value is empty. */
export function collectLabel(text: string, previous: Pairs | undefined): Pairs {
  const [key, value] = labelEntry(text);
  return { ...previous, [key]: value };
}

/** Splits a label. Throws commander's `InvalidArgumentError` for one that cannot be kept. */
export function labelEntry(text: string): [key: string, value: string] {
  const [key, value] = text.includes("=") ? pairOf(text) : [text, ""];
  if (key === "") {
    throw new InvalidArgumentError(`a label cannot be called ${JSON.stringify(key)}`);
  }
  if (key.startsWith(LABEL_PREFIX)) {
    throw new InvalidArgumentError(
      `${key}: labels that begin with ${LABEL_PREFIX} are berth's own`,
    );
  }
  return [key, value];
}
