// SPDX-License-Identifier: MIT

/** A range of ids of a user namespace (runtime-spec, config-linux.md, "User namespace mappings"). */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** Which ids of the host the users and groups of a user namespace have. */
export interface UserNamespace {
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

/** Number of ids, and the first that is none: (uid_t) -1. */
const IDS = 2 ** 32 - 1;

/**
 * Reads `CONTAINER:HOST:SIZE`, several with commas between, as `podman --uidmap` takes each; undefined
 * where the text is none, maps an id twice, or leaves out root.
 */
export function parseIdMappings(text: string): IdMapping[] | undefined {
  const mappings: IdMapping[] = [];
  for (const part of text.split(",")) {
    const [, container, host, size] = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(part) ?? [];
    if (size === undefined) return undefined;
    mappings.push({ containerID: Number(container), hostID: Number(host), size: Number(size) });
  }
  const isFit = ({ containerID, hostID, size }: IdMapping) =>
    size > 0 && containerID + size <= IDS && hostID + size <= IDS;
  const hasRoot = mappings.some(({ containerID }) => containerID === 0);
  if (!hasRoot || !mappings.every(isFit)) return undefined;
  const overlaps = (["containerID", "hostID"] as const).some((side) => {
    const sorted = mappings.toSorted((a, b) => a[side] - b[side]);
    return sorted.some((one, index) => {
      const next = sorted[index + 1];
      return next !== undefined && one[side] + one.size > next[side];
    });
  });
  return overlaps ? undefined : mappings;
}

/** Returns the id on the host of an id of the user namespace; undefined where it has none. */
export function hostId(mappings: readonly IdMapping[], id: number): number | undefined {
  const mapping = mappings.find(({ containerID, size }) =>
    id >= containerID && id < containerID + size
  );
  return mapping && mapping.hostID + id - mapping.containerID;
}

/** Returns the ids that root of the user namespace has on the host. */
export function hostRoot(
  { uidMappings, gidMappings }: UserNamespace,
): { uid: number; gid: number } {
  const of = (mappings: readonly IdMapping[]) => hostId(mappings, 0) ?? 0;
  return { uid: of(uidMappings), gid: of(gidMappings) };
}
