// SPDX-License-Identifier: MIT

/** What went wrong with images, in words for the person who asked for it. */
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
