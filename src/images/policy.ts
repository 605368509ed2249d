// SPDX-License-Identifier: MIT
// The policy for signatures that skopeo obeys: the host's, or berth's own.
import { exists } from "../linux/fs/exists.ts";
import { writeAtomic } from "../linux/fs/write_atomic.ts";
import type { ImageStore } from "./store/image_store.ts";

/** The policy where the host has none: every image is taken whose digests are right. */
const ANYTHING = { default: [{ type: "insecureAcceptAnything" }] };

/** Returns the path of the host's own policy for signatures (containers-policy.json(5)), if it has one. */
export function hostPolicy(): string | undefined {
  const home = Deno.env.get("HOME");
  const own = home ? [`${home}/.config/containers/policy.json`] : [];
  return [...own, "/etc/containers/policy.json"].find(exists);
}

/** Returns the policy that takes any image. */
export function ownPolicy(store: ImageStore): string {
  const path = `${store.dir}/policy.json`;
  if (!exists(path)) writeAtomic(path, JSON.stringify(ANYTHING));
  return path;
}
