// SPDX-License-Identifier: MIT

/** The label that keeps the name of the image that a container was made from. */
export const IMAGE_LABEL = "berth.image";
/** The label that keeps the id of that image: as long as there is the container, the image stays. */
export const IMAGE_ID_LABEL = "berth.image-id";
