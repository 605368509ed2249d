// SPDX-License-Identifier: MIT
// The labels by which berth knows its containers' images, files and commands.

/** The prefix of berth's own labels, which a user's labels cannot have. */
export const LABEL_PREFIX = "berth.";

/** The label that keeps a container's command line, for `ps`. */
export const COMMAND_LABEL = `${LABEL_PREFIX}command`;

/** The label that tells which command has created a container: a random word of its own. */
export const REQUEST_LABEL = `${LABEL_PREFIX}request`;

/** The label that keeps the name of the image that a container was made from. */
export const IMAGE_LABEL = `${LABEL_PREFIX}image`;

/** The label that keeps the id of that image: as long as there is the container, the image stays. */
export const IMAGE_ID_LABEL = `${LABEL_PREFIX}image-id`;

/** The label that keeps the first uid of a container's own part of the subordinate ids. */
export const USERNS_LABEL = `${LABEL_PREFIX}userns`;
