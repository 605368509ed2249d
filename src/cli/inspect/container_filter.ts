// SPDX-License-Identifier: MIT
// The filters of `berth ps --filter`.
import { type Filter, type FilterTests, hasLabel, parseFilter } from "../text/filter.ts";
import { InvalidArgumentError } from "commander";
import { shortName } from "../../images/reference.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { IMAGE_ID_LABEL, IMAGE_LABEL } from "../common/labels.ts";
import { stateWord } from "./container_rows.ts";

/** docker's filters of `ps` that berth has something for. */
export const CONTAINER_FILTERS: FilterTests<ContainerState> = {
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

/** Parses docker's `KEY=VALUE`. Throws commander's `InvalidArgumentError`. */
export function parseContainerFilter(text: string): Filter {
  const { key, value } = parseFilter(text, CONTAINER_FILTERS);
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
