// SPDX-License-Identifier: MIT
// The labels by which berth knows its containers; `oci/own_dirs_layout.ts` has those of directories.

/** The prefix of berth's own labels, which a user's labels cannot have. */
export const LABEL_PREFIX = "berth.";

/** The label that keeps a container's command line, for `ps`. */
export const COMMAND_LABEL = "berth.command";

/** The label that tells which command has created a container: a random word of its own. */
export const REQUEST_LABEL = "berth.request";

/** The label that keeps the name of the image that a container was made from. */
export const IMAGE_LABEL = "berth.image";

/** The label that keeps the id of that image: as long as there is the container, the image stays. */
export const IMAGE_ID_LABEL = "berth.image-id";

/** The label that keeps the first uid of a container's own part of the subordinate ids. */
export const USERNS_LABEL = "berth.userns";
