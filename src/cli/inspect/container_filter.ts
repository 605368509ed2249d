// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { shortName } from "../../images/reference.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { hasLabel, IMAGE_ID_LABEL, IMAGE_LABEL } from "../image/labels.ts";
import { stateWord } from "./container_fields.ts";

type Test = (container: ContainerState, value: string) => boolean;

/** docker's filters of `ps` that berth has something for. */
const TESTS: Readonly<Record<string, Test>> = {
  id: ({ id }, value) => id.startsWith(value),
  // docker: a regular expression for any part of the name, which may begin with a slash
  name: ({ id }, value) => [id, `/${id}`].some((name) => new RegExp(value).test(name)),
  status: (container, value) => stateWord(container) === value || container.status === value,
  exited: ({ status, exitStatus }, value) => status === "stopped" && String(exitStatus) === value,
  // docker: an image's name, whose tag may be left out, or its id
  ancestor: ({ labels }, value) => {
    const name = shortName(labels[IMAGE_LABEL] ?? "");
    return value !== "" && ([name, name.replace(/:latest$/, "")].includes(shortName(value)) ||
      (labels[IMAGE_ID_LABEL] ?? "").startsWith(value));
  },
  label: ({ labels }, value) => hasLabel(labels, value),
};

const STATES = ["created", "running", "paused", "restarting", "exited", "stopped"];

/** One `--filter`. */
export interface ContainerFilter {
  readonly key: string;
  readonly value: string;
}

/** Parses docker's `KEY=VALUE`. Throws commander's `InvalidArgumentError`. */
export function parseFilter(text: string): ContainerFilter {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (at < 1 || !Object.hasOwn(TESTS, key)) {
    throw new InvalidArgumentError(
      `expected KEY=VALUE, KEY one of ${Object.keys(TESTS).join(", ")}`,
    );
  }
  if (key === "status" && !STATES.includes(value)) {
    throw new InvalidArgumentError(`status is one of ${STATES.join(", ")}`);
  }
  if (key === "exited" && !/^\d+$/.test(value)) {
    throw new InvalidArgumentError("exited is an exit status, such as 0");
  }
  if (key === "name" && !isPattern(value)) {
    throw new InvalidArgumentError("name is a part of the name, or a regular expression for one");
  }
  return { key, value };
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) !== undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/**
 * Returns whether a container passes: of filters with one key, one is enough; each key has to be
 * met.
 */
export function passes(container: ContainerState, filters: readonly ContainerFilter[]): boolean {
  const keys = new Set(filters.map(({ key }) => key));
  return [...keys].every((wanted) =>
    filters.some(({ key, value }) => key === wanted && TESTS[key]?.(container, value))
  );
}
