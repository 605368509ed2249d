// SPDX-License-Identifier: MIT
// The errors of images, in words for the person who asked.
import { errnoNameOf } from "../linux/libc/errno.ts";

/** A failure with images, in words for the person who asked for it. */
export class ImageError extends Error {
  override name = "ImageError";
}

/** There is no such image here, or none where it was to be pulled from. */
export class ImageNotFoundError extends ImageError {
  override name = "ImageNotFoundError";
}

/** The store has an image of the same config with other layers. */
export class ImageClashError extends ImageError {
  override name = "ImageClashError";
}

/** The disk is full. */
export class DiskFullError extends ImageError {
  override name = "DiskFullError";
}

/** A container uses the image, or an image name would be taken from under one. */
export class ImageInUseError extends ImageError {
  override name = "ImageInUseError";
}

/** The `skopeo` program is not there. */
export class SkopeoMissingError extends ImageError {
  override name = "SkopeoMissingError";
}

/** Errnos of a write for which there is no room. */
const FULL: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Runs `write`, which writes below the store.
 *
 * @param what The purpose, such as `import my/base:1`, for the message.
 * @throws {DiskFullError} if there is no room; what else `write` throws.
 */
export async function explainFullDisk<T>(what: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof ImageError || !FULL.has(errnoNameOf(error))) throw error;
    throw new DiskFullError(`cannot ${what}: the disk is full`, { cause: error });
  }
}
