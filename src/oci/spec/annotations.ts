// SPDX-License-Identifier: MIT

/** The annotation that names the signal which asks a container to end (image-spec, annotations.md). */
export const STOP_SIGNAL_ANNOTATION = "org.opencontainers.image.stopSignal";
