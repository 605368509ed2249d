// SPDX-License-Identifier: MIT
import { type Filter, type FilterTests, hasLabel, parseFilter } from "../text/filter.ts";
import { InvalidArgumentError } from "commander";
import { parseImageConfig } from "../../images/image_config.ts";
import { ImageError } from "../../images/image_errors.ts";
import type { UsedImages } from "../../images/remove/remove.ts";
import { shortId, shortName } from "../../images/reference.ts";
import type { StoredImage } from "../../images/store/graph.ts";
import type { ImageStore } from "../../images/store/image_store.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { parseTime } from "../logs/time_option.ts";
import { formatAge, formatBytes } from "../text/format.ts";
import type { ListFields } from "../text/rows.ts";

/** A name of an image, or an image without a name, as lists show it. */
export interface ImageRow {
  /** The whole name; undefined where it lost its own. */
  readonly name: string | undefined;
  readonly id: string;
  readonly digest: string;
  /** RFC 3339; undefined where the image does not say. */
  readonly created: string | undefined;
  /** The size of its layers, in bytes; shared ones count. */
  readonly size: number;
  /** Ids of containers. */
  readonly usedBy: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Returns a row for each name of each image, in the order of names; those without a name are last. */
export function imageRows(store: ImageStore, used: UsedImages): ImageRow[] {
  const images = store.graph.images();
  const sizes = store.graph.sizes(images);
  const names = store.names.list();
  return images.flatMap((image) => {
    const own = names.filter(({ id }) => id === image.id).map(({ name }) => name);
    const about = {
      id: image.id,
      digest: image.digest,
      ...configOf(store, image),
      size: sizes.get(image.id) ?? 0,
      usedBy: used.get(image.id) ?? [],
    };
    return (own.length > 0 ? own : [undefined]).map((name) => ({ name, ...about }));
  }).sort((a, b) => compareNames(a.name, b.name));
}

/** Orders names, and what has none behind them. */
function compareNames(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return a < b ? -1 : Number(a > b);
}

function configOf(store: ImageStore, image: StoredImage): Pick<ImageRow, "created" | "labels"> {
  try {
    const text = store.graph.configText(image);
    const config: unknown = JSON.parse(text);
    const given = isRecord(config) ? config["created"] : undefined;
    const dated = typeof given === "string" && !Number.isNaN(Date.parse(given));
    return { created: dated ? given : undefined, labels: parseImageConfig(text).labels };
  } catch (error) {
    // A list shows also what nothing can run in.
    if (error instanceof ImageError || error instanceof SyntaxError) {
      return { created: undefined, labels: {} };
    }
    throw error;
  }
}

/** The fields that `--format` and the table can show, by docker's names and berth's own. */
export const IMAGE_FIELDS: ListFields<ImageRow> = {
  Image: { header: "IMAGE", value: ({ name }) => name === undefined ? NONE : shortName(name) },
  Repository: { header: "REPOSITORY", value: ({ name }) => splitName(name).repository },
  Tag: { header: "TAG", value: ({ name }) => splitName(name).tag },
  ID: { header: "ID", value: ({ id }) => shortId(id) },
  Digest: { header: "DIGEST", value: ({ digest }) => digest },
  CreatedSince: {
    header: "AGE",
    kind: "figure",
    value: ({ created }, now) => created === undefined ? "-" : formatAge(now - Date.parse(created)),
  },
  CreatedAt: { header: "CREATED AT", value: ({ created }) => created ?? "-" },
  Size: { header: "SIZE", kind: "figure", value: ({ size }) => formatBytes(size) },
  UsedBy: { header: "USED BY", value: ({ usedBy }) => usedBy.join(", ") || "-" },
  Containers: {
    header: "CONTAINERS",
    kind: "figure",
    value: ({ usedBy }) => String(usedBy.length),
  },
  Label: { header: "LABEL", value: ({ labels }, _now, label = "") => labels[label] ?? "" },
};

const NONE = "<none>";

function splitName(name: string | undefined): { repository: string; tag: string } {
  if (name === undefined) return { repository: NONE, tag: NONE };
  const short = shortName(name);
  const at = short.indexOf("@");
  const colon = short.lastIndexOf(":");
  if (at >= 0) return { repository: short.slice(0, at), tag: NONE };
  if (colon <= short.lastIndexOf("/")) return { repository: short, tag: NONE };
  return { repository: short.slice(0, colon), tag: short.slice(colon + 1) };
}

/** docker's filters of `images` that berth has something for. */
export const IMAGE_FILTERS: FilterTests<ImageRow> = {
  reference: ({ name }, value) => name !== undefined && matchesReference(shortName(name), value),
  dangling: ({ name }, value) => (name === undefined) === (value === "true"),
  label: ({ labels }, value) => hasLabel(labels, value),
};

/** Parses docker's `KEY=VALUE`. Throws commander's `InvalidArgumentError`. */
export function parseImageFilter(text: string): Filter {
  const { key, value } = parseFilter(text, IMAGE_FILTERS);
  if (key === "dangling" && !/^(true|false)$/.test(value)) {
    throw new InvalidArgumentError("dangling is true or false");
  }
  return { key, value };
}

/** Returns whether an image passes one `--filter` of `image prune`. */
export type PruneFilter = (store: ImageStore, image: StoredImage) => boolean;

/** Parses docker's `KEY=VALUE`. Throws commander's `InvalidArgumentError`. */
export function parsePruneFilter(text: string): PruneFilter {
  const [, key, value = ""] = /^(until|label!?)=(.+)$/s.exec(text) ?? [];
  if (key === undefined) {
    throw new InvalidArgumentError("expected until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]");
  }
  if (key === "until") {
    const time = parseTime(value);
    // An image without a date is older than any other, as to docker.
    return (store, image) => Date.parse(configOf(store, image).created ?? "1970-01-01") < time;
  }
  const has = key === "label";
  return (store, image) => hasLabel(configOf(store, image).labels, value) === has;
}

/** Returns whether a name is the pattern's, with or without its tag; `*` stands for all but a slash. */
export function matchesReference(name: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
  const source = escaped.replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
  const exact = new RegExp(`^${source}$`);
  return exact.test(name) || exact.test(splitName(name).repository);
}
