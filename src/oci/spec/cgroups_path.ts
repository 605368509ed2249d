// SPDX-License-Identifier: MIT
// The paths of containers' cgroups in their specs, for cgroupfs and for systemd.
import type { CgroupDriver } from "../../linux/cgroup/driver.ts";

/**
 * Returns the `linux.cgroupsPath` of a container whose spec names none. Below the cgroup
 * `name`, the daemon's own, and so no unit of systemd, whatever the id; or as `slice:prefix:name`, of
 * which the runtime has systemd make the scope `<prefix>-<name>.scope`.
 */
export function defaultCgroupsPath(driver: CgroupDriver, name: string, id: string): string {
  return driver === "systemd" ? systemdPath("system.slice", name, id) : `/${name}/${id}`;
}

/** Returns the `linux.cgroupsPath` of a container below `parent`: a slice of systemd, or a cgroup. */
export function cgroupsPathBelow(parent: string, id: string): string {
  if (/^[^/]+\.slice$/.test(parent)) return systemdPath(parent, "berth", id);
  const trimmed = parent.replace(/^\/+|\/+$/g, "");
  return trimmed === "" ? `/${id}` : `/${trimmed}/${id}`;
}

/**
 * Returns the `linux.cgroupsPath` of a container that was called `from` and is called `to` now: one that
 * is named after the container is so again, any other stays.
 */
export function renamedCgroupsPath(path: string, from: string, to: string): string {
  const [separator, nameOf] = isSystemdPath(path) ? [":", scopeName] : ["/", (id: string) => id];
  const parent = path.slice(0, path.lastIndexOf(separator) + 1);
  return parent !== "" && path === parent + nameOf(from) ? parent + nameOf(to) : path;
}

/**
 * Returns whether a `linux.cgroupsPath` is one for systemd, `slice:prefix:name` (runc's
 * docs/systemd.md).
 */
export function isSystemdPath(path: string): boolean {
  return /^[^/:]*:[^/:]*:[^/:]+$/.test(path);
}

/**
 * Returns the cgroup that a `linux.cgroupsPath` comes to, below each hierarchy; undefined where the
 * runtime chooses the place. A slice `a-b.slice` is in `a.slice` (systemd.slice(5)).
 */
export function cgroupOfPath(path: string): string | undefined {
  if (!isSystemdPath(path)) {
    return path.startsWith("/") ? path.replace(/(?<=.)\/+$/, "") : undefined;
  }
  const [given = "", prefix = "", name = ""] = path.split(":");
  // Of the system's slice it is where none is named (runc's docs/systemd.md).
  const slice = given === "" ? "system.slice" : given;
  const parts = slice.replace(/\.slice$/, "").split("-").filter((part) => part !== "");
  const slices = parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`);
  const unit = name.endsWith(".slice") ? name : `${prefix === "" ? "" : `${prefix}-`}${name}.scope`;
  return `/${[...slices, unit].join("/")}`;
}

function systemdPath(slice: string, prefix: string, id: string): string {
  return `${slice}:${prefix}:${scopeName(id)}`;
}

/** Returns the name for a container's scope: one that ends in `.slice` would be that slice itself. */
function scopeName(id: string): string {
  return /\.slice-*$/.test(id) ? `${id}-` : id;
}
