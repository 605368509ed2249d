// SPDX-License-Identifier: MIT
// What a containers-storage that is killed leaves in its files. All of it is for one who has the store alone.
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { exists } from "../../linux/fs/exists.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { parentDir } from "../../linux/fs/path_names.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { writeDurably } from "../../linux/fs/write_atomic.ts";
import { unmountAll } from "../../linux/mount/unmount.ts";

/** The names of directories that are no layers, such as `metacopy-check348747840` and `compat2953465`. */
const PROBE = /(?:check|compat)\d+$/;

/** Name of the directory of an image's files. */
const HEX_NAME = /^[0-9a-f]{64}$/;

/**
 * Removes files that nothing reads: the directories in which containers-storage tries what the kernel
 * can do, the files that it was writing, and those of images that are in no list.
 *
 * @param run The directory of what does not outlive a boot.
 * @param images Ids of the images that are in the list.
 */
export function removeTemporaries(dir: string, run: string, images: ReadonlySet<unknown>): void {
  const overlay = `${dir}/overlay`;
  for (const name of namesIn(overlay).filter((name) => PROBE.test(name))) {
    unmountAll(`${overlay}/${name}`);
    Deno.removeSync(`${overlay}/${name}`, { recursive: true });
  }
  for (const top of [dir, run]) {
    for (const list of ["overlay-layers", "overlay-images"]) removeUnwritten(`${top}/${list}`);
  }
  for (const name of namesIn(`${dir}/overlay-images`).filter((name) => HEX_NAME.test(name))) {
    const files = `${dir}/overlay-images/${name}`;
    if (images.has(name)) removeUnwritten(files);
    else removeTree(files);
  }
}

/** Removes the files of a directory that containers-storage writes before it gives them their names. */
function removeUnwritten(dir: string): void {
  for (const name of namesIn(dir)) if (name.startsWith(".tmp-")) removeFile(`${dir}/${name}`);
}

/**
 * Repairs the short links to layers, in `overlay/l`, before skopeo runs. Each layer notes its link in a
 * file `link`, written after the link is made. Where that file is missing, a removal of the layer leaves
 * the link; where it is empty, the removal takes the links of all layers, which are made again here.
 */
export function repairShortLinks(dir: string): void {
  for (const name of namesIn(`${dir}/overlay/l`)) {
    const link = `${dir}/overlay/l/${name}`;
    if (!exists(link)) {
      removeFile(link);
      continue;
    }
    const note = `${parentDir(Deno.realPathSync(link))}/link`;
    if (!ifThere(() => Deno.readTextFileSync(note))) writeDurably(note, name);
  }
  for (const { name: id, isDirectory } of dirEntries(`${dir}/overlay`)) {
    const layer = `${dir}/overlay/${id}`;
    const name = isDirectory ? shortLink(layer) : undefined;
    if (name === undefined || !exists(`${layer}/diff`)) continue;
    const link = `${dir}/overlay/l/${name}`;
    if (exists(link)) continue;
    Deno.mkdirSync(parentDir(link), { recursive: true, mode: 0o700 });
    Deno.symlinkSync(`../${id}/diff`, link);
  }
}

/** Returns the name of the short link that the layer of this directory has noted, if it has one. */
export function shortLink(layer: string): string | undefined {
  const name = ifThere(() => Deno.readTextFileSync(`${layer}/link`))?.trim() ?? "";
  return /^[A-Z0-9]+$/.test(name) ? name : undefined;
}

function namesIn(dir: string): string[] {
  return dirEntries(dir).map(({ name }) => name);
}
